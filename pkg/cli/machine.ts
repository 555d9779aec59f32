// What svrctl does on its own machine beside asking: it waits, opens a connection, and writes files. Constructed by cmd/svrctl.
import { open, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { fail, ok } from "../base/result.ts";
import type { Surroundings } from "./surroundings.ts";

const TEXT_MOST = 65_536; // bytes of a text file

/** createMachine gives both; `signal` ends a wait early. A file is for its owner alone: what hosts say is in it. */
export function createMachine(signal: AbortSignal): Pick<Surroundings, "pause" | "connect" | "readText" | "writeFile"> {
  return {
    pause: async (ms) => {
      if (signal.aborted) return wait(ms);
      await wait(ms, undefined, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    },
    connect: ({ host, port, timeoutMs }) => new Promise((resolve) => {
      const socket = connect({ host, port, timeout: timeoutMs, signal });
      socket.once("error", (error: NodeJS.ErrnoException) => { resolve(error.code ?? error.message); });
      socket.once("timeout", () => {
        socket.destroy();
        resolve("ETIMEDOUT");
      });
      socket.once("connect", () => {
        socket.setTimeout(0);
        socket.resume();
        resolve({ isOpen: () => socket.readyState === "open", close: () => { socket.destroy(); } });
      });
    }),
    readText: async (path) => {
      try {
        await using file = await open(path);
        const { size } = await file.stat();
        return size > TEXT_MOST ? fail("it is too large") : ok(await file.readFile("utf8"));
      } catch (error) {
        return fail((error as NodeJS.ErrnoException).code ?? "unknown");
      }
    },
    writeFile: async (path, bytes) => {
      try {
        await writeFile(path, bytes, { mode: 0o600 });
        return undefined;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === undefined) throw error;
        return code;
      }
    },
  };
}
