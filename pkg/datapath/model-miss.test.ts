// The model without a session: what passes to the kernel, what goes up, what is dropped, and at which rate.
import { addressOfWords } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { fromHex, writeU16 } from "../base/bytes.ts";
import { buildPacket } from "../svr/build.ts";
import { TCP_FIN, TCP_SYN } from "../svr/constants.ts";
import { ifnum, place, worldConfig } from "../../test/support/flows.ts";
import { modelDatapath } from "./model.ts";
import type { Verdict } from "./model-verdict.ts";

const COOKIE = fromHex("4c48dbc6ddf6670c100c0000")!;
const pass: Verdict = { kind: "pass" };
const punt = (cause: number): Verdict => ({ kind: "punt", cause }) as Verdict;
const drop = (reason: string): Verdict => ({ kind: "drop", reason }) as Verdict;

const host = place(4, "host"), server = place(4, "server"), peer = place(4, "peer"), waypoint = place(4, "waypoint"), plain = place(4, "plain");

interface At { from?: IpAddress; to?: IpAddress; port?: number; payload?: Uint8Array; edit?: (data: Uint8Array) => Uint8Array | void }

function udp(at: At): Uint8Array {
  const data = buildPacket({ source: at.from ?? host, destination: at.to ?? server }, { kind: "udp", sourcePort: 5000, destinationPort: at.port ?? 20000 }, at.payload);
  return at.edit?.(data) ?? data;
}

function tcp(at: At & { flags: number }): Uint8Array {
  const ip = { source: at.from ?? host, destination: at.to ?? server };
  return buildPacket(ip, { kind: "tcp", sourcePort: 5000, destinationPort: at.port ?? 20000, flags: at.flags }, at.payload);
}

const fragment = (data: Uint8Array): void => { writeU16(data, 6, 0x2000); };
const v6 = (change: Partial<Record<"source" | "destination", IpAddress>>, proto = 17): Uint8Array =>
  buildPacket({ source: place(6, "host"), destination: place(6, "server"), ...change }, { kind: "other", proto }, new Uint8Array(16));
const loopback6 = addressOfWords(6, 0, 0, 0, 1);

describe("a packet that hits no session", () => {
  const rows: { desc: string; on?: number; data: Uint8Array; verdict: Verdict; etherType?: number }[] = [
    { desc: "host to elsewhere", data: udp({}), verdict: punt(1) },
    { desc: "fragment of a host", data: udp({ edit: fragment }), verdict: punt(8) },
    { desc: "IPv6 fragment of a host", data: v6({}, 44), verdict: punt(8) },
    { desc: "10.2 IPv6 extension headers", data: v6({}, 60), verdict: drop("filter") },
    { desc: "no hosts live here", on: ifnum.wan, data: udp({}), verdict: drop("no-service") },
    { desc: "no hosts live here, shared", on: ifnum.shared, data: udp({}), verdict: pass },
    { desc: "unknown interface", on: 77, data: udp({}), verdict: pass },
    { desc: "not IP", data: udp({}), etherType: 0x0806, verdict: pass },
    { desc: "multicast", data: udp({ to: addressOfWords(4, 0xe0000001) }), verdict: pass },
    { desc: "IPv6 multicast", data: v6({ destination: addressOfWords(6, 0xff020000, 0, 0, 1) }), verdict: pass },
    { desc: "IPv6 link-local source", data: v6({ source: addressOfWords(6, 0xfe800000, 0, 0, 1) }), verdict: pass },
    { desc: "neighbour discovery", data: buildPacket({ source: place(6, "host"), destination: place(6, "waypoint") }, { kind: "icmp", type: 135 }), verdict: pass },
    { desc: "to the router itself", data: tcp({ to: plain, flags: TCP_SYN, port: 22 }), verdict: pass },
    { desc: "to the router itself, illegal flags are the kernel's business", data: tcp({ to: plain, flags: TCP_FIN, port: 22 }), verdict: pass },
    { desc: "ping to a waypoint", on: ifnum.wan, data: buildPacket({ source: peer, destination: waypoint }, { kind: "icmp", type: 8 }), verdict: pass },
    { desc: "W-1 metadata to a waypoint", on: ifnum.wan, data: udp({ from: peer, to: waypoint, payload: COOKIE }), verdict: punt(2) },
    { desc: "metadata outside the port range is metadata", on: ifnum.wan, data: udp({ from: peer, to: waypoint, port: 2000, payload: COOKIE }), verdict: punt(2) },
    { desc: "2.8 peering on UDP 1280 is the kernel's", on: ifnum.wan, data: udp({ from: peer, to: waypoint, port: 1280, payload: COOKIE }), verdict: pass },
    { desc: "2.8 the detector on TCP 1283 is the kernel's", on: ifnum.wan, data: tcp({ from: peer, to: waypoint, port: 1283, flags: TCP_SYN, payload: COOKIE }), verdict: pass },
    { desc: "L-5 no metadata on a waypoint port", on: ifnum.wan, data: udp({ from: peer, to: waypoint }), verdict: punt(3) },
    { desc: "no metadata outside the waypoint ports", on: ifnum.wan, data: udp({ from: peer, to: waypoint, port: 16383 }), verdict: pass },
    { desc: "no metadata on a shared interface from a stranger", on: ifnum.shared, data: udp({ from: peer, to: waypoint }), verdict: pass },
    { desc: "a socket of the host is open", on: ifnum.wan, data: udp({ from: peer, to: waypoint, port: 30000 }), verdict: pass },
    { desc: "fragment to a waypoint", on: ifnum.wan, data: udp({ from: peer, to: waypoint, edit: fragment }), verdict: punt(8) },
    { desc: "fragment to the host on a shared interface", on: ifnum.shared, data: udp({ from: peer, to: waypoint, edit: fragment }), verdict: pass },
    { desc: "10.2 illegal flags", data: tcp({ flags: TCP_FIN }), verdict: drop("state") },
    { desc: "10.2 source equals destination", data: udp({ from: server }), verdict: drop("filter") },
    { desc: "10.2 loopback source", data: udp({ from: addressOfWords(4, 0x7f000001) }), verdict: drop("filter") },
    { desc: "10.2 loopback destination", data: udp({ to: addressOfWords(4, 0x7f000001) }), verdict: drop("filter") },
    { desc: "10.2 multicast source", data: udp({ from: addressOfWords(4, 0xe0000001) }), verdict: drop("filter") },
    { desc: "10.2 broadcast source", data: udp({ from: addressOfWords(4, -1) }), verdict: drop("filter") },
    { desc: "10.2 source in this network", data: udp({ from: addressOfWords(4, 5) }), verdict: drop("filter") },
    { desc: "10.2 IPv6 unspecified source", data: v6({ source: addressOfWords(6, 0) }, 59), verdict: drop("filter") },
    { desc: "10.2 IPv6 loopback destination", data: v6({ destination: loopback6 }, 59), verdict: drop("filter") },
    { desc: "10.2 UDP length mismatch", data: udp({ edit: (data) => writeU16(data, 24, 9) }), verdict: drop("filter") },
    { desc: "cut short", data: udp({ edit: (data) => data.subarray(0, 27) }), verdict: drop("filter") },
    { desc: "cut short, shared with the host", on: ifnum.shared, data: udp({ edit: (data) => data.subarray(0, 27) }), verdict: pass },
    { desc: "empty", data: new Uint8Array(0), verdict: drop("filter") },
  ];
  test.each(rows)("$desc", ({ on, data, verdict, etherType }) => {
    const datapath = modelDatapath({ nowMs: () => 1, hasSocket: (_proto, _address, port) => port === 30000 });
    datapath.program(worldConfig());
    expect(datapath.receive(on ?? ifnum.lan, 0, data, etherType === undefined ? {} : { etherType })).toEqual(verdict);
    const punts = datapath.shard(0).drain(9, 0);
    expect(punts).toHaveLength(verdict.kind === "punt" ? 1 : 0);
    expect(punts[0]?.session).toBeUndefined();
    expect(datapath.sent).toEqual([]);
  });
});

describe("token buckets", () => {
  test("3.8 first packets count per tenant on the LAN side, per remote address on the WAN side", () => {
    let now = 1_000;
    const datapath = modelDatapath({ nowMs: () => now });
    const members = [8, 24].map((length) => ({ ifnum: ifnum.lan, vlan: 0, prefix: { address: host, length }, tenant: length }));
    datapath.program(worldConfig({ members, rates: [{ tenant: 24, perSecond: 10, burst: 2 }], remoteRate: { perSecond: 1, burst: 1 } }));
    const first = (): string => datapath.receive(ifnum.lan, 0, udp({})).kind;
    expect([first(), first(), first()]).toEqual(["punt", "punt", "drop"]);
    expect(datapath.receive(ifnum.lan, 0, udp({ from: place(4, "host", 1000) })).kind).toBe("punt");
    now += 100;
    expect([first(), first()]).toEqual(["punt", "drop"]);
    const unknown = (n: number): string => datapath.receive(ifnum.wan, 0, udp({ from: place(4, "peer", n), to: waypoint })).kind;
    expect([unknown(1), unknown(1), unknown(2)]).toEqual(["punt", "drop", "punt"]);
    expect(datapath.counters().drops).toEqual({ rate: 3n });
  });

  test("a full ring drops and counts, other shards go on; both directions of a flow have one shard", () => {
    const datapath = modelDatapath({ nowMs: () => 1, shards: 4, ringLimit: 1 });
    datapath.program(worldConfig());
    const there = udp({ from: place(4, "host", 3) });
    const back = buildPacket({ source: server, destination: place(4, "host", 3) }, { kind: "udp", sourcePort: 20000, destinationPort: 5000 });
    expect(datapath.receive(ifnum.lan, 0, there).kind).toBe("punt");
    expect(datapath.receive(ifnum.lan, 0, back)).toEqual(drop("ring-full"));
    const drained = [0, 1, 2, 3].map((shard) => datapath.shard(shard).drain(9, 0).length);
    expect(drained.sort()).toEqual([0, 0, 0, 1]);
    expect(datapath.counters().interfaces[ifnum.lan]).toMatchObject({ rxPackets: 2n, rxBytes: 56n });
  });
});
