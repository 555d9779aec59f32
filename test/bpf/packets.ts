// Builds packets for the fixtures in plain words, with every checksum computed in full: what the eBPF programs derive by
// difference is compared with what this file computes from scratch. Used by the tests of this folder only.

/** IcmpSpec is an ICMP or ICMPv6 message with an identifier. */
export interface IcmpSpec { type: number; id: number; seq?: number; body?: Uint8Array }

/** TcpSpec is a TCP header; flags are letters of SAFRPU, options are padded to a multiple of four. */
export interface TcpSpec { sport: number; dport: number; flags: string; seq?: number; ack?: number; options?: readonly number[]; body?: Uint8Array; window?: number }

/** UdpSpec is a UDP datagram; `noChecksum` leaves the field 0. */
export interface UdpSpec { sport: number; dport: number; body?: Uint8Array; noChecksum?: boolean; icmp?: IcmpSpec }

/** PacketSpec is one IP packet; the family follows from the addresses. */
export interface PacketSpec {
  from: string; to: string; ttl?: number; tos?: number; id?: number; df?: boolean; fragment?: number; options?: readonly number[]; flowLabel?: number;
  tcp?: TcpSpec; udp?: UdpSpec; icmp?: IcmpSpec; raw?: { proto: number; body: Uint8Array };
}

const IP4 = 4, TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58;
const TCP_FLAGS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };

/** bytesOf gives a text as bytes. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** cookie is the metadata cookie of protocol 3.2. */
export const cookie = new Uint8Array([0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c]);

/** join puts byte strings behind each other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** addressBytes reads dotted IPv4 or colon IPv6 with at most one "::". */
export function addressBytes(text: string): Uint8Array {
  if (!text.includes(":")) return new Uint8Array(text.split(".").map(Number));
  const [head = "", tail] = text.split("::");
  const words = (part: string): number[] => (part === "" ? [] : part.split(":").map((word) => parseInt(word, 16)));
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return new Uint8Array(all.flatMap((word) => [word >> 8, word & 255]));
}

/** familyOf tells 4 or 6. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/** checksum is RFC 1071 over whole bytes, computed from scratch. */
export function checksum(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += (data[at]! << 8) + (data[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  return 0xffff - sum;
}

function word(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

function long(value: number): number[] {
  return [...word(value >>> 16), ...word(value & 0xffff)];
}

function pseudo(spec: PacketSpec, proto: number, length: number): Uint8Array {
  const ends = join(addressBytes(spec.from), addressBytes(spec.to));
  return join(ends, new Uint8Array(familyOf(spec.from) === IP4 ? [0, proto, ...word(length)] : [...long(length), 0, 0, 0, proto]));
}

/** Puts the checksum at `at` of an L4 packet. */
function summed(packet: Uint8Array, at: number, before: Uint8Array): Uint8Array {
  const value = checksum(join(before, packet));
  packet.set(word(value), at);
  return packet;
}

function tcpBytes(spec: PacketSpec, tcp: TcpSpec): Uint8Array {
  const options = [...(tcp.options ?? [])];
  while (options.length % 4 !== 0) options.push(0);
  const flags = [...tcp.flags].reduce((all, letter) => all | (TCP_FLAGS[letter] ?? 0), 0);
  const header = [...word(tcp.sport), ...word(tcp.dport), ...long(tcp.seq ?? 0), ...long(tcp.ack ?? 0), (5 + options.length / 4) << 4, flags,
    ...word(tcp.window ?? 64240), 0, 0, 0, 0, ...options];
  const packet = join(new Uint8Array(header), tcp.body ?? new Uint8Array());
  return summed(packet, 16, pseudo(spec, TCP, packet.length));
}

function udpBytes(spec: PacketSpec, udp: UdpSpec): Uint8Array {
  const body = udp.icmp === undefined ? udp.body ?? new Uint8Array() : icmpMessage(udp.icmp);
  const packet = join(new Uint8Array([...word(udp.sport), ...word(udp.dport), ...word(8 + body.length), 0, 0]), body);
  if (udp.noChecksum === true) return packet;
  summed(packet, 6, pseudo(spec, UDP, packet.length));
  if (packet[6] === 0 && packet[7] === 0) packet.set([255, 255], 6);
  return packet;
}

/** A message with checksum 0, as it rides in UDP. */
function icmpMessage(icmp: IcmpSpec): Uint8Array {
  return join(new Uint8Array([icmp.type, 0, 0, 0, ...word(icmp.id), ...word(icmp.seq ?? 1)]), icmp.body ?? new Uint8Array());
}

function icmpBytes(spec: PacketSpec, icmp: IcmpSpec): Uint8Array {
  const message = icmpMessage(icmp);
  return summed(message, 2, familyOf(spec.from) === IP4 ? new Uint8Array() : pseudo(spec, ICMP6, message.length));
}

function l4Of(spec: PacketSpec): { proto: number; body: Uint8Array } {
  if (spec.tcp !== undefined) return { proto: TCP, body: tcpBytes(spec, spec.tcp) };
  if (spec.udp !== undefined) return { proto: UDP, body: udpBytes(spec, spec.udp) };
  if (spec.icmp !== undefined) return { proto: familyOf(spec.from) === IP4 ? ICMP : ICMP6, body: icmpBytes(spec, spec.icmp) };
  return spec.raw ?? { proto: 253, body: new Uint8Array() };
}

function ip4Bytes(spec: PacketSpec, proto: number, body: Uint8Array): Uint8Array {
  const options = spec.options ?? [];
  const length = 20 + options.length + body.length;
  const flags = spec.fragment ?? (spec.df === false ? 0 : 0x4000);
  const header = new Uint8Array([0x45 + options.length / 4, spec.tos ?? 0, ...word(length), ...word(spec.id ?? 7), ...word(flags), spec.ttl ?? 64, proto, 0, 0,
    ...addressBytes(spec.from), ...addressBytes(spec.to), ...options]);
  header.set(word(checksum(header)), 10);
  return join(header, body);
}

function ip6Bytes(spec: PacketSpec, proto: number, body: Uint8Array): Uint8Array {
  const first = 0x60000000 + (spec.tos ?? 0) * 0x100000 + (spec.flowLabel ?? 0);
  return join(new Uint8Array([...long(first), ...word(body.length), proto, spec.ttl ?? 64]), addressBytes(spec.from), addressBytes(spec.to), body);
}

/** buildPacket gives the packet from its IP header on. */
export function buildPacket(spec: PacketSpec): Uint8Array {
  const { proto, body } = l4Of(spec);
  return familyOf(spec.from) === IP4 ? ip4Bytes(spec, proto, body) : ip6Bytes(spec, proto, body);
}

const HOST_MAC = [2, 0, 0, 0, 0, 9];

/** buildFrame puts Ethernet in front, addressed to the test device (all zero), with a VLAN tag if asked. */
export function buildFrame(packet: Uint8Array, link: { vlan?: number; to?: readonly number[]; from?: readonly number[]; type?: number } = {}): Uint8Array {
  const type = link.type ?? ((packet[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800);
  const tag = link.vlan === undefined ? [] : [0x81, 0, ...word(link.vlan)];
  return join(new Uint8Array([...(link.to ?? [0, 0, 0, 0, 0, 0]), ...(link.from ?? HOST_MAC), ...tag, ...word(type)]), packet);
}
