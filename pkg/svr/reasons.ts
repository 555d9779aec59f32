// The one table of reasons: why a packet was refused or dropped, why a session ended. Append-only: a number is never
// changed or used again, because records, counters and peers of another release carry it. scripts/generate-reasons.ts
// writes the C header and the reference page from it. Data only: it decides nothing.

/** ReasonGroup: deny = refused first packets (behaviour 2.6), wire = received from peers (behaviour 13.3), datapath = the data plane's own, end = why a session ended (behaviour 3.9). */
export type ReasonGroup = "deny" | "wire" | "datapath" | "end";

/** ReasonEntry is one line of the table. */
export interface ReasonEntry { number: number; name: string; group: ReasonGroup; meaning: string }

/** reasons is the table, in the order of the numbers. */
export const reasons = [
  { number: 1, name: "no-service", group: "deny", meaning: "no service of the tenant matches the destination, or no hosts live on the interface" },
  { number: 2, name: "access", group: "deny", meaning: "a deny entry, or a service without access policy" },
  { number: 3, name: "peer-tenant", group: "deny", meaning: "the tenant is not allowed for the peer or the origin" },
  { number: 4, name: "state", group: "deny", meaning: "first packet that is not a SYN, illegal TCP flags, a reset that does not fit, strict sequence check" },
  { number: 5, name: "filter", group: "deny", meaning: "bad address, length, checksum, header or IP option, or an interface filter" },
  { number: 6, name: "no-path", group: "deny", meaning: "no usable next hop, or no path within the SLA" },
  { number: 7, name: "limit", group: "deny", meaning: "a session, rate, half-open, table or metadata-size limit" },
  { number: 8, name: "nat", group: "deny", meaning: "NAT or waypoint ports exhausted, no pool matches, or another session holds the flow" },
  { number: 9, name: "reverse-path", group: "deny", meaning: "the return route leaves by another interface and reverse flow enforcement is strict" },
  { number: 10, name: "url", group: "deny", meaning: "the category of the name is denied" },
  { number: 11, name: "threat", group: "deny", meaning: "the inspection verdict is deny" },
  { number: 12, name: "no-key", group: "deny", meaning: "no keys with the peer: it is not authenticated, or not yet, or by a pre-shared key where the policy asks for more" },
  { number: 32, name: "metadata-malformed", group: "wire", meaning: "metadata that cannot be parsed" },
  { number: 33, name: "metadata-unknown-critical", group: "wire", meaning: "an unknown TLV of a type that must be understood" },
  { number: 34, name: "metadata-incomplete", group: "wire", meaning: "a mandatory TLV is missing" },
  { number: 35, name: "uuid-mismatch", group: "wire", meaning: "metadata for a flow that belongs to another session" },
  { number: 36, name: "peer-mismatch", group: "wire", meaning: "the key id belongs to another peer than the flow" },
  { number: 37, name: "tenant-not-allowed", group: "wire", meaning: "the peer asserts a tenant outside its list" },
  { number: 38, name: "hmac-failure", group: "wire", meaning: "the tag is wrong" },
  { number: 39, name: "hmac-clock-skew", group: "wire", meaning: "the tag would be right at another time: clocks differ" },
  { number: 40, name: "unknown-key", group: "wire", meaning: "no key with this id" },
  { number: 41, name: "replay-first-packet", group: "wire", meaning: "a session-creating packet seen before" },
  { number: 42, name: "replay-payload", group: "wire", meaning: "an encrypted payload counter seen before or too old" },
  { number: 43, name: "decrypt-failure", group: "wire", meaning: "the metadata cannot be decrypted, or is clear although encryption is required" },
  { number: 44, name: "origin-signature", group: "wire", meaning: "the signature of the ingress is missing or wrong" },
  { number: 45, name: "no-flow", group: "wire", meaning: "a packet for a waypoint address that belongs to no session" },
  { number: 46, name: "reassembly", group: "wire", meaning: "fragments that overlap, stay incomplete or exceed a limit" },
  { number: 47, name: "too-big", group: "wire", meaning: "a packet above the size that can be carried" },
  { number: 64, name: "ttl", group: "datapath", meaning: "the TTL or hop limit ran out" },
  { number: 65, name: "no-nexthop", group: "datapath", meaning: "the next hop of a session or of an injected frame is missing" },
  { number: 66, name: "ring-full", group: "datapath", meaning: "the shard that owns the packet is behind" },
  { number: 67, name: "rate", group: "datapath", meaning: "first packets above the rate of the tenant or of the remote address" },
  { number: 68, name: "rewrite", group: "datapath", meaning: "the kernel refused to change the packet (no memory, or headers not as parsed)" },
  { number: 69, name: "fault", group: "datapath", meaning: "a fault of the router while it decided; its log tells which" },
  { number: 70, name: "icmp-error", group: "datapath", meaning: "an ICMP error that quotes no packet of a live session, is about an error, is damaged, or is above 100 a second of one session" },
  { number: 71, name: "protect-full", group: "datapath", meaning: "the protect worker that owns the session is behind, or there is none" },
  { number: 96, name: "fin", group: "end", meaning: "both hosts closed the connection" },
  { number: 97, name: "rst", group: "end", meaning: "a host reset the connection" },
  { number: 98, name: "timeout", group: "end", meaning: "no packet for the idle timeout" },
  { number: 99, name: "half-open-timeout", group: "end", meaning: "the TCP handshake did not finish in time" },
  { number: 100, name: "policy", group: "end", meaning: "the policy now denies it" },
  { number: 101, name: "admin", group: "end", meaning: "ended by an administrator" },
  { number: 102, name: "peer-delete", group: "end", meaning: "the peer deleted it" },
  { number: 103, name: "path-lost", group: "end", meaning: "its path is gone and none replaces it" },
  { number: 104, name: "nat-changed", group: "end", meaning: "its source NAT address changed" },
  { number: 105, name: "evicted", group: "end", meaning: "a new session took its flow" },
  { number: 106, name: "error", group: "end", meaning: "a fault of the router" },
] as const satisfies readonly ReasonEntry[];

type Entry = (typeof reasons)[number];

/** DenyReason names why a first packet was refused (behaviour 2.6). */
export type DenyReason = Extract<Entry, { group: "deny" }>["name"];
/** WireReason names why a packet of a peer was dropped (behaviour 13.3). */
export type WireReason = Extract<Entry, { group: "wire" }>["name"];
/** DatapathReason names why the data plane dropped a packet. */
export type DatapathReason = Extract<Entry, { group: "datapath" }>["name"];
/** EndReason names why a session ended (behaviour 3.9). */
export type EndReason = Extract<Entry, { group: "end" }>["name"];
/** DropReason names why a packet was dropped, by anyone. */
export type DropReason = DenyReason | WireReason | DatapathReason;

/** reasonSlots is the size of the map `drops`: one above the highest number that may ever be counted. */
export const reasonSlots = 128;

const byNumber = new Map<number, Entry>(reasons.map((entry) => [entry.number, entry]));
const byName = new Map<string, Entry>(reasons.map((entry) => [entry.name, entry]));

/** refusalReasons are what policy or a limit says of a packet, told as denials; the rest are faults, lack of room, or of peers. The data plane's own list is svr_refusal_is of svr_refusal.h. */
export const refusalReasons: readonly ReasonEntry[] = reasons.filter(({ group, name }) => group === "deny" || name === "rate" || name === "icmp-error");

/** reasonOf gives the entry of a number; absent when the number is unknown (0, or of a newer release). */
export function reasonOf(number: number): ReasonEntry | undefined {
  return byNumber.get(number);
}

/** reasonNumber gives the number of a name of the table. */
export function reasonNumber(name: DropReason | EndReason): number {
  return (byName.get(name) as Entry).number;
}

/** endReasonOf gives the name for Session.endReason; absent while the session has not ended (0). */
export function endReasonOf(number: number): EndReason | undefined {
  const entry = byNumber.get(number);
  return entry?.group === "end" ? entry.name : undefined;
}
