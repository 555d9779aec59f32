// What a router says without a body: code 2 to whoever may be at an address, and its TCP numbers (protocol 6.4).
import { buildPacket } from "../svr/build.ts";
import { parseHeader } from "../svr/decode.ts";
import { parsePacket } from "../svr/packet.ts";
import { address, linkAddress } from "../../test/lab/config.ts";
import { arrivalOf, configOfChain, newTurn, tablesOf } from "../../test/support/turn.ts";
import type { TestTurn } from "../../test/support/turn.ts";
import { answerUnknown } from "./say.ts";
import type { PathEntry } from "./tables.ts";

const tables = tablesOf(configOfChain({ suite: "off" }));
const toUs = { source: linkAddress(0, 1), destination: linkAddress(0, 0) };
const ports = { sourcePort: 16385, destinationPort: 16384 };
const unknown = (spec: Parameters<typeof buildPacket>[1], ip: { source: ReturnType<typeof address>; destination: ReturnType<typeof address> } = toUs): ReturnType<typeof arrivalOf> =>
  arrivalOf(buildPacket(ip, spec, new Uint8Array(10)), { cause: 3, ifnum: 2, toWaypoint: true });

/** Control codes and TCP numbers of what leaves. */
function said(turn: TestTurn): (number | undefined)[][] {
  return turn.batch.outputs.map(({ frame }) => {
    const packet = parsePacket(frame.data);
    if (!packet.ok) throw new Error(packet.error);
    const header = parseHeader(packet.value.data, packet.value.payload, packet.value.end);
    if (!header.ok) throw new Error(header.error);
    const { control, keyId } = header.value.metadata;
    return [control, keyId === undefined ? 0 : 1, packet.value.sourcePort, packet.value.destinationPort, ...(packet.value.tcp === undefined ? [] : [packet.value.tcp.seq, packet.value.tcp.ack, packet.value.tcp.flags])];
  });
}

test.each<{ desc: string; spec: Parameters<typeof buildPacket>[1]; answer: number[] }>([
  { desc: "UDP", spec: { kind: "udp", ...ports }, answer: [2, 1, 16384, 16385] },
  { desc: "TCP with ACK: its own acknowledgement and sequence", spec: { kind: "tcp", ...ports, seq: 500, ack: 900, flags: 0x18 }, answer: [2, 1, 16384, 16385, 900, 500, 0x10] },
  { desc: "a SYN counts one, and has no acknowledgement", spec: { kind: "tcp", ...ports, seq: 0xffffffff, ack: 900, flags: 2 }, answer: [2, 1, 16384, 16385, 0, 0, 0x10] },
])("6.4 an unknown flow is asked for: $desc", ({ spec, answer }) => {
  const turn = newTurn(tables);
  answerUnknown(turn, unknown(spec));
  expect([said(turn), turn.counted]).toEqual([[answer], ["no-flow"]]);
});

test("6.4 nobody is known there: silence, counted", () => {
  const turn = newTurn(tables);
  answerUnknown(turn, unknown({ kind: "udp", ...ports }, { ...toUs, source: address("192.0.2.77") }));
  expect([said(turn), turn.counted]).toEqual([[], ["no-flow"]]);
});

test("6.4 at most four candidates, one message each, once a second and tuple", () => {
  const path = tables.paths[0]!;
  const crowd = Array.from({ length: 6 }, (_, n): PathEntry => ({ ...path, id: 100 + n, peer: { ...path.peer, id: 100 + n, name: `peer-${n}` } }));
  const turn = newTurn({ ...tables, pathsAt: () => crowd });
  for (let copy = 0; copy < 3; copy++) answerUnknown(turn, unknown({ kind: "udp", ...ports }));
  expect([said(turn).length, turn.counted]).toEqual([4, ["no-flow", "no-flow", "no-flow"]]);
});

test("6.4 two paths of one peer at an address are one candidate", () => {
  const path = tables.paths[0]!;
  const turn = newTurn({ ...tables, pathsAt: () => [path, { ...path, id: 77 }] });
  answerUnknown(turn, unknown({ kind: "udp", ...ports }));
  expect(said(turn)).toHaveLength(1);
});
