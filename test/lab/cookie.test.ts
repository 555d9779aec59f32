// W-4: a body that starts with the metadata cookie is only a body: it arrives byte for byte, with and without metadata, also
// inside a super-packet (protocol 3.4).
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { isEmptyHeader } from "../../pkg/svr/decode.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, authentic, bodyOf, connect, content, endsOf, everything, hasMetadata, headerOf, parsed, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const cases = families.flatMap((family) => chains.map((names) => [family, names] as const));

const cookie = [0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c];
/** Bodies that look like metadata, from the bare cookie to whole headers with TLVs. */
const bodies = [
  Uint8Array.from(cookie),
  Uint8Array.from([...cookie, 0x10, 0x0c, 0, 0]),
  Uint8Array.from([...cookie, 0x10, 0x0c, 0, 0, ...cookie, 0x10, 0x0c, 0, 0]),
  Uint8Array.from([...cookie, 0x10, 0x14, 0, 0, 0, 0x10, 0, 4, 1, 2, 3, 4, 9, 9, 9]),
  Uint8Array.from([...cookie, 0xff, 0xff, 0xff, 0xff, ...content(1000)]),
];

function settle(lab: Lab, ends: ReturnType<typeof endsOf>): void {
  for (let round = 0; round < 3; round++) {
    lab.fromLeft(udpUp(ends, content(5)));
    lab.run();
    lab.fromRight(udpDown(ends, content(5)));
    lab.run();
  }
  lab.wires.length = lab.left.length = lab.right.length = 0;
}

describe.each(cases)("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);

  test.each(bodies.map((body, index) => [index, body] as const))("W-4 UDP with metadata, body %i", (_index, body) => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(udpUp(ends, body));
    lab.run();
    lab.fromRight(udpDown(ends, body));
    lab.run();
    expect([...lab.right, ...lab.left].map((data) => toHex(bodyOf(data)))).toEqual([toHex(body), toHex(body)]);
    expect(lab.wires.every((wire) => headerOf(wire).payloadLength > 0)).toBe(true); // the metadata in front is enough
  });

  test.each(bodies.map((body, index) => [index, body] as const))("W-4 UDP without metadata, body %i: an empty header in front", (_index, body) => {
    const lab = createLab(names, { services: [everything] });
    settle(lab, ends);
    lab.fromLeft(udpUp(ends, body));
    lab.fromRight(udpDown(ends, body));
    lab.run();
    expect([...lab.right, ...lab.left].map((data) => toHex(bodyOf(data)))).toEqual([toHex(body), toHex(body)]);
    expect(lab.wires.map((wire) => isEmptyHeader(headerOf(wire)))).toEqual(lab.wires.map(() => true));
    expect(lab.routers.map((router) => router.sessions()[0]!.flags & 3)).toEqual(names.map(() => 0)); // still quiet
    lab.wires.length = 0;
    lab.fromLeft(udpUp(ends, content(5)));
    lab.run();
    expect(lab.wires.some(hasMetadata)).toBe(false);
  });

  test("W-4 the second segment of a super-packet", () => {
    const lab = createLab(names, { services: [everything] });
    connect(lab, ends);
    lab.fromRight(tcpDown(ends, { seq: 5001, ack: 1001, flags: ACK }));
    lab.run();
    lab.wires.length = lab.right.length = lab.left.length = 0;
    const body = Uint8Array.from([...content(1000), ...cookie, ...content(992, 1), ...content(500, 2)]);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body }), 1000);
    lab.run();
    expect(lab.right.map((data) => [parsed(data).tcp!.seq, toHex(bodyOf(data))])).toEqual(
      [0, 1000, 2000].map((from) => [1001 + from, toHex(body.subarray(from, from + 1000))]));
    expect(lab.wires.filter((wire) => wire.link === 0).map(hasMetadata)).toEqual([false, true, false]);
    expect(lab.routers.map((router) => router.live()[0]!.nextSeq[0])).toEqual(names.map(() => 3501));
  });

  test("W-4 W-8 metadata re-triggered in bulk: receive offload joined it to the tail of plain segments", () => {
    const lab = createLab(names, { services: [everything] });
    connect(lab, ends);
    lab.fromRight(tcpDown(ends, { seq: 5001, ack: 1001, flags: ACK }));
    lab.run();
    const flying: Uint8Array[] = [];
    lab.onWire = (wire) => (wire.link === 0 && wire.forward ? void flying.push(wire.data) : wire.data);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(1000, 1) }));
    lab.run();
    lab.inject(0, 2, authentic(lab, { link: 0, forward: false, like: lab.wires.at(-1)!.data, tlvs: { control: 2 } }));
    lab.fromLeft(tcpUp(ends, { seq: 2001, ack: 5001, flags: ACK, body: content(400, 2) }));
    lab.run();
    lab.onWire = (wire) => wire.data;
    expect(flying.map((data) => hasMetadata({ data }))).toEqual([false, true]);
    expect(headerOf({ data: flying[1]! }).payloadLength).toBeGreaterThan(0);
    lab.right.length = 0;
    lab.inject(1, 1, lengthened(Uint8Array.of(...flying[0]!, ...bodyOf(flying[1]))), 1000);
    lab.run();
    expect(lab.right.map((data) => [parsed(data).tcp!.seq, toHex(bodyOf(data))])).toEqual([[1001, toHex(content(1000, 1))], [2001, toHex(content(400, 2))]]);
    expect(lab.routers.map((router) => router.drops())).toEqual(names.map(() => ({})));
  });
});

/** Writes the length of a packet that grew. */
function lengthened(data: Uint8Array): Uint8Array {
  const isV4 = data[0]! >>> 4 === 4;
  const length = isV4 ? data.length : data.length - 40;
  data[isV4 ? 2 : 4] = length >>> 8;
  data[isV4 ? 3 : 5] = length & 0xff;
  return data;
}
