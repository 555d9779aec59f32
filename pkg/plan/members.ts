// Who is behind the interfaces of one router: member lines of tenants as one flat table (behaviour 2.1 (2), (3)).
// Called by graph.ts for each router. Longest prefix match on the result gives exactly the order of the text.
import { createPrefixTable } from "../base/lpm.ts";
import type { PrefixNode } from "../base/lpm.ts";
import { comparePrefixes, formatPrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import type { Tenant } from "../api/tenant.ts";
import { acceptedPrefix } from "./accepted.ts";
import type { InterfaceConfig, MemberConfig } from "./config.ts";
import type { Input, Names } from "./inputs.ts";
import { attachedAt } from "./links.ts";
import type { Attached } from "./links.ts";
import { originIn, unknownName } from "./report.ts";
import type { Report } from "./report.ts";

type Member = Tenant["spec"]["members"][number];
interface MemberWork { router: string; interfaces: readonly InterfaceConfig[]; tenants: readonly Input<"Tenant">[]; report: Report }
interface Line extends MemberConfig { input: Input<"Tenant"> }

const everything: readonly Prefix[] = ["0.0.0.0/0", "::/0"].map(acceptedPrefix);

/** compileMembers gives the member lines of a router, sorted by interface, VLAN and prefix; tenants are given in name order. */
export function compileMembers(work: MemberWork): MemberConfig[] {
  const own = linesOf(work, (member, input, field) => interfaceLines(work, { member, input, field }));
  const firstOwn = withoutRepeats(own, work.report);
  const wide = linesOf(work, (member, input, field) => neighbourhoodLines(work, { member, input, field }));
  const isCovered = coverOf(firstOwn);
  const uncovered = wide.filter((line) => !isCovered(line));
  return [...firstOwn, ...withoutRepeats(uncovered, work.report)].sort(compareMembers).map(({ input: _input, ...line }) => line);
}

/** reportUnusedMembers warns of members whose router or interface exists nowhere. */
export function reportUnusedMembers(input: Input<"Tenant">, { routers, interfaces, report }: { routers: Names; interfaces: Names; report: Report }): void {
  for (const [index, member] of input.object.spec.members.entries()) {
    const field = `spec.members[${index}]`;
    if (member.router !== undefined && !routers.has(member.router)) report.warn(input, `${field}.router`, report.unknown("Router", member.router, routers));
    else if (member.router === undefined && member.interface !== undefined && !interfaces.has(member.interface)) {
      report.warn(input, `${field}.interface`, unknownName("interface on any Router", member.interface, interfaces));
    }
  }
}

function linesOf(work: MemberWork, make: (member: Member, input: Input<"Tenant">, field: string) => Line[]): Line[] {
  return work.tenants.flatMap((input) => input.object.spec.members.flatMap((member, index) =>
    member.router !== undefined && member.router !== work.router ? [] : make(member, input, `spec.members[${index}]`)));
}

interface MemberAt { member: Member; input: Input<"Tenant">; field: string }

function interfaceLines(work: MemberWork, at: MemberAt): Line[] {
  const { member, input, field } = at;
  if (member.interface === undefined) return [];
  const attached = attachedAt(work.interfaces, member.interface, member.vlan ?? 0);
  if (attached.ok) return networkLines(work, at, attached.value);
  // Without a router the member means every router that has the interface, so one without it is no mistake.
  if (member.router !== undefined) work.report.error(input, `${field}.${attached.error.field}`, attached.error.complaint);
  return [];
}

function networkLines(work: MemberWork, { member, input, field }: MemberAt, { interface: one, network }: Attached): Line[] {
  if (!one.hosts) {
    work.report.error(input, `${field}.interface`, { code: "value", message: `interface "${one.name}" of Router ${work.router} is of type WAN: no hosts are behind it`, fix: "name a LAN interface, or make it type Shared" });
    return [];
  }
  const prefixes = member.prefixes.length === 0 ? everything : member.prefixes.map(acceptedPrefix);
  return prefixes.map((prefix, index) => ({
    ifnum: one.ifnum, vlan: network.vlan, prefix, tenant: input.object.metadata.name, input,
    origin: originIn(input, member.prefixes.length === 0 ? field : `${field}.prefixes[${index}]`),
  }));
}

function neighbourhoodLines(work: MemberWork, at: MemberAt): Line[] {
  const { neighbourhood } = at.member;
  if (neighbourhood === undefined) return [];
  const inside = work.interfaces.filter((one) => one.neighbourhood === neighbourhood && one.hosts);
  return inside.flatMap((one) => one.networks.flatMap((network) => networkLines(work, at, { interface: one, network })));
}

/** Of equal lines the first tenant by name stays; another tenant with the same line is reported, once a field. */
function withoutRepeats(lines: readonly Line[], report: Report): Line[] {
  const first = new Map<string, Line>();
  const told = new Set<string>();
  for (const line of lines) {
    const key = `${line.ifnum} ${line.vlan} ${formatPrefix(line.prefix)}`;
    const other = first.get(key);
    const about = `${line.origin.object} ${line.origin.field} ${other?.tenant ?? ""}`;
    if (other === undefined) first.set(key, line);
    else if (other.tenant !== line.tenant && !told.has(about)) {
      told.add(about);
      report.error(line.input, line.origin.field, {
        code: "overlap", beside: other.input.id, message: `Tenant ${other.tenant} has ${formatPrefix(line.prefix)} on the same interface already`,
        fix: "give the tenants separate prefixes, interfaces or VLANs",
      });
    }
  }
  return [...first.values()];
}

/** Whether one of the lines covers every address of another line on its network. */
function coverOf(lines: readonly Line[]): (line: Line) => boolean {
  const groups = Map.groupBy(lines, (line) => `${line.ifnum} ${line.vlan}`);
  const tables = new Map([...groups].map(([key, list]) => [key, createPrefixTable(list.map(({ prefix }) => [prefix, true] as const))]));
  return ({ ifnum, vlan, prefix }) => {
    let node: PrefixNode<true> | undefined = tables.get(`${ifnum} ${vlan}`)?.longest(prefix.address);
    while (node !== undefined && node.prefix.length > prefix.length) node = node.covering;
    return node !== undefined;
  };
}

function compareMembers(a: MemberConfig, b: MemberConfig): number {
  return a.ifnum - b.ifnum || a.vlan - b.vlan || comparePrefixes(a.prefix, b.prefix);
}
