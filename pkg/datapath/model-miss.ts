// What becomes of a packet without a session: the router's own passes, what may open a session goes to a shard, the rest is
// dropped. Called by model-forward.ts. Before a packet is recognised as ours the answer is pass, after it the default is drop.
import { addressKey, isLoopback, isMulticast, isUnspecified, sameAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import type { PuntCause } from "../ports/datapath.ts";
import { DETECTOR_PORT, PEERING_PORT, PROTO_TCP, PROTO_UDP, UDP_HEADER } from "../svr/constants.ts";
import { hasBadFlags } from "../svr/sanity.ts";
import { carriesCookie } from "./model-cookie.ts";
import type { PacketIn, ParsedPacket } from "./model-parse.ts";
import { isError } from "./model-quote.ts";
import { localOf, memberOf } from "./model-state.ts";
import type { Model } from "./model-state.ts";
import type { Verdict } from "./model-verdict.ts";
import { Cause, dropped, passed, punted } from "./model-verdict.ts";

const FIXED_PORTS: Record<number, readonly number[]> = { [PROTO_UDP]: [PEERING_PORT], [PROTO_TCP]: [PEERING_PORT, DETECTOR_PORT] }; // protocol 2.8
const NANOSECONDS = 1_000_000_000;

/** Missed is a packet without a session, with what its interface says about it. */
interface Missed { packet: PacketIn; parsed: ParsedPacket; /** an ICMP error about a packet of a session */ quotes: boolean; hosts: boolean; shared: boolean; nowMs: number }

/** judgeMiss gives the verdict for a packet that hit no session. */
export function judgeMiss(model: Model, packet: PacketIn, at: { parsed: ParsedPacket; nowMs: number; quotes: boolean }): Verdict {
  const entry = model.interfaces.get(packet.ifnum);
  const missed = { packet, ...at, hosts: entry?.hosts === true, shared: entry?.shared === true };
  if (at.parsed.shape === "bad") return missed.shared ? passed : dropped("filter");
  const local = localOf(model, at.parsed.destination);
  return local !== undefined && !local.peer ? judgeOurs(model, missed, local.waypoint) : judgeForeign(model, missed);
}

/** A destination elsewhere: a host's first packet, where hosts live. */
function judgeForeign(model: Model, missed: Missed): Verdict {
  const { parsed, nowMs, quotes } = missed;
  if (!quotes && !missed.hosts) return missed.shared ? passed : dropped("no-service");
  if (!quotes && isError(parsed)) return dropped("icmp-error");
  const known = memberOf(model, { ifnum: missed.packet.ifnum, vlan: missed.packet.vlan, source: parsed.source });
  const refused = judgeFilter(parsed);
  if (refused !== undefined) return refused;
  if (!quotes && known === undefined && model.interfaces.get(missed.packet.ifnum)?.sourceCheck === true) return dropped("filter");
  const tenant = known?.tenant;
  const rate = tenant === undefined ? undefined : model.config.rates.find((entry) => entry.tenant === tenant);
  if (!pay(model, { bucket: `tenant ${tenant}`, rate, nowMs })) return dropped("rate");
  return punted(quotes ? Cause.error : parsed.shape === "fragment" ? Cause.fragment : Cause.miss);
}

/** A destination of ours: the kernel's, unless it is for a waypoint. */
function judgeOurs(model: Model, missed: Missed, waypoint: boolean): Verdict {
  const cause = causeForOurs(model, missed, waypoint);
  if (cause === undefined) return passed;
  const refused = judgeFilter(missed.parsed);
  if (refused !== undefined) return refused;
  const bucket = `remote ${addressKey(missed.parsed.source)}`;
  return pay(model, { bucket, rate: model.config.remoteRate, nowMs: missed.nowMs }) ? punted(cause) : dropped("rate");
}

function causeForOurs(model: Model, missed: Missed, waypoint: boolean): PuntCause | undefined {
  const { parsed } = missed;
  if (missed.quotes) return Cause.error;
  if (parsed.shape === "fragment") return isKnownSource(model, missed) ? Cause.fragment : undefined;
  const carrier = parsed.shape === "ok" && (parsed.proto === PROTO_TCP || parsed.proto === PROTO_UDP);
  if (!waypoint || !carrier || FIXED_PORTS[parsed.proto]?.includes(parsed.destinationPort)) return undefined;
  if (carriesCookie(missed.packet.data, parsed, "all")) return Cause.metadata;
  return isUnknown(model, missed) ? Cause.unknown : undefined;
}

/** A packet on a waypoint port that nobody else claims (protocol 6.1). */
function isUnknown(model: Model, missed: Missed): boolean {
  const { parsed } = missed;
  const { first, last } = model.config.waypointPorts;
  const inRange = parsed.destinationPort >= first && parsed.destinationPort <= last;
  return inRange && isKnownSource(model, missed) && !model.hasSocket(parsed.proto, parsed.destination, parsed.destinationPort);
}

/** On an interface shared with the host only known peers are answered. */
function isKnownSource(model: Model, missed: Missed): boolean {
  return !missed.shared || localOf(model, missed.parsed.source)?.peer === true;
}

/** Checks in front of any session (behaviour 10.2). */
function judgeFilter(parsed: ParsedPacket): Verdict | undefined {
  if (parsed.shape === "extended" || badAddresses(parsed)) return dropped("filter");
  if (parsed.shape !== "ok") return undefined;
  if (parsed.proto === PROTO_TCP && hasBadFlags(parsed.tcpFlags)) return dropped("state");
  const wrongLength = parsed.proto === PROTO_UDP && parsed.gsoSize === 0 && parsed.udpLength !== parsed.payload + UDP_HEADER;
  return wrongLength ? dropped("filter") : undefined;
}

function badAddresses(parsed: ParsedPacket): boolean {
  const { source, destination } = parsed;
  return sameAddress(source, destination) || isLoopback(source) || isLoopback(destination) || isNobody(source);
}

/** Sources that nobody has: this network, multicast, reserved, unspecified. */
function isNobody(address: IpAddress): boolean {
  const reserved = address.family === 4 && (address.w0 >>> 24 === 0 || address.w0 >>> 24 >= 240);
  return reserved || isMulticast(address) || isUnspecified(address);
}

/** Pays one packet; a bucket is the time until which its packets are paid for, refused when that lies a burst ahead. */
function pay(model: Model, ask: { bucket: string; rate: { perSecond: number; burst: number } | undefined; nowMs: number }): boolean {
  const { bucket, rate } = ask;
  if (rate === undefined || rate.perSecond === 0) return true;
  const now = ask.nowMs * 1_000_000;
  const cost = Math.floor(NANOSECONDS / rate.perSecond);
  const from = Math.max(model.tokens.get(bucket) ?? 0, now);
  if (from + cost - now > cost * (rate.burst || 1)) return false;
  model.tokens.set(bucket, from + cost);
  return true;
}
