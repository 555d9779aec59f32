// Where routers keep their admin sockets: ROOT/NAME/admin.sock. Constructed by cmd/svrctl with the default state folders.
// Looks only; never connects.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SocketFinder } from "./surroundings.ts";

/** stateRoots are the folders below which routers keep their state by default. */
export const stateRoots: readonly string[] = ["/var/lib/opensvr", "/run/opensvr"];

const socketName = "admin.sock";

type Presence = "there" | "absent" | "forbidden";

/** createSocketFinder looks below these folders; one that does not exist holds no router. */
export function createSocketFinder(roots: readonly string[] = stateRoots): SocketFinder {
  return {
    roots,
    async list() {
      const found = (await Promise.all(roots.map(placesBelow))).flat();
      const paths = (presence: Presence): string[] => found.filter((place) => place.presence === presence).map((place) => place.path).toSorted();
      return { sockets: paths("there"), forbidden: paths("forbidden") };
    },
    async of(router) {
      const candidates = roots.map((root) => join(root, router, socketName));
      const presences = await Promise.all(candidates.map(presenceOf));
      return candidates[Math.max(0, presences.findIndex((presence) => presence !== "absent"))] ?? socketName;
    },
  };
}

async function placesBelow(root: string): Promise<{ path: string; presence: Presence }[]> {
  try {
    const paths = (await readdir(root)).map((name) => join(root, name, socketName));
    return await Promise.all(paths.map(async (path) => ({ path, presence: await presenceOf(path) })));
  } catch (error) {
    return [{ path: root, presence: absenceOf(error) }];
  }
}

async function presenceOf(path: string): Promise<Presence> {
  try {
    return (await stat(path)).isSocket() ? "there" : "absent";
  } catch (error) {
    return absenceOf(error);
  }
}

function absenceOf(error: unknown): Presence {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "absent";
  if (code === "EACCES" || code === "EPERM") return "forbidden";
  throw error;
}
