// Fields of an interface's filter (behaviour 10.1) and of its other checks. Used by router.ts. Fields only; how rules are judged is
// pkg/svr/filter.ts.
import { z } from "zod";
import { checkedField, choiceField, countField, listField } from "./fields.ts";
import { portsField, prefixField, protocolField } from "./network.ts";
import { ruled } from "./rules.ts";

/** mostRules bounds the filter of one interface. */
export const mostRules = 256;

const flagNames = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"] as const;

/** lengthPattern is a range of bytes of an IP packet. */
export const lengthPattern = /^(0|[1-9][0-9]{0,4})-(0|[1-9][0-9]{0,4})$/;

function isLength(text: string): boolean {
  const found = lengthPattern.exec(text);
  return found !== null && Number(found[1]) <= Number(found[2]) && Number(found[2]) <= 65_535;
}

/** filterRuleField is one rule; what is not given matches everything. */
export const filterRuleField = ruled(ruled(ruled(z.strictObject({
  action: choiceField(["Permit", "Deny"], { description: "Permit or Deny. The first rule that matches decides; without one the packet goes on.", example: "Deny" }),
  family: choiceField(["IPv4", "IPv6"], { description: "Kind of packet, by its ethertype. Default: both.", example: "IPv4" }).optional(),
  vlan: z.int().min(0).max(4094).optional().meta({ description: "VLAN id, 0 for untagged packets. Default: every VLAN.", examples: [100] }),
  source: prefixField("Source prefix. Default: every source.", "10.1.0.0/16").optional(),
  destination: prefixField("Destination prefix. Default: every destination.", "192.0.2.0/24").optional(),
  protocol: protocolField.optional().meta({ description: "IP protocol by name or number; ICMP is ICMPv6 in IPv6. Default: every protocol.", examples: ["TCP"] }),
  sourcePort: portsField.optional().meta({ description: "Source port or range; TCP and UDP only. Default: every port.", examples: ["1024-65535"] }),
  destinationPort: portsField.optional().meta({ description: "Destination port or range; TCP and UDP only. Default: every port.", examples: [23] }),
  tcpFlags: listField(z.enum([...flagNames, ...flagNames.map((name) => `!${name}` as const)]).meta({ description: "TCP flag that must be set; with ! one that must not.", examples: ["!ACK"] }), { description: "TCP flags that must be set, with ! those that must not. Default: all.", example: ["SYN", "!ACK"], max: 6, unique: true }).optional(),
  icmpType: countField({ description: "ICMP type. Default: every type.", example: 8, min: 0, max: 255 }).optional(),
  dscp: countField({ description: "DSCP. Default: every value.", example: 46, min: 0, max: 63 }).optional(),
  length: checkedField({ description: "Range of bytes of the IP packet. Default: every length.", example: "1000-65535", max: 11, format: "lengths", what: "a range of bytes such as 0-100", accepts: isLength }).optional(),
}), {
  holds: (rule) => (rule.sourcePort === undefined && rule.destinationPort === undefined) || rule.protocol === "TCP" || rule.protocol === "UDP",
  cel: "(!has(self.sourcePort) && !has(self.destinationPort)) || (has(self.protocol) && type(self.protocol) == string && self.protocol in ['TCP', 'UDP'])",
  error: "ports need protocol TCP or UDP", code: "required", fix: "write protocol: TCP or UDP, or leave the ports out",
}), {
  holds: (rule) => rule.tcpFlags === undefined || rule.protocol === "TCP", cel: "!has(self.tcpFlags) || (has(self.protocol) && type(self.protocol) == string && self.protocol == 'TCP')",
  error: "tcpFlags need protocol TCP", path: "tcpFlags", code: "required", fix: "write protocol: TCP",
}), {
  holds: (rule) => rule.icmpType === undefined || rule.protocol === "ICMP", cel: "!has(self.icmpType) || (has(self.protocol) && type(self.protocol) == string && self.protocol == 'ICMP')",
  error: "icmpType needs protocol ICMP", path: "icmpType", code: "required", fix: "write protocol: ICMP",
}).meta({ description: "A rule of the filter." });

/** FilterRuleObject is one rule as written. */
export type FilterRuleObject = z.output<typeof filterRuleField>;

/** ipOptionsField says what becomes of IPv4 options. */
export const ipOptionsField = z.strictObject({
  action: choiceField(["Allow", "Drop"], { description: "Allow: packets with options pass, without them toward peers. Drop: they are dropped. Default: Allow.", example: "Drop" }).default("Allow"),
  except: listField(countField({ description: "Option number.", example: 148, min: 2, max: 255 }), { description: "Options that pass though action is Drop, by number; only the low five bits count. Default: none.", example: [148], max: 32, unique: true }).default([]),
}).meta({ description: "IPv4 options of packets that arrive on the interface." });
