// Session records (behaviour 13.1): every field of every type, by role, and the numbering.
import fc from "fast-check";
import type { SessionRecord } from "../api/record.ts";
import { addressOfWords } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import { Flag, Role, TcpState } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { hostSide, peerSide, sampleSession } from "../../test/ports/sessions.ts";
import { recordsIn } from "../../test/support/recordlines.ts";
import { endReasonName, endpoint, fillIdentity, fillTotals } from "./records.ts";
import type { RecordSource } from "./records.ts";
import type { QueuedBatch } from "./recordqueue.ts";
import { createRecordWriter } from "./recordwriter.ts";

const names = new Map([[23, "tenant/engineering.acme"], [24, "service/shop/web"], [1, "path/transit/v6"], [2, "nexthop/wan0/7/link6"], [5, "nexthop/lan0/0/link4"]]);
const source: RecordSource = {
  router: "branch", boot: "b1", clock: { monotonicMs: () => 1_000_000, unixMs: () => Date.parse("2026-01-01T00:10:00.000Z") },
  nameOf: (id) => names.get(id), interfaceName: (ifnum) => ["", "lan0", "wan0"][ifnum] ?? `interface-${ifnum}`,
};

/** Began 60 s before now. */
function session(change: Partial<Session> = {}): Session {
  return sampleSession(1, { createdMs: 940_000, tcpState: TcpState.established, packets: [18n, 19n], bytes: [2n ** 40n, 21n], ...change });
}

function one(batch: QueuedBatch | undefined): SessionRecord {
  const [record, ...more] = batch === undefined ? [] : recordsIn(batch);
  if (record === undefined || more.length > 0) throw new Error(`there are ${more.length} records more than one`);
  return record;
}

function record(type: "start" | "interim" | "end", of: Session): object {
  const made = createRecordWriter(source).fromDatapath([{ type, timeMs: 990_000, index: 1, session: of }]);
  return one(made);
}

const identity = {
  boot: "b1", sequence: 0, time: "2026-01-01T00:09:50.000Z", router: "branch", role: "ingress",
  sessionId: "404040404040404040404040" + "00000001", spanId: "1d1d1d1d1d1d1d1d", parentSpanId: "1e1e1e1e1e1e1e1e", tenant: "engineering.acme", service: "shop/web", trafficClass: "High",
  protocol: 6, sourceAddress: "10.0.0.1", sourcePort: 26, destinationAddress: "10.99.0.1", destinationPort: 27, ingressInterface: "lan0", egressInterface: "wan0", vlan: 0,
  natSource: "", natDestination: "", waypointLocal: "[2001:db8::ffff:ffff]:16386", waypointRemote: "[2001:db8::]:16387", peer: "transit", peerPath: "transit/v6", nextHop: "wan0/7/link6",
  security: "clear", carrier: "tcp", startTime: "2026-01-01T00:09:00.000Z",
};
const counted = { duration: 50_000, forwardPackets: 18, forwardBytes: 2 ** 40, reversePackets: 19, reverseBytes: 21, retransmissions: 33, outOfOrder: 34, tcpState: "established", setupTime: 31 };

test("start has what the session is, and no counts", () => {
  expect(record("start", session())).toEqual({ recordType: "start", ...identity });
});

test("interim adds the counts", () => {
  expect(record("interim", session())).toEqual({ recordType: "interim", ...identity, ...counted });
});

test("end adds why", () => {
  expect(record("end", session({ endReason: 98 }))).toEqual({ recordType: "end", ...identity, ...counted, endReason: "timeout" });
  expect(record("end", session({ endReason: 0 }))).toMatchObject({ endReason: "error" });
});

test("the first router of a session has no parent span", () => {
  expect(record("start", session({ parentSpan: new Uint8Array(8) }))).not.toHaveProperty("parentSpanId");
});

test("what is not TCP has no TCP fields, and a session that is not set up no set-up time", () => {
  const udp = record("interim", session({ tcpState: TcpState.none, setupMs: 0 }));
  for (const field of ["tcpState", "retransmissions", "outOfOrder", "setupTime"]) expect(udp).not.toHaveProperty(field);
});

test("a router between hosts reports no waypoint, peer or carrier", () => {
  const alone = record("start", session({ role: Role.single, side: [hostSide(1), hostSide(2, { ifnum: 2, nexthop: 5 })] }));
  expect(alone).toMatchObject({ role: "single", nextHop: "lan0/0/link4" });
  for (const field of ["waypointLocal", "waypointRemote", "peer", "peerPath", "carrier"]) expect(alone).not.toHaveProperty(field);
});

test("N-1 an egress reports the segment it came by, and NAT by address and port", () => {
  const side: Session["side"] = [peerSide(1, { proto: 17 }), hostSide(1, { ifnum: 1, nexthop: 5, local: addressOfWords(4, 0x0a090001), localPort: 40_001 })];
  expect(record("start", session({ role: Role.egress, side, flags: Flag.snat | Flag.dnat }))).toMatchObject({
    role: "egress", peerPath: "transit/v6", carrier: "udp", vlan: 7, natSource: "10.9.0.1:40001", natDestination: "10.0.0.1:1025", nextHop: "lan0/0/link4",
  });
});

test("names that are gone are shown by number", () => {
  expect(record("start", session({ tenant: 99, service: 98 }))).toMatchObject({ tenant: "unknown-99", service: "unknown-98" });
});

test("a line says what the fields say, of any session; names of peers may hold any text", () => {
  const text = new Map([[1, 'path/"peer"\\/ü\n'], [2, "nexthop/\u2028"], [3, "tenant/日本"]]);
  const strange: RecordSource = { ...source, nameOf: (id) => text.get(id), interfaceName: (ifnum) => (ifnum === 1 ? 'a"b' : `interface-${ifnum}`) };
  const writer = createRecordWriter(strange);
  const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
  const id = pick(0, 1, 2, 3, 4), side = fc.tuple(fc.boolean(), fc.nat(9), fc.record({ nexthop: id, path: pick(1, 2, 3), ifnum: pick(1, 2), proto: pick(6, 17, 47) }))
    .map(([host, n, { path, ...more }]) => (host ? hostSide(n, more) : peerSide(n, { ...more, path })));
  const any = fc.record({
    side: fc.tuple(side, side), tenant: id, service: id, flags: pick(0, Flag.snat, Flag.dnat, Flag.snat | Flag.dnat), tcpState: pick(TcpState.none, TcpState.synSent, TcpState.reset), setupMs: fc.nat(3),
    endReason: pick(0, 1, 98, 255), trafficClass: fc.nat(5), security: pick(0, 1, 2, 0x10, 0x20), protect: pick(0, 0x40, 0x80), role: pick(Role.single, Role.ingress, Role.transit, Role.egress), parentSpan: fc.uint8Array({ minLength: 8, maxLength: 8, max: 1 }),
    createdMs: fc.nat(2_000_000), packets: fc.tuple(fc.bigInt(0n, 2n ** 50n), fc.bigInt(0n, 9n)),
  });
  let sequence = 0;
  fc.assert(fc.property(any, pick("start" as const, "interim" as const, "end" as const), fc.nat(2_000_000), (change, type, timeMs) => {
    const of = sampleSession(1, change), unixOffsetMs = source.clock.unixMs() - source.clock.monotonicMs();
    const expected: SessionRecord = { recordType: type, boot: "b1", router: "branch", sequence: sequence++, time: new Date(unixOffsetMs + timeMs).toISOString() };
    fillIdentity(expected, strange, of);
    if (type === "start") expected.startTime = new Date(unixOffsetMs + of.createdMs).toISOString();
    else fillTotals(expected, of, { atMs: timeMs, unixOffsetMs });
    if (type === "end") expected.endReason = endReasonName(of);
    expect(one(writer.fromDatapath([{ type, timeMs, index: 1, session: of }]))).toEqual(expected);
  }));
});

test("numbers run without gaps over all types; a release is no record", () => {
  const writer = createRecordWriter(source);
  const from = (...types: ("start" | "release")[]): unknown => {
    const batch = writer.fromDatapath(types.map((type) => ({ type, timeMs: 0, index: 0, session: session() })));
    return batch && recordsIn(batch).map(({ sequence }) => sequence);
  };
  const { context } = session();
  const denial = { reason: "access", tenant: "corp", ...context, proto: 6, ifnum: 1, vlan: 3 };
  expect([from("start", "release", "start"), from("release"), recordsIn(writer.denials([denial, denial])).map(({ sequence }) => sequence), one(writer.loss(5)).sequence, from("start")])
    .toEqual([[0, 1], undefined, [2, 3], 4, [5]]);
});

test("P-1 a denial says who, to what, why, where it came in and from which peer", () => {
  const { context } = session();
  expect(one(createRecordWriter(source).denials([{ reason: "peer-tenant", tenant: "corp", service: "shop/web", ...context, ifnum: 2, vlan: 3, peer: "transit" }]))).toEqual({
    recordType: "deny", boot: "b1", sequence: 0, time: "2026-01-01T00:10:00.000Z", router: "branch", denyReason: "peer-tenant", tenant: "corp", service: "shop/web", protocol: 6, vlan: 3,
    sourceAddress: "10.0.0.1", sourcePort: 26, destinationAddress: "10.99.0.1", destinationPort: 27, ingressInterface: "wan0", peer: "transit",
  });
});

test("a loss says how many", () => {
  const loss = createRecordWriter(source).loss(12);
  expect(loss.declares).toBe(12);
  expect(one(loss)).toEqual({ recordType: "loss", boot: "b1", sequence: 0, time: "2026-01-01T00:10:00.000Z", router: "branch", lost: 12 });
});

test.each([["192.0.2.1", "192.0.2.1:443"], ["2001:db8::1", "[2001:db8::1]:443"]])("the endpoint of %s is %s", (text, shown) => {
  const address = parseAddress(text);
  expect(address && endpoint(address, 443)).toBe(shown);
});
