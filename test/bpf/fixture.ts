// The world of the fixtures: a host, two waypoint addresses and a server, for IPv4 and IPv6; sessions between them as the shards
// would install them; one call that runs a packet and says in words what became of it. Used by the tests of this folder only.
import { reasonOf } from "../../pkg/svr/reasons.ts";
import { Life, TcpState } from "../../pkg/svr/session.ts";
import { toHex } from "./harness.ts";
import type { Fields, Harness, PuntSeen, Ran, Words } from "./harness.ts";
import { addressBytes, buildFrame, buildPacket, familyOf } from "./packets.ts";
import type { PacketSpec } from "./packets.ts";

/** Family is one row of tests that run for both. */
export interface Family { name: string; family: 4 | 6; host: string; server: string; waypoint: string; peer: string; nat: string; icmp: number; ask: number; answer: number; header: number }

/** families are the two address worlds. */
export const families: readonly Family[] = [
  { name: "IPv4", family: 4, host: "10.1.1.10", server: "10.2.2.20", waypoint: "192.0.2.1", peer: "198.51.100.1", nat: "203.0.113.7", icmp: 1, ask: 8, answer: 0, header: 20 },
  { name: "IPv6", family: 6, host: "fd00:1::10", server: "fd00:2::20", waypoint: "2001:db8:a::1", peer: "2001:db8:b::1", nat: "2001:db8:c::7", icmp: 58, ask: 128, answer: 129, header: 40 },
];

export const LAN = 3, WAN = 4, LAN_HOP = 30, WAN_HOP = 40;
export const TCP = 6, UDP = 17;

/** Verdict in words: forward, pass, drop:<reason>, punt:<cause>. */
const CODES: Record<number, string> = { [-1]: "pass", 7: "forward", [-74]: "sum broken" };
const CAUSES = ["none", "miss", "metadata", "unknown", "cookie", "need-meta", "slow", "mtu", "fragment", "new-syn", "ttl", "error", "open", "seal"];

/** Outcome is what became of one packet; `out` is the packet without its link header. */
export interface Outcome { verdict: string; out: string; frame: string; punt?: PuntSeen }

/** SideSpec is one side of a session in readable form. */
export interface SideSpec { remote: string; local: string; remotePort: number; localPort: number; ifnum: number; vlan?: number; nexthop: number; path?: number; proto: number }

/** SessionSpec is a session; slot 0 unless named. */
export interface SessionSpec { slot?: number; sides: readonly [SideSpec, SideSpec]; fields?: Words }

function sideWords(index: number, side: SideSpec): Words {
  const words: Words = {
    remote: addressBytes(side.remote), local: addressBytes(side.local), remote_port_be: side.remotePort, local_port_be: side.localPort, ifnum: side.ifnum,
    vlan: side.vlan ?? 0, nexthop: side.nexthop, path: side.path ?? 0, proto: side.proto, family: familyOf(side.remote),
  };
  return Object.fromEntries(Object.entries(words).map(([name, value]) => [`side${index}.${name}`, value]));
}

/** install writes a session and its three keys. */
export async function install(harness: Harness, spec: SessionSpec): Promise<void> {
  const slot = spec.slot ?? 0;
  const uuid = new Uint8Array(16).fill(0xa0 + slot % 16);
  uuid.set([slot >> 8, slot & 255], 2);
  const answer = await harness.ask("session", {
    slot, life: Life.live, idle_ms: 180_000, uuid, created_ms: "now-1000", since_ms: "now", ...sideWords(0, spec.sides[0]), ...sideWords(1, spec.sides[1]), ...spec.fields,
  });
  if (!answer.ok) throw new Error("the flow index had no place");
}

/** hostSide is the LAN side toward the host that opened the session. */
export function hostSide(f: Family, proto: number, more: Partial<SideSpec> = {}): SideSpec {
  const query = proto === f.icmp;
  return { remote: f.host, local: f.server, remotePort: query ? 77 : 40000, localPort: query ? 0 : 443, ifnum: LAN, nexthop: LAN_HOP, proto, ...more };
}

/** serverSide is the LAN side toward the server, without NAT. */
export function serverSide(f: Family, proto: number, more: Partial<SideSpec> = {}): SideSpec {
  const query = proto === f.icmp;
  return { remote: f.server, local: f.host, remotePort: query ? 0 : 443, localPort: query ? 77 : 40000, ifnum: LAN, nexthop: LAN_HOP, proto, ...more };
}

/** peerSide is a WAN side; `first` when this router opened the segment (its port is even). */
export function peerSide(f: Family, proto: number, more: Partial<SideSpec> & { first?: boolean } = {}): SideSpec {
  const { first = true, ...rest } = more;
  const ports = first ? { remotePort: 16385, localPort: 16384 } : { remotePort: 16384, localPort: 16385 };
  return { remote: f.peer, local: f.waypoint, ...ports, ifnum: WAN, nexthop: WAN_HOP, path: 1, proto: proto === f.icmp ? UDP : proto, ...rest };
}

/** ingress is a session from a host to a peer; egress one from a peer to a server; single one between two hosts. */
export function ingress(f: Family, proto: number, fields: Words = {}): SessionSpec {
  return { sides: [hostSide(f, proto), peerSide(f, proto)], fields: { ...contextOf(f, proto), ...fields } };
}

/** egress is a session from a peer to a server. */
export function egress(f: Family, proto: number, fields: Words = {}): SessionSpec {
  return { sides: [peerSide(f, proto, { first: false }), serverSide(f, proto)], fields: { ...contextOf(f, proto), ...fields } };
}

/** The inner 5-tuple; ICMP carries its identifier as source port. */
function contextOf(f: Family, proto: number): Words {
  const query = proto === f.icmp;
  return { context_proto: proto, context_source_port_be: query ? 77 : 40000, context_destination_port_be: query ? 0 : 443, tcp_state: proto === TCP ? TcpState.established : 0 };
}

/** prepare empties the maps and sets interfaces, next hops and addresses. */
export async function prepare(harness: Harness): Promise<void> {
  await harness.ask("reset");
  const hop = { ifindex: 1, mtu: 1500 };
  await harness.ask("nexthop", { ...hop, index: LAN_HOP, ifnum: LAN, mss4: 0, mss6: 0, vlan: 0 });
  await harness.ask("nexthop", { ...hop, index: WAN_HOP, ifnum: WAN, mss4: 1340, mss6: 1320, vlan: 0 });
  for (const f of families) {
    await harness.ask("local", { family: f.family, address: addressBytes(f.waypoint), flags: 1 });
    await harness.ask("local", { family: f.family, address: addressBytes(f.nat), flags: 0 });
  }
}

/** Arrival says where and how a packet comes in; interface flags: 1 shared, 2 hosts; complete: with its sum from the driver (CHECKSUM_COMPLETE). */
export interface Arrival { ifnum?: number; flags?: number; vlan?: number; gso?: number; complete?: boolean; to?: readonly number[]; type?: number }

/** sendFrame runs a frame through svr_ingress. */
export async function sendFrame(harness: Harness, frame: Uint8Array, arrival: Arrival = {}): Promise<Outcome> {
  const ifnum = arrival.ifnum ?? LAN;
  await harness.ask("interface", { ifindex: 1, ifnum, flags: arrival.flags ?? (ifnum === LAN ? 2 : 0) });
  return outcomeOf(harness, await harness.ask("run", { data: frame, gso: arrival.gso, complete: arrival.complete === true ? 1 : 0 }));
}

async function outcomeOf(harness: Harness, ran: Ran): Promise<Outcome> {
  const punts = await harness.ask("punts");
  const verdict = punts[0] !== undefined ? `punt:${CAUSES[punts[0].cause]}` : CODES[ran.code] ?? `drop:${reasonOf(ran.reason)?.name}`;
  const counted = ran.reason === 0 ? verdict : `drop:${reasonOf(ran.reason)?.name}`;
  return { verdict: counted, out: ran.out.slice(28), frame: ran.out, ...(punts[0] === undefined ? {} : { punt: punts[0] }) };
}

/** send builds a packet and runs it. */
export async function send(harness: Harness, spec: PacketSpec, arrival: Arrival = {}): Promise<Outcome> {
  const link = { ...(arrival.vlan === undefined ? {} : { vlan: arrival.vlan }), ...(arrival.to ? { to: arrival.to } : {}), ...(arrival.type ? { type: arrival.type } : {}) };
  return sendFrame(harness, buildFrame(buildPacket(spec), link), arrival);
}

/** hexOf is a built packet as hex, to compare with Outcome.out. */
export function hexOf(spec: PacketSpec): string {
  return toHex(buildPacket(spec));
}

/** runInjected runs a packet that a protect worker wrote to loopback, `word` 0x4f opened, 0x4c sealed; entry is that of its record. */
export async function runInjected(harness: Harness, packet: Uint8Array, of: { word: number; entry: number; gso?: number; from?: readonly number[] }): Promise<Outcome> {
  const to = [2, of.word, of.entry >>> 24, (of.entry >>> 16) & 255, (of.entry >>> 8) & 255, of.entry & 255];
  const ran = await harness.ask("run", { prog: "inject", data: buildFrame(packet, { to, from: of.from ?? [2, 1, 2, 3, 4, 5] }), gso: of.gso });
  return outcomeOf(harness, ran);
}

/** session reads a slot back. */
export async function session(harness: Harness, slot = 0): Promise<Fields> {
  return harness.ask("show", { slot });
}
