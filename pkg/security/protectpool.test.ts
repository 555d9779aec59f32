// Keys of many protected sessions: little memory each, and no more mappings of the process however sessions begin and end; the kernel allows 65,530
// of them (vm.max_map_count), and a process that reaches that gets no memory for anything.
import { readFileSync } from "node:fs";
import { Protect } from "../svr/session.ts";
import { openProtect } from "./protect.ts";

const SESSIONS = 150_000, MAPPINGS = 500, BYTES = 4_096;
const way = (fill: number) => ({ key: new Uint8Array(32).fill(fill), salt: new Uint8Array(8).fill(fill) });
const read = (file: string): string => readFileSync(`/proc/self/${file}`, "utf8");
const mappings = (): number => read("maps").split("\n").length, residentKiB = (): number => Number(/VmRSS:\s+(\d+)/.exec(read("status"))?.[1]);

test(`${SESSIONS} protected sessions that end in any order, and others in their place`, () => {
  const store = openProtect(SESSIONS), uuid = new Uint8Array(16), of = (index: number) => ({ ref: { index, uuid }, protect: Protect.bodyFwd, peers: [0, 9] as const });
  const begin = (index: number) => { store.session({ ...of(index), body: { suite: 2, keyIndex: 1, forward: way(3), reverse: way(4) } }); };
  try {
    const before = { mappings: mappings(), resident: residentKiB() };
    for (let index = 0; index < SESSIONS; index++) begin(index);
    expect((residentKiB() - before.resident) * 1_024 / SESSIONS).toBeLessThan(BYTES);
    for (let index = 0; index < SESSIONS; index += 2) expect(store.end({ index, uuid })).toBe(true); // no two neighbours
    const full = residentKiB();
    for (let index = 0; index < SESSIONS; index += 2) begin(index);
    expect(residentKiB() - full).toBeLessThan(SESSIONS); // 280,000 KiB if what was given back were not used again
    expect(mappings() - before.mappings).toBeLessThan(MAPPINGS);
  } finally {
    store.close();
  }
}, 60_000);
