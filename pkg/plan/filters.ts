// The filter of an interface, from its fields to rules (behaviour 10). Called by interfaces.ts.
import { lengthPattern } from "../api/filter.ts";
import type { FilterRuleObject } from "../api/filter.ts";
import { protocolNumber } from "../api/network.ts";
import type { RouterInterface } from "../api/router.ts";
import type { IpFamily } from "../base/address.ts";
import type { FilterRule, InterfaceFilter, NumberRange } from "../svr/filter.ts";
import { acceptedPorts, acceptedPrefix } from "./accepted.ts";

const flagBits: Record<string, number> = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

/** compileFilter gives the filter of an interface, undefined when it has none; `wrong` hears of rules that can match nothing. */
export function compileFilter(one: Pick<RouterInterface, "filters" | "ipOptions">, wrong: (index: number) => void): InterfaceFilter | undefined {
  const written: number[] = [];
  const rules = one.filters.flatMap((rule, index) => {
    const families = familiesOf(rule);
    if (families.length === 0) wrong(index);
    written.push(...families.map(() => index));
    return families.map((family) => compileRule(rule, family));
  });
  if (rules.length === 0 && one.ipOptions.action === "Allow") return undefined;
  return { rules, ...(written.some((index, place) => index !== place) ? { written } : {}), ...(one.ipOptions.action === "Drop" ? { options: { except: one.ipOptions.except } } : {}) };
}

/** Families that a rule can match: undefined stands for both at once. ICMP has a number in each, so it becomes two rules. */
function familiesOf(rule: FilterRuleObject): (IpFamily | undefined)[] {
  const said = [rule.family === undefined ? undefined : rule.family === "IPv4" ? 4 : 6, ...[rule.source, rule.destination].map((text) => (text === undefined ? undefined : acceptedPrefix(text).address.family))];
  const known = new Set(said.filter((family): family is IpFamily => family !== undefined));
  if (known.size > 1) return [];
  if (known.size === 1) return [...known];
  return rule.protocol === "ICMP" ? [4, 6] : [undefined];
}

function compileRule(rule: FilterRuleObject, family: IpFamily | undefined): FilterRule {
  const { vlan, source, destination, protocol, sourcePort, destinationPort, tcpFlags, icmpType, dscp, length } = rule;
  return {
    permit: rule.action === "Permit", ...(family && { family }), ...(vlan !== undefined && { vlan }),
    ...(source !== undefined && { source: acceptedPrefix(source) }), ...(destination !== undefined && { destination: acceptedPrefix(destination) }),
    ...(protocol !== undefined && { proto: protocolNumber(protocol, family ?? 4) }),
    ...(sourcePort !== undefined && { sourcePorts: acceptedPorts(sourcePort) }), ...(destinationPort !== undefined && { destinationPorts: acceptedPorts(destinationPort) }),
    ...(tcpFlags !== undefined && { tcpFlags: flagsOf(tcpFlags) }), ...(icmpType !== undefined && { icmpType }), ...(dscp !== undefined && { dscp }),
    ...(length !== undefined && { length: lengthOf(length) }),
  };
}

function flagsOf(names: readonly string[]): { mask: number; value: number } {
  const bits = (list: readonly string[]): number => list.reduce((sum, name) => sum | (flagBits[name.replace("!", "")] ?? 0), 0);
  return { mask: bits(names), value: bits(names.filter((name) => !name.startsWith("!"))) };
}

function lengthOf(text: string): NumberRange {
  const [, first, last] = lengthPattern.exec(text) ?? [];
  return { first: Number(first), last: Number(last) };
}
