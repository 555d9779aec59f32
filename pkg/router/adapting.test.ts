// What ends of a watched TCP session make of what hosts say first (protocol 8.3): by whom, in pieces, out of order, twice.
import { address } from "../../test/lab/config.ts";
import { flowSession } from "../../test/support/flows.ts";
import { arrivalOf, configOfChain, newTurn, tablesOf } from "../../test/support/turn.ts";
import type { TestTurn } from "../../test/support/turn.ts";
import { buildPacket } from "../svr/build.ts";
import { TCP_ACK } from "../svr/constants.ts";
import { Flag, Protect } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { adapts } from "./adapting.ts";
import { handleOf } from "./batch.ts";
import { carriedOf } from "./turn.ts";

const tables = tablesOf(configOfChain());
const START = 0xffff_fffe; // of what the client says: sequence numbers turn over within it
const HELLO = Buffer.from("16030100050100000102", "hex"), HTTP = Buffer.from("GET / HTTP/1.1\r\n\r\n");

interface Watcher { turn: TestTurn; state: Session; again: number[]; say(payload: Uint8Array, at?: { offset?: number; side?: SideIndex; arrivedMs?: number }): boolean; word(): string }

function watcher(role: "ingress" | "egress" = "ingress"): Watcher {
  const turn = newTurn(tables);
  const state = flowSession({ family: 4, proto: "tcp", role }, 1, { protect: Protect.watch, security: 2, nextSeq: [START, 5_000] });
  const again: number[] = [];
  const say: Watcher["say"] = (payload, { offset = 0, side = 0, arrivedMs } = {}) => {
    const seq = side === 0 ? (START + offset) >>> 0 : 5_000 + offset;
    const arrival = arrivalOf(buildPacket({ source: address("10.1.0.10"), destination: address("10.2.0.20") }, { kind: "tcp", sourcePort: 1, destinationPort: 2, seq, flags: TCP_ACK }, payload), arrivedMs === undefined ? {} : { arrivedMs });
    return adapts(turn, arrival, { handle: handleOf(turn.batch, 3, state), side, carried: carriedOf(arrival) }, (held) => void again.push(((held.packet.tcp?.seq ?? 0) - START) >>> 0));
  };
  const word = (): string => ((state.protect & (Protect.encrypted | Protect.encryptedRev)) !== 0 ? "encrypted" : (state.protect & Protect.watch) !== 0 ? "watched" : "clear");
  return { turn, state, again, say, word };
}

test.each<{ desc: string; role?: "ingress" | "egress"; side?: SideIndex; payload: Uint8Array; word: string }>([
  { desc: "a TLS client stays in the clear", payload: HELLO, word: "clear" },
  { desc: "a client that says anything else is encrypted", payload: HTTP, word: "encrypted" },
  { desc: "one byte is enough where it cannot begin TLS", payload: HTTP.subarray(0, 1), word: "encrypted" },
  { desc: "an acknowledgement decides nothing", payload: new Uint8Array(0), word: "watched" },
  { desc: "at the ingress a server decides nothing", side: 1, payload: HTTP, word: "watched" },
  { desc: "at the egress a server that speaks first is encrypted", role: "egress", side: 1, payload: HTTP, word: "encrypted" },
  { desc: "at the egress a TLS client stays in the clear", role: "egress", payload: HELLO, word: "clear" },
  { desc: "at the egress what a client said was judged before", role: "egress", payload: HTTP, word: "watched" },
])("S-6 $desc", ({ role, side, payload, word }) => {
  const it = watcher(role);
  expect([it.say(payload, side === undefined ? {} : { side }), it.word(), it.turn.counted]).toEqual([true, word, []]);
});

test("8.3 a switch says metadata toward the other end, with tags on each packet from then on", () => {
  const [ingress, egress] = [watcher(), watcher("egress")];
  ingress.say(HTTP);
  egress.say(HTTP, { side: 1 });
  expect([ingress.state.flags & Flag.fwdMeta, egress.state.flags & Flag.revMeta]).toEqual([Flag.fwdMeta, Flag.revMeta]);
  const bits = ({ state }: Watcher): number => state.protect & 0x1ff;
  expect(bits(ingress)).toBe(Protect.sealFwd | Protect.bodyFwd | Protect.encrypted); // what comes back is as before until the answer says otherwise
  expect(bits(egress)).toBe(Protect.openFwd | Protect.sealRev | Protect.bodyFwd | Protect.bodyRev | Protect.encrypted | Protect.encryptedRev); // the answer is said once, and overtaken
});

test("8.3 pieces wait for each other, in any order, over the end of sequence numbers; then all of them go on", () => {
  const inOrder = watcher(), swapped = watcher();
  expect([inOrder.say(HELLO.subarray(0, 3)), inOrder.word(), inOrder.say(HELLO.subarray(3), { offset: 3 }), inOrder.word(), inOrder.again]).toEqual([false, "watched", true, "clear", [0]]);
  expect([swapped.say(HELLO.subarray(3), { offset: 3 }), swapped.word(), swapped.say(HELLO.subarray(0, 3)), swapped.word(), swapped.again]).toEqual([false, "watched", true, "clear", [3]]);
});

test("8.3 what comes again while it is held is held once", () => {
  const it = watcher();
  for (let round = 0; round < 20; round++) expect(it.say(HELLO.subarray(0, 3))).toBe(false);
  expect([it.turn.protection.firsts.held()[0]?.entries, it.turn.counted]).toEqual([1, []]);
});

test("8.3 after a second too little to tell is encrypted", () => {
  const it = watcher(), { nowMs } = it.turn;
  expect([it.say(HELLO.subarray(0, 3), { arrivedMs: nowMs - 999 }), it.word(), it.say(HELLO.subarray(0, 3), { arrivedMs: nowMs - 1_000 }), it.word()]).toEqual([false, "watched", true, "encrypted"]);
});

test("8.3 a client whose first byte never comes is held for a second, and then its host has to say it again", () => {
  const it = watcher(), { nowMs } = it.turn;
  expect([it.say(HTTP, { offset: 100, arrivedMs: nowMs - 999 }), it.turn.protection.firsts.due(nowMs).length, it.turn.counted]).toEqual([false, 0, []]);
  expect([it.turn.protection.firsts.due(nowMs + 1).length, it.say(HTTP, { offset: 100, arrivedMs: nowMs - 1_000 }), it.turn.protection.firsts.held()[0]?.entries]).toEqual([1, false, 0]);
  expect([it.turn.counted, it.word(), it.say(HTTP), it.word()]).toEqual([["limit"], "watched", true, "encrypted"]);
});

test("14 a client that leaves out its first byte has eight packets held; more are dropped and counted", () => {
  const it = watcher();
  for (let n = 1; n <= 9; n++) expect(it.say(HTTP, { offset: n * 100 })).toBe(false);
  expect([it.turn.protection.firsts.held()[0]?.entries, it.turn.counted, it.word()]).toEqual([8, ["limit"], "watched"]);
  expect([it.say(HTTP), it.word(), it.again]).toEqual([true, "encrypted", [100, 200, 300, 400, 500, 600, 700, 800]]);
});
