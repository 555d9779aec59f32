// Runs code of a test in a network namespace: the calling thread enters it, works, and goes back. For tests that hold a data
// plane in their own process; sockets, pins and links made meanwhile belong to that namespace. Only synchronous work can be run.
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";
import type { Net } from "./net.ts";
import { namespaceFolder } from "./run.ts";

const CLONE_NEWNET = 0x40000000;

function enter(file: number): void {
  const setns = koffi.load("libc.so.6").func("int setns(int file, int type)") as (file: number, type: number) => number;
  if (setns(file, CLONE_NEWNET) !== 0) throw new Error("the namespace cannot be entered");
}

/** insideNamespace gives what `work` gives, run in the namespace of a node. */
export function insideNamespace<T>(net: Net, node: string, work: () => T): T {
  const home = openSync("/proc/thread-self/ns/net", "r");
  const there = openSync(join(namespaceFolder, net.namespace(node)), "r");
  try {
    enter(there);
    return work();
  } finally {
    enter(home);
    closeSync(there);
    closeSync(home);
  }
}
