// Rules of an interface filter (behaviour 10.1) on one packet: ordered, the first that matches permits or denies. Called by the
// router for packets that it joined from fragments, and by the model of the data plane; eBPF does the same (svr_filter.h). Pure.
import type { IpAddress, IpFamily } from "../base/address.ts";
import { containsAddress } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP } from "./constants.ts";

/** NumberRange has both ends included. */
export interface NumberRange { first: number; last: number }

/** FilterRule is one rule; what is absent matches everything. Ports match TCP and UDP only. */
export interface FilterRule {
  permit: boolean;
  family?: IpFamily;
  /** 0 is untagged */
  vlan?: number;
  source?: Prefix;
  destination?: Prefix;
  proto?: number;
  sourcePorts?: NumberRange;
  destinationPorts?: NumberRange;
  /** flags that are looked at, and which of them must be set */
  tcpFlags?: { mask: number; value: number };
  icmpType?: number;
  dscp?: number;
  /** bytes of the IP packet */
  length?: NumberRange;
}

/** InterfaceFilter is what one interface refuses: by rules, and IPv4 options but for those named by number. */
export interface InterfaceFilter {
  rules: readonly FilterRule[];
  /** place of each rule in the list of its author, where one became two or was left out; absent: they are the same */
  written?: readonly number[];
  options?: { except: readonly number[] };
}

/** writtenPlace is the place in the list of its author of the rule that stands at a place here. */
export function writtenPlace({ written }: Pick<InterfaceFilter, "written">, place: number): number {
  return written?.[place] ?? place;
}

/** FilterView is what rules look at. `isCut`: a fragment, or IPv6 extension headers, whose L4 header is not known. */
export interface FilterView {
  family: IpFamily;
  vlan: number;
  source: IpAddress;
  destination: IpAddress;
  proto: number;
  sourcePort: number;
  destinationPort: number;
  tcpFlags: number;
  icmpType: number;
  dscp: number;
  length: number;
  isCut: boolean;
}

/** deniedBy gives the place of the rule that denies a packet; undefined when it may go on, or when only the whole packet can tell. */
export function deniedBy(rules: readonly FilterRule[], view: FilterView): number | undefined {
  for (const [index, rule] of rules.entries()) {
    if (!matchesFlow(rule, view)) continue;
    if (view.isCut && needsWhole(rule, view)) return undefined;
    if (!matchesPacket(rule, view)) continue;
    return rule.permit ? undefined : index;
  }
  return undefined;
}

function matchesFlow(rule: FilterRule, view: FilterView): boolean {
  const protoKnown = !view.isCut || view.family === 4;
  return (rule.family === undefined || rule.family === view.family) && (rule.vlan === undefined || rule.vlan === view.vlan)
    && (rule.proto === undefined || !protoKnown || rule.proto === view.proto) && isIn(rule.source, view.source) && isIn(rule.destination, view.destination);
}

function isIn(prefix: Prefix | undefined, address: IpAddress): boolean {
  return prefix === undefined || containsAddress(prefix, address);
}

/** A rule about L4 cannot be judged on a part of a packet; a later rule must not decide in its place. */
function needsWhole(rule: FilterRule, { family }: FilterView): boolean {
  return hasPorts(rule) || rule.tcpFlags !== undefined || rule.icmpType !== undefined || (rule.proto !== undefined && family === 6);
}

function hasPorts({ sourcePorts, destinationPorts }: FilterRule): boolean {
  return sourcePorts !== undefined || destinationPorts !== undefined;
}

function matchesPacket(rule: FilterRule, view: FilterView): boolean {
  const { tcpFlags, icmpType } = rule;
  const ports = !hasPorts(rule) || ((view.proto === PROTO_TCP || view.proto === PROTO_UDP) && within(rule.sourcePorts, view.sourcePort) && within(rule.destinationPorts, view.destinationPort));
  const flags = tcpFlags === undefined || (view.proto === PROTO_TCP && (view.tcpFlags & tcpFlags.mask) === tcpFlags.value);
  const type = icmpType === undefined || (view.proto === (view.family === 4 ? PROTO_ICMP : PROTO_ICMPV6) && view.icmpType === icmpType);
  return ports && flags && type && (rule.dscp === undefined || rule.dscp === view.dscp) && within(rule.length, view.length);
}

function within(range: NumberRange | undefined, value: number): boolean {
  return range === undefined || (value >= range.first && value <= range.last);
}

/** refusesOptions tells whether IPv4 options hold one that may not pass: everything but end, no-operation and the exceptions. */
export function refusesOptions({ options }: Pick<InterfaceFilter, "options">, bytes: Uint8Array): boolean {
  if (options === undefined) return false;
  const allowed = new Set(options.except.map((number) => number & 31));
  for (let at = 0; at < bytes.length;) {
    const kind = bytes[at] ?? 0;
    if (kind === 0) return false;
    const length = kind === 1 ? 1 : bytes[at + 1] ?? 0;
    if (kind !== 1 && (length < 2 || !allowed.has(kind & 31))) return true;
    at += length;
  }
  return false;
}

/** dscpOf reads the class of a packet from the start of its IP header. */
export function dscpOf(data: Uint8Array, family: IpFamily): number {
  const [first = 0, second = 0] = data;
  return family === 4 ? second >> 2 : ((first & 0x0f) << 2) | (second >> 6);
}
