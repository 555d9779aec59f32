// The model's fast path: every kind of session in both directions, then one row for each reason not to forward.
// Outgoing packets are judged by the parser and checksums of pkg/svr, which the model does not use to build them.
import { fromHex, readU16, writeU16 } from "../base/bytes.ts";
import { buildPacket } from "../svr/build.ts";
import { finishIpv4Header } from "../svr/checksum.ts";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../svr/constants.ts";
import { parsePacket } from "../svr/packet.ts";
import { checkSanity } from "../svr/sanity.ts";
import { Flag, Life, TcpState } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { carriesIcmp, flowKinds, flowSession, ifnum, nexthop, packetOn, place, worldConfig } from "../../test/support/flows.ts";
import type { Arriving, FlowKind } from "../../test/support/flows.ts";
import { modelDatapath } from "./model.ts";
import type { ModelDatapath } from "./model.ts";
import type { Verdict } from "./model-verdict.ts";

const NOW = 5_000;
const COOKIE = fromHex("4c48dbc6ddf6670c")!;

interface World { datapath: ModelDatapath; session: Session; run: (side: SideIndex, arriving?: Arriving, more?: { gsoSize?: number; edit?: (data: Uint8Array) => void }) => Verdict }

function world(kind: FlowKind, change: Partial<Session> = {}): World {
  const datapath = modelDatapath({ nowMs: () => NOW });
  datapath.program(worldConfig());
  const session = flowSession(kind, 7, change);
  expect(datapath.shard(0).apply([{ kind: "install", session }])).toEqual([{ ok: true, index: 0, localPort: session.side[1].localPort }]);
  const run: World["run"] = (side, arriving, more = {}) => {
    const data = packetOn(session, side, arriving);
    more.edit?.(data);
    return datapath.receive(session.side[side].ifnum, session.side[side].vlan, data, { gsoSize: more.gsoSize ?? 0 });
  };
  return { datapath, session, run };
}

function stateOf({ datapath }: World): Session {
  return datapath.model.slots[0]!;
}

const tcp: FlowKind = { family: 4, proto: "tcp", role: "ingress" };
const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };
const ping: FlowKind = { family: 4, proto: "icmp", role: "ingress" };
const body = Uint8Array.from({ length: 33 }, (_, index) => index);

describe("L-1 a packet leaves as the other side's, both directions of every kind", () => {
  const rows = flowKinds.flatMap((kind) => ([0, 1] as const).map((side) => ({ kind, side, desc: `${kind.role} IPv${kind.family} ${kind.proto} side ${side}` })));
  test.each(rows)("$desc", ({ kind, side }) => {
    const it = world(kind);
    const verdict = it.run(side, { payload: body, ip: { ttl: 9 } });
    const out = it.session.side[side === 0 ? 1 : 0];
    expect(verdict).toMatchObject({ kind: "out", nexthop: out.nexthop });
    const parsed = parsePacket(it.datapath.sent[0]!.data);
    if (!parsed.ok) throw new Error("the packet does not parse");
    expect(parsed.value).toMatchObject({ source: out.local, destination: out.remote, sourcePort: out.localPort, destinationPort: out.remotePort, proto: out.proto, ttl: 8 });
    expect(checkSanity(parsed.value)).toBeUndefined();
    expect(parsed.value.data.subarray(parsed.value.data.length - body.length)).toEqual(body);
    const state = stateOf(it);
    const inner = packetOn(it.session, side, { payload: body }).length - (carriesIcmp(it.session, side) ? 8 : 0);
    expect([state.packets[side], state.bytes[side], state.seenMs[side]]).toEqual([1n, BigInt(inner), NOW]);
  });

  test("W-7 ICMP rides in UDP with checksum 0 and the identifier of the context", () => {
    const it = world(ping);
    it.run(0, { payload: body });
    const out = it.datapath.sent[0]!.data;
    expect([out[28], readU16(out, 30), readU16(out, 32)]).toEqual([8, 0, it.session.context.sourcePort]);
    expect(readU16(out, 24)).toBe(8 + 8 + body.length);
  });

  test("protocol 14: the flow label is the session's toward peers only", () => {
    const it = world({ family: 6, proto: "udp", role: "ingress" });
    it.run(0, { ip: { flowLabel: 0x111 } });
    it.run(1, { ip: { flowLabel: 0x222 } });
    const labels = it.datapath.sent.map(({ data }) => ((data[1]! & 15) << 16) | readU16(data, 2));
    expect(labels).toEqual([it.session.flowLabel, 0x222]);
  });

  test("protocol 2.7: DF toward peers, kept toward hosts; IPv4 options do not travel", () => {
    const it = world(udp);
    const withOptions = (data: Uint8Array): Uint8Array => {
      const longer = new Uint8Array(data.length + 4);
      longer.set(data.subarray(0, 20));
      longer.set([1, 1, 1, 0], 20);
      longer.set(data.subarray(20), 24);
      longer[0] = 0x46;
      writeU16(longer, 2, longer.length);
      return longer;
    };
    const plain = packetOn(it.session, 0, { payload: body, ip: { dontFragment: false } });
    it.datapath.receive(ifnum.lan, 0, withOptions(plain));
    it.run(1, { payload: body, ip: { dontFragment: false } });
    expect(it.datapath.sent.map(({ data }) => [data[0], readU16(data, 6)])).toEqual([[0x45, 0x4000], [0x45, 0]]);
    expect(it.datapath.sent[0]!.data).toHaveLength(plain.length);
  });

  test("protocol 2.7: DF=0 and an identification of its own toward a peer on a path without a known MTU; that of the host toward hosts", () => {
    const it = world(udp);
    const { nexthops } = worldConfig();
    it.datapath.program(worldConfig({ nexthops: nexthops.map((one) => ({ ...one, cuttable: true })) }));
    for (const side of [0, 0, 1] as const) it.run(side, { payload: body, ip: { ipId: 99 } });
    const [one, two, back] = it.datapath.sent.map(({ data }) => data);
    expect([one, two, back].map((data) => readU16(data!, 6))).toEqual([0, 0, 0x4000]);
    expect(new Set([one, two, back].map((data) => readU16(data!, 4))).size).toBe(3);
    expect(readU16(back!, 4)).toBe(99);
    for (const data of [one, two, back]) {
      const parsed = parsePacket(data!);
      expect(parsed.ok && checkSanity(parsed.value)).toBe(undefined);
      const bare = data!.slice(0, 20), sum = readU16(bare, 10);
      finishIpv4Header(bare);
      expect(readU16(bare, 10)).toBe(sum);
    }
  });

  test("a UDP checksum of 0 stays 0 over IPv4", () => {
    const it = world(udp);
    it.run(0, { noChecksum: true });
    expect(readU16(it.datapath.sent[0]!.data, 26)).toBe(0);
  });

  test("M-3 the MSS option of a SYN is lowered, never raised, never below 536", () => {
    const option = (mss: number): Uint8Array => Uint8Array.from([1, 2, 4, mss >> 8, mss & 255, 3, 3, 7]);
    const mssOf = (kind: FlowKind, mss: number): number => {
      const it = world(kind, { tcpState: TcpState.synSent });
      it.run(0, { flags: TCP_SYN, options: option(mss) });
      const out = it.datapath.sent[0]!.data;
      const parsed = parsePacket(out);
      expect(parsed.ok && checkSanity(parsed.value)).toBe(undefined);
      return readU16(out, (kind.family === 4 ? 20 : 40) + 23);
    };
    expect(mssOf(tcp, 1460)).toBe(1360);
    expect(mssOf(tcp, 1200)).toBe(1200);
    expect(mssOf({ ...tcp, family: 6 }, 1440)).toBe(1340);
    const back = world(tcp, { tcpState: TcpState.synSent, side: [{ ...flowSession(tcp, 7).side[0], nexthop: nexthop.shared }, flowSession(tcp, 7).side[1]] });
    back.run(1, { flags: TCP_SYN | TCP_ACK, options: option(1460) });
    expect(readU16(back.datapath.sent[0]!.data, 43)).toBe(536);
  });

  test("W-8 a super-packet stays whole and counts as its wire packets", () => {
    const it = world(tcp);
    it.run(0, { payload: new Uint8Array(3001) }, { gsoSize: 1000 });
    expect(it.datapath.sent[0]!.data).toHaveLength(3041);
    expect(stateOf(it)).toMatchObject({ packets: [4n, 0n], bytes: [BigInt(3041 + 3 * 40), 0n], nextSeq: [4001, 5000] });
  });
});

describe("what a hit does instead of forwarding", () => {
  interface Row { desc: string; kind?: FlowKind; change?: Partial<Session>; side?: SideIndex; arriving?: Arriving; gsoSize?: number; edit?: (data: Uint8Array) => void; verdict: Verdict; flags?: number }
  const punt = (cause: number): Verdict => ({ kind: "punt", cause } as Verdict);
  const drop = (reason: string): Verdict => ({ kind: "drop", reason } as Verdict);
  const inThird = Uint8Array.from([...new Uint8Array(20), ...COOKIE, ...new Uint8Array(10)]), trusted: [bigint, bigint] = [1n << 20n, 1n << 20n];
  const missing: Partial<Session> = { side: [flowSession(udp, 7).side[0], { ...flowSession(udp, 7).side[1], nexthop: nexthop.missing }] };
  const rows: Row[] = [
    { desc: "W-4 cookie at the start", arriving: { payload: COOKIE }, verdict: punt(4) },
    { desc: "W-4 cookie at the start of the third segment of four", kind: tcp, arriving: { payload: inThird }, gsoSize: 10, verdict: punt(4), flags: Flag.cookies },
    { desc: "W-4 likewise in a trusted session that had one", kind: tcp, change: { flags: Flag.cookies, bytes: trusted }, arriving: { payload: inThird }, gsoSize: 10, verdict: punt(4) },
    { desc: "W-4 at the start of the last segment of a trusted session", kind: tcp, change: { bytes: trusted }, arriving: { payload: inThird.slice(0, 28) }, gsoSize: 10, verdict: punt(4), flags: Flag.cookies },
    { desc: "W-4 at the start of the last segment from a peer", kind: tcp, side: 1, arriving: { payload: inThird.slice(0, 28) }, gsoSize: 10, verdict: punt(4) },
    { desc: "cookie before metadata", change: { flags: Flag.fwdMeta }, arriving: { payload: COOKIE }, verdict: punt(4) },
    { desc: "forward needs metadata", change: { flags: Flag.fwdMeta | Flag.fwdSlow }, verdict: punt(5) },
    { desc: "reverse needs metadata", change: { flags: Flag.revMeta }, side: 1, verdict: punt(5) },
    { desc: "forward slow", change: { flags: Flag.fwdSlow }, verdict: punt(6) },
    { desc: "reverse slow, before a missing next hop", change: { flags: Flag.revSlow }, side: 1, verdict: punt(6) },
    { desc: "ICMP in UDP without checksum", kind: ping, side: 1, arriving: { noChecksum: true }, verdict: punt(6) },
    { desc: "ICMP in UDP that answers nothing", kind: ping, side: 1, arriving: { icmpType: 8 }, verdict: drop("state") },
    { desc: "ICMP in UDP cut short", kind: ping, side: 1, edit: (data) => writeU16(data, 24, 12), verdict: drop("filter") },
    { desc: "next hop missing", change: missing, verdict: drop("no-nexthop") },
    { desc: "too big for the next hop", arriving: { payload: new Uint8Array(1373) }, verdict: punt(7) },
    { desc: "too big only with the carrier of ICMP", kind: ping, arriving: { payload: new Uint8Array(1365) }, verdict: punt(7) },
    { desc: "segments too big", kind: tcp, arriving: { payload: new Uint8Array(3000) }, gsoSize: 1361, verdict: punt(7) },
    { desc: "MTU before TTL", arriving: { payload: new Uint8Array(1373), ip: { ttl: 1 } }, verdict: punt(7) },
    { desc: "TTL 1", arriving: { ip: { ttl: 1 } }, verdict: punt(10) },
    { desc: "TTL 0", arriving: { ip: { ttl: 0 } }, verdict: punt(10) },
    { desc: "RB-26 illegal flags", kind: tcp, arriving: { flags: TCP_SYN | TCP_FIN }, verdict: drop("state") },
    { desc: "L-7 strict drops a wrong RST", kind: tcp, change: { flags: Flag.strict }, arriving: { flags: TCP_RST, seq: 1 }, verdict: drop("state") },
    { desc: "L-3 SYN with another ISN after RESET", kind: tcp, change: { tcpState: TcpState.reset }, arriving: { flags: TCP_SYN, seq: 1 }, verdict: punt(9) },
  ];
  test.each(rows)("$desc", ({ kind, change, side, arriving, gsoSize, edit, verdict, flags }) => {
    const it = world(kind ?? udp, change);
    const before = structuredClone(stateOf(it));
    expect(it.run(side ?? 0, arriving, { gsoSize: gsoSize ?? 0, ...(edit && { edit }) })).toEqual(verdict);
    expect(stateOf(it)).toEqual({ ...before, flags: before.flags | (flags ?? 0) });
    expect(it.datapath.sent).toEqual([]);
    const punts = it.datapath.shard(0).drain(10, 0);
    expect(punts).toHaveLength(verdict.kind === "punt" ? 1 : 0);
    if (verdict.kind === "punt") expect(punts[0]).toMatchObject({ cause: verdict.cause, session: { index: 0, side: side ?? 0 } });
    else expect(it.datapath.counters().drops).toEqual({ [(verdict as { reason: string }).reason]: 1n });
  });

  test("W-4 the cookie inside a super-packet of a trusted host, or of a peer, travels as it is", () => {
    const payload = Uint8Array.from([...new Uint8Array(20), ...COOKIE, ...new Uint8Array(10)]);
    expect(world(tcp, { bytes: [1n << 20n, 0n] }).run(0, { payload }, { gsoSize: 10 }).kind).toBe("out");
    expect(world(tcp).run(1, { payload }, { gsoSize: 10 }).kind).toBe("out");
  });

  test("a payload of exactly the MTU passes", () => {
    expect(world(udp).run(0, { payload: new Uint8Array(1372) }).kind).toBe("out");
    expect(world(tcp).run(0, { payload: new Uint8Array(3000) }, { gsoSize: 1360 }).kind).toBe("out");
  });
});

describe("what a forwarded packet does to the session", () => {
  test("W-3 a plain forward packet ends the reverse metadata, unless it is held", () => {
    const it = world({ ...udp, role: "egress" }, { flags: Flag.revMeta | Flag.snat });
    it.run(0);
    expect(stateOf(it).flags).toBe(Flag.snat);
    const held = world({ ...udp, role: "egress" }, { flags: Flag.revMeta | Flag.holdMeta });
    held.run(0);
    expect(stateOf(held).flags).toBe(Flag.revMeta | Flag.holdMeta);
  });

  test("set-up time: first reverse packet of UDP, first acknowledged payload of TCP", () => {
    const it = world(udp, { createdMs: NOW - 40 });
    it.run(0);
    expect(stateOf(it).setupMs).toBe(0);
    it.run(1);
    expect([stateOf(it).setupMs, stateOf(it).flags]).toEqual([41, Flag.setup]);
    const stream = world(tcp, { createdMs: NOW - 40 });
    stream.run(1);
    expect(stateOf(stream).setupMs).toBe(0);
    stream.run(1, { ack: 1005 });
    expect([stateOf(stream).setupMs, stateOf(stream).flags]).toEqual([41, Flag.setup]);
  });

  test("L-3 the last acknowledgement ends the session, late packets still pass and count", () => {
    const it = world(tcp, { tcpState: TcpState.closing, flags: Flag.finFwd | Flag.finRev | Flag.ackedFwd });
    it.run(0, { ack: 5000 });
    expect(stateOf(it)).toMatchObject({ life: Life.guard, endReason: 96, sinceMs: NOW, packets: [1n, 0n] });
    it.run(1);
    expect(stateOf(it)).toMatchObject({ life: Life.guard, seenMs: [NOW, 1], packets: [1n, 1n] });
  });

  test("a session in quarantine is a miss", () => {
    const it = world(tcp);
    stateOf(it).life = Life.quarantine;
    expect(it.run(0)).toEqual({ kind: "punt", cause: 1 });
    expect(it.run(1)).toEqual({ kind: "punt", cause: 3 });
  });

  test("12.2 an ICMP error never hits an echo session, even with identifier 0", () => {
    const it = world(ping, { side: [{ ...flowSession(ping, 7).side[0], remotePort: 0 }, flowSession(ping, 7).side[1]] });
    const error = buildPacket({ source: place(4, "host", 7), destination: place(4, "server") }, { kind: "icmp", type: 3, code: 1 });
    expect(it.datapath.receive(ifnum.lan, 0, error)).toEqual({ kind: "drop", reason: "icmp-error" });
    expect(it.run(0).kind).toBe("out");
  });
});
