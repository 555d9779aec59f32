// A packet toward a peer: as it is, with metadata, in fragments, or the reason why not (protocol 3.4, 10.2).
import { buildPacket } from "../svr/build.ts";
import { parseHeader } from "../svr/decode.ts";
import type { Metadata } from "../svr/metadata.ts";
import { parsePacket } from "../svr/packet.ts";
import { address } from "../../test/lab/config.ts";
import { arrivalOf, configOfChain, engine, newTurn, tablesOf } from "../../test/support/turn.ts";
import { framesOf, planOutput, signOutputs } from "./sealing.ts";
import { EMPTY_HEADER } from "./outputplan.ts";
import type { OutputPlan } from "./outputplan.ts";

const tables = tablesOf(configOfChain({ mtu: 1400 }));
const path = tables.paths.find((one) => one.family === 4)!;
const to = { source: path.local, destination: path.remote, sourcePort: 16384, destinationPort: 16385 };
const uuid = new Uint8Array(16).fill(0x44);

/** Sends one UDP packet of `length` body bytes with these TLVs; the sizes that leave, or the refusal. */
function sent(length: number, tlvs?: Metadata, change: Partial<OutputPlan> & { bent?: boolean } = {}): number[] | string {
  const data = buildPacket({ source: address("10.1.0.5"), destination: address("10.2.0.5") }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(length).fill(5));
  if (change.bent === true) data[30]! ^= 1;
  const { packet } = arrivalOf(data);
  const turn = newTurn(tables);
  const result = planOutput(turn, { packet, to, options: { carrier: 17 }, body: { at: packet.payload, end: packet.end }, path, nexthop: 3, isVerified: false, tlvs, ...change });
  if (!result.ok) return result.error;
  signOutputs(turn.batch.outputs, engine);
  const frames = framesOf(turn.batch.outputs);
  expect(frames.every((frame) => frame.nexthop === 3 && parsePacket(frame.data).ok)).toBe(true);
  return frames.map((frame) => frame.data.length);
}

test.each<{ desc: string; length: number; tlvs?: Metadata; change?: Parameters<typeof sent>[2]; leaves: number[] | string }>([
  { desc: "plain, as it is", length: 100, leaves: [128] },
  { desc: "plain, exactly the MTU", length: 1372, leaves: [1400] },
  { desc: "plain, one byte more: 34 bytes of metadata, a tag", length: 1373, leaves: [1398, 107] },
  { desc: "an empty header and its tag", length: 100, tlvs: EMPTY_HEADER, leaves: [128 + 12 + 16] },
  { desc: "metadata in the clear header", length: 100, tlvs: { control: 2 }, leaves: [128 + 12 + 5 + 8 + 16] },
  { desc: "metadata, one byte more than fits", length: 1372 - 41 + 1, tlvs: { control: 2 }, leaves: [1395, 74] },
  { desc: "it arrived in pieces and fits: one fragment that tells of them", length: 100, change: { original: { ipId: 9, largest: 700, dontFragment: false } }, leaves: [128 + 34 + 16] },
  { desc: "it arrived in pieces of 700: pieces of 1,280 at most", length: 1300, change: { original: { ipId: 9, largest: 700, dontFragment: false } }, leaves: [1278, 154] },
  { desc: "metadata longer than 1,100 bytes", length: 10, tlvs: { tenant: "t".repeat(250), service: "s".repeat(250), sourceRouter: "r".repeat(250), application: "a".repeat(250), securityPolicy: "p".repeat(250), uuid }, leaves: "limit" },
  { desc: "a plain packet with a wrong checksum keeps it", length: 100, change: { bent: true }, leaves: [128] },
  { desc: "damage is not signed", length: 100, tlvs: { control: 2 }, change: { bent: true }, leaves: "filter" },
  { desc: "nor cut", length: 1500, change: { bent: true }, leaves: "filter" },
  { desc: "what was authentic needs no checksum", length: 100, tlvs: { control: 2 }, change: { bent: true, isVerified: true }, leaves: [128 + 41] },
])("10.2 $desc", ({ length, tlvs, change, leaves }) => {
  expect(sent(length, tlvs, change)).toEqual(leaves);
});

test("2.7 on a path without a known MTU fragments leave with DF=0, each with an identification of its own; else with DF=1 and that of the packet", () => {
  const headersOf = (on: typeof path): number[][] => {
    const turn = newTurn(tables);
    const { packet } = arrivalOf(buildPacket({ source: address("10.1.0.5"), destination: address("10.2.0.5"), ipId: 9 }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(60_000)));
    expect(planOutput(turn, { packet, to, options: { carrier: 17, dontFragment: on.cuttable !== true }, body: { at: packet.payload, end: packet.end }, path: on, nexthop: 3, isVerified: false }).ok).toBe(true);
    signOutputs(turn.batch.outputs, engine);
    const [first, second] = [framesOf(turn.batch.outputs), framesOf(turn.batch.outputs)];
    expect(first).toEqual(second); // a capture sees what leaves
    return first.map(({ data }) => {
      const read = parsePacket(data);
      if (!read.ok) throw new Error(read.error);
      return [Number(read.value.dontFragment), read.value.ipId];
    });
  };
  const cut = headersOf({ ...path, cuttable: true });
  expect([cut.every(([df]) => df === 0), new Set(cut.map(([, id]) => id)).size]).toEqual([true, cut.length]);
  expect(headersOf(path)).toEqual(cut.map(() => [1, 9]));
});

test("10.2 identifications of fragmented packets differ, and only the first fragment names the key", () => {
  const turn = newTurn(tables);
  for (let n = 0; n < 3; n++) {
    const { packet } = arrivalOf(buildPacket({ source: address("10.1.0.5"), destination: address("10.2.0.5") }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(3000)));
    planOutput(turn, { packet, to, options: { carrier: 17 }, body: { at: packet.payload, end: packet.end }, path, nexthop: 3, isVerified: false });
  }
  signOutputs(turn.batch.outputs, engine);
  const headers = framesOf(turn.batch.outputs).map(({ data }) => {
    const header = parseHeader(data, 28, data.length);
    if (!header.ok) throw new Error(header.error);
    return header.value.metadata;
  });
  expect(new Set(headers.map((one) => one.fragment!.extId)).size).toBe(3);
  expect(headers.map((one) => one.keyId !== undefined)).toEqual(headers.map((one) => one.fragment!.offset === 0));
});
