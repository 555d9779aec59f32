// The wire proof: what must be true of the packets between two routers, checked packet by packet against the packets of the
// hosts. Pure; called with captures by main.ts and with packets made by hand by its test.
import type { LinkName } from "./example.ts";
import { check, checkNone } from "./checks.ts";
import type { Check } from "./checks.ts";
import { segmentsOf } from "./wire.ts";
import type { Segment, Carried } from "./wire.ts";

/** LinkTrace is the capture of one inter-router link, read. */
export interface LinkTrace { link: LinkName; packets: Carried[]; truncated: number }

/** LanTrace is what the hosts of one tenant sent and received. */
export interface LanTrace { tenant: string; packets: Carried[] }

/** Comparison is one direction of a session on one link beside what the hosts saw. */
export interface Comparison {
  compared: number;
  /** packets without metadata that no packet of the hosts equals */
  unmatched: number;
  /** bytes added to a packet, and how many packets got them */
  added: Map<number, number>;
}

const ICMP_CARRIER = 8; // protocol 3.3: a message without ports gets a UDP header, instead of nothing to translate

/** proveWire judges the captures of all links. */
export function proveWire(links: readonly LinkTrace[], lans: readonly LanTrace[]): Check[] {
  const sorted = links.map((one) => ({ ...one, ...segmentsOf(one.packets) }));
  const segments = sorted.flatMap(({ link, segments: found }) => found.map((segment) => ({ link, segment })));
  const packets = sorted.reduce((sum, one) => sum + one.packets.length, 0);
  return [
    checkNone("captures are complete", sorted.filter((one) => one.truncated > 0).map((one) => `${one.link}: ${one.truncated} packets cut short`), { count: packets, what: "packets, each in full length" }),
    checkNone("links carry sessions and nothing else", strangersOf(sorted), { count: packets, what: "packets between the routers" }),
    checkNone("first packets carry metadata", segments.flatMap(lateMetadata), { count: segments.length, what: "sessions on a link, in both directions" }),
    checkNone("no metadata after the handshake", segments.flatMap(metadataAfter), { count: clearPackets(segments), what: "established packets" }),
    authentic(segments),
    ...compareLengths(segments, lans),
    checkNone("waypoint ports are even and odd", segments.flatMap(wrongParity), { count: segments.length, what: "sessions on a link" }),
    sameSessions(sorted),
  ];
}

interface OnLink { link: LinkName; segment: Segment }

const directions = ["forward", "reverse"] as const;

function titleOf({ link, segment }: OnLink): string {
  return `${segment.tenant} ${segment.context} on ${link}`;
}

/** Neighbour discovery, and ICMP errors of the kernels of routers that just start; echo of hosts crosses in UDP. */
function isOfKernels({ proto }: Carried): boolean {
  return proto === "icmp6" || proto === "icmp";
}

function strangersOf(links: readonly { link: LinkName; strangers: readonly Carried[] }[]): string[] {
  return links.flatMap(({ link, strangers }) => strangers.filter((packet) => !isOfKernels(packet)).map((packet) => `${link}: ${packet.flow}`));
}

/** A session may be one-way, but each direction that has packets begins with metadata. */
function lateMetadata(at: OnLink): string[] {
  return directions.flatMap((direction) => {
    const [first] = at.segment[direction];
    return first === undefined || first.metadata?.kind === direction ? [] : [`${titleOf(at)}: first ${direction} packet has none`];
  });
}

/**
 * After its first packet without metadata a direction carries none any more. One exception is the protocol's own: a first
 * packet that its host repeats (a SYN) carries metadata again and is answered with metadata (protocol 6.1), once each.
 */
function metadataAfter(at: OnLink): string[] {
  const { forward, reverse } = at.segment;
  const repeated = forward.filter((packet) => packet.metadata !== undefined).length - 1;
  const late = { forward: lateIn(forward), reverse: Math.max(0, lateIn(reverse) - Math.max(0, repeated)) };
  return directions.flatMap((direction) => (late[direction] === 0 ? [] : [`${titleOf(at)}: ${late[direction]} ${direction} packets`]));
}

function lateIn(packets: readonly Carried[]): number {
  const clear = packets.findIndex((packet) => packet.metadata === undefined);
  return clear < 0 ? 0 : packets.slice(clear).filter((packet) => packet.metadata !== undefined).length;
}

function clearPackets(segments: readonly OnLink[]): number {
  return segments.reduce((sum, { segment }) => sum + [...segment.forward, ...segment.reverse].filter((packet) => packet.metadata === undefined).length, 0);
}

function authentic(segments: readonly OnLink[]): Check {
  const signed = segments.flatMap((at) => [...at.segment.forward, ...at.segment.reverse, ...at.segment.control].flatMap(({ metadata }) => (metadata === undefined ? [] : [{ at, metadata }])));
  const wrong = signed.filter(({ metadata }) => !metadata.authentic).map(({ at }) => titleOf(at));
  return checkNone("HMAC is right under the keys of the pair", wrong, { count: signed.length, what: "packets with metadata" });
}

function compareLengths(segments: readonly OnLink[], lans: readonly LanTrace[]): Check[] {
  const rows = segments.flatMap((at) => directions.map((direction) => ({ at, direction, ...compare(at.segment, direction, lans) })));
  const carried = (row: (typeof rows)[number]): number => (/^icmp/.test(row.at.segment.context) ? ICMP_CARRIER : 0);
  const faults = rows.flatMap((row) => {
    const wrong = [...row.added].filter(([bytes]) => bytes !== carried(row)).map(([bytes, count]) => `${bytes} bytes on ${count} packets`);
    const lost = row.unmatched === 0 ? [] : [`${row.unmatched} packets equal none of the host's`];
    return [...wrong, ...lost].map((what) => `${titleOf(row.at)} ${row.direction}: ${what}`);
  });
  const plain = rows.filter((row) => carried(row) === 0).reduce((sum, row) => sum + row.compared, 0);
  const pings = rows.filter((row) => carried(row) > 0).reduce((sum, row) => sum + row.compared, 0);
  const result = checkNone("0 bytes added to established packets", faults, { count: plain, what: "TCP and UDP packets compared with those of the hosts, inner and outer length equal" });
  return [result.ok && pings > 0 ? { ...result, detail: `${result.detail}; ${pings} echo packets got the ${ICMP_CARRIER} bytes of the UDP header that carries them` } : result];
}

/** compare looks up each packet without metadata among the packets of the tenant's hosts and subtracts the lengths. */
export function compare(segment: Segment, direction: "forward" | "reverse", lans: readonly LanTrace[]): Comparison {
  const lan = lans.find((one) => one.tenant === segment.tenant)?.packets ?? [];
  const waiting = new Map<string, Carried[]>();
  for (const packet of lan) {
    if ((direction === "forward" ? packet.flow : packet.back) !== segment.context) continue;
    const equal = waiting.get(packet.body);
    if (equal === undefined) waiting.set(packet.body, [packet]);
    else equal.push(packet);
  }
  const result: Comparison = { compared: 0, unmatched: 0, added: new Map() };
  for (const outer of segment[direction]) {
    const inner = waiting.get(outer.body)?.shift();
    if (outer.metadata !== undefined) continue; // it took its inner packet off the list, no more
    result.compared++;
    if (inner === undefined) result.unmatched++;
    else result.added.set(outer.ipBytes - inner.ipBytes, (result.added.get(outer.ipBytes - inner.ipBytes) ?? 0) + 1);
  }
  return result;
}

/** The router that opened a segment has the even port, its peer the odd one (protocol 2.2). */
function wrongParity(at: OnLink): string[] {
  const [first] = at.segment.forward;
  const ports = first?.flow.split(" ").slice(1).map((word) => Number(word.slice(word.lastIndexOf(":") + 1))) ?? [];
  return ports[0] !== undefined && ports[1] !== undefined && ports[0] % 2 === 0 && ports[1] % 2 === 1 ? [] : [`${titleOf(at)}: ${first?.flow ?? "no forward packet"}`];
}

function sameSessions(links: readonly { link: LinkName; segments: readonly Segment[] }[]): Check {
  const sets = links.map(({ link, segments }) => ({ link, uuids: new Set(segments.map((one) => one.uuid)) }));
  const all = new Set(sets.flatMap(({ uuids }) => [...uuids]));
  const faults = sets.flatMap(({ link, uuids }) => [...all].filter((uuid) => !uuids.has(uuid)).map((uuid) => `${uuid} is not on ${link}`));
  return checkNone("sessions have one UUID on every link", faults, { count: all.size, what: `sessions on ${links.length} links` });
}

/** neverLeft checks that no link carried a session of the tenant to this protocol and port: a denied connection sends nothing. */
export function neverLeft(links: readonly LinkTrace[], of: { tenant: string; proto: string; port: number }): Check {
  const found = links.flatMap(({ link, packets }) => segmentsOf(packets).segments
    .filter(({ tenant, context }) => tenant === of.tenant && context.startsWith(`${of.proto} `) && context.endsWith(`:${of.port}`)).map(({ context }) => `${context} on ${link}`));
  return check("the denied connection never left its first router", found.length === 0, found.length === 0 ? `no packet of ${of.tenant} to ${of.proto}/${of.port} on any link` : found.join("; "));
}
