// Copies that come before the word of their shard wait in a bounded inbox, and what finds no room is counted.
import type { CopiedPacket } from "../ports/datapath.ts";
import { createCopyInbox } from "./captureinbox.ts";

const copy = (): CopiedPacket => ({ uuid: new Uint8Array(16), point: 0, timeNs: 0n, ifnum: 1, vlan: 0, gsoSize: 0, length: 1, data: new Uint8Array(1) });

test("O-4 copies that find the inbox full are counted for their session, for a second", () => {
  const inbox = createCopyInbox();
  for (let n = 0; n < 4_099; n++) inbox.wait(copy(), n < 4_097 ? "a" : "b", 0);
  expect([inbox.held(), inbox.lostOf("a"), inbox.lostOf("b"), inbox.lostOf("c")]).toEqual([[{ name: "copies that wait for their capture", entries: 4_096, limit: 4_096 }], 1, 2, 0]);
  expect([inbox.takeAgain(999).length, inbox.lostOf("a"), inbox.held()[0]?.entries]).toEqual([4_096, 1, 0]);
  inbox.takeAgain(1_000);
  expect(inbox.lostOf("a")).toBe(0);
});

test("a copy waits a second, however often it is looked at; counts are kept of a bounded number of sessions", () => {
  const inbox = createCopyInbox(), one = copy();
  inbox.wait(one, "a", 0);
  for (const again of inbox.takeAgain(600)) inbox.wait(again, "a", 600);
  expect([inbox.takeAgain(1_000), inbox.held()[0]?.entries]).toEqual([[], 0]);
  for (let n = 0; n < 4_096; n++) inbox.wait(copy(), "full", 2_000);
  for (let n = 0; n <= 4_096; n++) inbox.wait(copy(), `s${n}`, 2_000);
  expect([inbox.lostOf("s4095"), inbox.lostOf("s4096")]).toEqual([1, 0]);
});
