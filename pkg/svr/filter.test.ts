// Rules of interface filters, row by row (Q-4, behaviour 10.1): what each field matches, order, parts of packets, IPv4 options.
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { parsePrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { deniedBy, dscpOf, refusesOptions } from "./filter.ts";
import type { FilterRule, FilterView } from "./filter.ts";

const address = (text: string): IpAddress => parseAddress(text) as IpAddress;
const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
const tcp: FilterView = {
  family: 4, vlan: 7, source: address("10.1.0.9"), destination: address("10.2.0.9"), proto: 6, sourcePort: 4000, destinationPort: 443, tcpFlags: 0x02, icmpType: 0,
  dscp: 46, length: 60, isCut: false,
};
const deny = (rule: Partial<FilterRule>): FilterRule => ({ permit: false, ...rule });

test.each<[desc: string, rule: Partial<FilterRule>, view: Partial<FilterView>, matches: boolean]>([
  ["nothing said", {}, {}, true], ["family", { family: 4 }, {}, true], ["another family", { family: 6 }, {}, false], ["VLAN", { vlan: 7 }, {}, true], ["another VLAN", { vlan: 0 }, {}, false],
  ["source", { source: prefix("10.1.0.0/24") }, {}, true], ["another source", { source: prefix("10.3.0.0/24") }, {}, false], ["destination", { destination: prefix("10.2.0.9/32") }, {}, true],
  ["a prefix of the other family", { destination: prefix("::/0") }, {}, false], ["protocol", { proto: 6 }, {}, true], ["another protocol", { proto: 17 }, {}, false],
  ["source ports", { sourcePorts: { first: 4000, last: 4001 } }, {}, true], ["other source ports", { sourcePorts: { first: 4001, last: 4001 } }, {}, false],
  ["destination ports", { destinationPorts: { first: 1, last: 443 } }, {}, true], ["ports of what has none", { destinationPorts: { first: 0, last: 65_535 } }, { proto: 1, destinationPort: 0 }, false],
  ["TCP flags", { tcpFlags: { mask: 0x12, value: 0x02 } }, {}, true], ["other TCP flags", { tcpFlags: { mask: 0x12, value: 0x10 } }, {}, false], ["TCP flags of UDP", { tcpFlags: { mask: 0, value: 0 } }, { proto: 17 }, false],
  ["ICMP type", { icmpType: 8 }, { proto: 1, icmpType: 8 }, true], ["ICMPv6 type", { icmpType: 128 }, { family: 6, proto: 58, icmpType: 128, source: address("::2"), destination: address("::3") }, true],
  ["another ICMP type", { icmpType: 8 }, { proto: 1, icmpType: 0 }, false], ["ICMP type of TCP", { icmpType: 0 }, {}, false], ["DSCP", { dscp: 46 }, {}, true], ["another DSCP", { dscp: 0 }, {}, false],
  ["length", { length: { first: 60, last: 60 } }, {}, true], ["another length", { length: { first: 61, last: 70 } }, {}, false],
])("Q-4 a rule with %s", (_desc, rule, view, matches) => {
  expect(deniedBy([deny(rule)], { ...tcp, ...view })).toBe(matches ? 0 : undefined);
});

test("Q-4 the first rule that matches decides", () => {
  const rules = [deny({ proto: 17 }), { permit: true, destinationPorts: { first: 443, last: 443 } }, deny({})];
  expect([deniedBy(rules, tcp), deniedBy(rules, { ...tcp, destinationPort: 80 }), deniedBy(rules, { ...tcp, proto: 17 }), deniedBy([], tcp)]).toEqual([undefined, 2, 0, undefined]);
});

test.each<[desc: string, rule: Partial<FilterRule>, family: 4 | 6, decided: boolean]>([
  ["ports", { destinationPorts: { first: 443, last: 443 } }, 4, false], ["TCP flags", { tcpFlags: { mask: 2, value: 2 } }, 4, false], ["ICMP type", { icmpType: 8 }, 4, false],
  ["protocol of IPv4", { proto: 6 }, 4, true], ["protocol of IPv6, which a part does not show", { proto: 6 }, 6, false], ["addresses", { source: prefix("0.0.0.0/0") }, 4, true],
])("Q-4 of a part of a packet a rule about %s", (_desc, rule, family, decided) => {
  const part: FilterView = { ...tcp, isCut: true, ...(family === 6 ? { family, proto: 44, source: address("::2"), destination: address("::3") } : {}) };
  expect(deniedBy([deny(rule)], part)).toBe(decided ? 0 : undefined);
  expect(deniedBy([deny({ ...rule, vlan: 1 }), deny({})], part)).toBe(1); // a rule of another VLAN hides nothing
});

test.each<[desc: string, options: number[], refused: boolean]>([
  ["none", [], false], ["no-operation and end", [1, 1, 0, 7], false], ["an exception", [148, 4, 0, 0], false], ["another one", [7, 3, 4], true], ["behind an exception", [148, 4, 0, 0, 68, 4, 0, 0], true],
  ["without a length", [148], true], ["with an impossible length", [148, 1, 0, 0], true],
])("Q-4 IPv4 options: %s", (_desc, options, refused) => {
  expect(refusesOptions({ options: { except: [148] } }, Uint8Array.from(options))).toBe(refused);
  expect(refusesOptions({}, Uint8Array.from(options))).toBe(false);
});

test("the class of a packet is read from either header", () => {
  expect([dscpOf(Uint8Array.of(0x45, 46 << 2), 4), dscpOf(Uint8Array.of(0x6b, 0x80), 6), dscpOf(new Uint8Array(), 4)]).toEqual([46, 46, 0]);
});
