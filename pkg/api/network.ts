// Fields that speak of networks: addresses, prefixes, protocols, ports, VLANs, MTU. Called by the kinds and by the compiler.
// Text stays as written in the objects; the readers here are total and give undefined for anything else.
import { z } from "zod";
import type { IpAddress } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import { formatPrefix, networkOf, parsePrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { checkedField, countField, metaOf } from "./fields.ts";

const longestPrefixText = 49; // 45 of an address, slash, 3 digits
const longestAddressText = 45;

/** protocolNames gives the IP protocol number of each name; ICMP means ICMPv6 where the address is IPv6. */
export const protocolNames = { TCP: 6, UDP: 17, ICMP: 1, GRE: 47, ESP: 50, SCTP: 132 } as const;

/** ProtocolName is a name that stands for a protocol number. */
export type ProtocolName = keyof typeof protocolNames;

const icmpVersion6 = 58;
const protocolsWithPorts: readonly number[] = [6, 17, 33, 132, 136];

/** protocolNumber gives the protocol number for a family. */
export function protocolNumber(protocol: ProtocolName | number, family: 4 | 6): number {
  if (typeof protocol === "number") return protocol;
  return protocol === "ICMP" && family === 6 ? icmpVersion6 : protocolNames[protocol];
}

/** hasPorts tells whether a protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
export function hasPorts(protocol: ProtocolName | number): boolean {
  return protocolsWithPorts.includes(protocolNumber(protocol, 4));
}

/** portsNeedProtocol is hasPorts as a rule of CEL, for a value with `protocol` and `ports`. */
export const portsNeedProtocol = "!has(self.ports) || size(self.ports) == 0 || (type(self.protocol) == string ? self.protocol in ['TCP', 'UDP', 'SCTP'] : self.protocol in [6, 17, 33, 132, 136])";

/** parsePorts reads `443`, `8000-8010` or a number; undefined when it is no range of 1-65535. */
export function parsePorts(value: string | number): { first: number; last: number } | undefined {
  const match = /^([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?$/.exec(String(value));
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= 65_535 ? { first, last } : undefined;
}

/** addressField is one IPv4 or IPv6 address. */
export function addressField(description: string, example = "192.0.2.1"): z.ZodString {
  return checkedField({ description, example, max: longestAddressText, format: "address", what: "an IPv4 or IPv6 address", accepts: (text) => isSpoken(parseAddress(text)) });
}

/** interfaceAddressField is an address with the length of its network, such as 192.0.2.1/24. */
export function interfaceAddressField(description: string): z.ZodString {
  return checkedField({
    description, example: "192.0.2.1/24", max: longestPrefixText, format: "interface-address", what: "an address with a prefix length",
    accepts: (text) => text.includes("/") && isSpoken(parsePrefix(text)?.address),
  });
}

/** prefixField is a network or a single address; host bits and names are refused with what to write. */
export function prefixField(description: string, example = "10.1.0.0/16"): z.ZodString {
  return z.string().min(1).max(longestPrefixText).check((context) => {
    const issue = prefixIssue(context.value);
    if (issue !== undefined) context.issues.push({ code: "custom", input: context.value, message: issue.message, params: { code: issue.code, fix: issue.fix } });
  }).meta({ ...metaOf({ description, example }), "x-svr-format": "prefix" });
}

function prefixIssue(text: string): { message: string; fix: string; code: string } | undefined {
  const prefix = spokenPrefix(text);
  if (prefix === undefined) {
    if (!/[a-z]/i.test(text) || text.includes(":")) return { message: "is not an IPv4 or IPv6 prefix", fix: 'write ADDRESS/LENGTH, for example "10.1.0.0/16" or "2001:db8::/32"', code: "value" };
    return { message: `names are not supported in this version: ${JSON.stringify(text)}`, fix: "write the addresses that the name stands for", code: "unsupported" };
  }
  const network = formatPrefix(networkOf(prefix));
  if (network === formatPrefix(prefix)) return undefined;
  return { message: "has bits set after the prefix length", fix: `write "${network}" for the network, or the address alone for one host`, code: "value" };
}

/** IPv4 addresses in IPv6 form are on no link; the API server refuses them too. */
function isSpoken(address: IpAddress | undefined): address is IpAddress {
  return address !== undefined && !(address.family === 6 && address.w0 === 0 && address.w1 === 0 && address.w2 === 0xffff);
}

function spokenPrefix(text: string): Prefix | undefined {
  const prefix = parsePrefix(text);
  return isSpoken(prefix?.address) ? prefix : undefined;
}

/** protocolField is a protocol by name or number. */
export const protocolField = z.union([
  z.enum(["TCP", "UDP", "ICMP", "GRE", "ESP", "SCTP"]),
  z.int().min(1).max(255),
], { error: "is not a protocol: TCP, UDP, ICMP, GRE, ESP, SCTP or a number 1-255" })
  .meta({ ...metaOf({ description: "IP protocol by name or number; ICMP is ICMPv6 where the address is IPv6.", example: "TCP" }), "x-kubernetes-int-or-string": true });

/** portsField is a port or a range of ports. */
export const portsField = z.union([z.int().min(1).max(65_535), z.string().min(1).max(11)], { error: "is not a port or a range of ports in 1-65535" })
  .refine((value) => parsePorts(value) !== undefined, { error: "is not a port or a range of ports in 1-65535" })
  .meta({ ...metaOf({ description: "Port, or range of ports with both ends included.", example: "8000-8010" }), "x-kubernetes-int-or-string": true, "x-svr-format": "ports" });

/** waypointPortsField is a range that peers use as destination ports (protocol 2.4). */
export const waypointPortsField = checkedField({
  description: "Range of waypoint ports, 1025-65535. Default: the ports of the protocol, 16384-65534.", example: "20000-29999", max: 11, format: "ports",
  what: "a range of ports in 1025-65535", accepts: (text) => (parsePorts(text)?.first ?? 0) >= 1025,
});

/** vlanField is a VLAN id. */
export const vlanField = countField({ description: "VLAN id.", example: 100, min: 1, max: 4094 });

/** mtuField is the largest IP packet in bytes. */
export const mtuField = countField({ description: "Largest IP packet in bytes.", example: 1500, min: 1280, max: 65_535 });
