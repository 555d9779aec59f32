// The lock in the state directory: one process acts for a router. Called once by the app at start. An abstract Unix
// socket would leak into other namespaces, so the lock is a file that names its owner, checked against living processes.
import { mkdirSync, openSync, closeSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { SvrError } from "../base/errors.ts";

/** StateLock is held until release; release is idempotent. */
export interface StateLock {
  release(): void;
}

/**
 * lockState takes the lock of a state directory, made if absent (mode 0700). A lock whose owner is dead is taken over.
 * Throws SVR_STATE_DIR when the directory cannot be written, SVR_STATE_LOCKED when another process holds it.
 */
export function lockState(directory: string, pid: number, isAlive: (pid: number) => boolean): StateLock {
  const path = join(directory, "lock");
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!tryCreate(path, pid)) {
      const owner = Number(readFileSync(path, "utf8").trim());
      if (Number.isInteger(owner) && owner > 0 && owner !== pid && isAlive(owner)) throw locked(directory, owner);
      unlinkSync(path);
      if (!tryCreate(path, pid)) throw locked(directory, 0);
    }
  } catch (cause) {
    if (cause instanceof SvrError) throw cause;
    throw new SvrError("SVR_STATE_DIR", {
      object: directory, attempted: `cannot lock the state directory ${directory}`,
      fix: "make it writable for this user or pass another --state-dir", cause,
    });
  }
  let held = true;
  return {
    release(): void {
      if (!held) return;
      held = false;
      unlinkSync(path);
    },
  };
}

function tryCreate(path: string, pid: number): boolean {
  try {
    const file = openSync(path, "wx", 0o600);
    writeSync(file, `${pid}\n`);
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function locked(directory: string, owner: number): SvrError {
  return new SvrError("SVR_STATE_LOCKED", {
    object: directory, attempted: `process ${owner} already runs the router of ${directory}`,
    fix: "stop it first, or start this router with its own --name and --state-dir",
  });
}
