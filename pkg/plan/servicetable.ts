// The service table of behaviour 2.3 in a shape for the packet path: prefixes in a trie, tenants in cells.
// Called by lookup.ts; compared with a linear model in its property test. A look-up allocates nothing.
import type { IpAddress } from "../base/address.ts";
import { createPrefixTable } from "../base/lpm.ts";
import { formatPrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { createCell, findInSegments } from "./cells.ts";
import type { Cell, Ranked } from "./cells.ts";
import type { RouterConfig, ServiceConfig } from "./config.ts";
import { entriesOf, matchersOf } from "./entries.ts";
import type { LookupEntry } from "./entries.ts";

/** SelectionWhy is the constant reason of a selection; the last two are deny reasons of behaviour 2.6. */
export type SelectionWhy = "allow" | "access" | "no-service";

/** Selection is the answer of the lookup: one service, or a miss. A miss with `access` met services that do not admit the tenant. */
export type Selection =
  | { readonly access: "allow"; readonly why: "allow"; readonly service: ServiceConfig; readonly entry: LookupEntry }
  | { readonly access: "deny"; readonly why: "access"; readonly service: ServiceConfig; readonly entry: LookupEntry }
  | { readonly access: "miss"; readonly why: "access" | "no-service" };

/** ServiceTable answers with the tenant line as numbers of `tenants`, most specific first. */
export interface ServiceTable {
  find(line: Int32Array, proto: number, port: number, destination: IpAddress): Selection;
}

const missNoService: Selection = { access: "miss", why: "no-service" };
const missAccess: Selection = { access: "miss", why: "access" };

interface PrefixCells {
  byTenant: Map<number, Cell<Selection>>;
  /** whether any enabled service is here, whoever asks */
  everyone: Cell<true>;
}

interface Collected {
  prefix: Prefix;
  byTenant: Map<number, Ranked<Selection>[]>;
  everyone: Ranked<true>[];
}

/** createServiceTable builds the table of the enabled services; access of tenants without a number is left out. */
export function createServiceTable(config: RouterConfig, numberOf: ReadonlyMap<string, number>): ServiceTable {
  const collected = new Map<string, Collected>();
  for (const service of config.services) {
    if (service.enabled) collect(collected, service, numberOf);
  }
  const table = createPrefixTable([...collected.values()].map((one) => [one.prefix, cellsOf(one)] as const));
  return {
    find(line, proto, port, destination) {
      let second: Selection | undefined;
      let third: Selection | undefined;
      let seen = false;
      for (let node = table.longest(destination); node !== undefined; node = node.covering) {
        const cells = node.value;
        for (let index = 0; index < line.length; index += 1) {
          const cell = cells.byTenant.get(line[index] ?? -1);
          if (cell === undefined) continue;
          const segments = cell.ports?.get(proto);
          const first = segments === undefined ? undefined : findInSegments(segments, port);
          if (first !== undefined) return first;
          second ??= cell.protocols?.get(proto);
          third ??= cell.any;
        }
        seen = seen || admitsAnyone(cells.everyone, proto, port);
      }
      return second ?? third ?? (seen ? missAccess : missNoService);
    },
  };
}

function admitsAnyone(cell: Cell<true>, proto: number, port: number): boolean {
  if (cell.any !== undefined || cell.protocols?.has(proto) === true) return true;
  const segments = cell.ports?.get(proto);
  return segments !== undefined && findInSegments(segments, port) !== undefined;
}

function collect(into: Map<string, Collected>, service: ServiceConfig, numberOf: ReadonlyMap<string, number>): void {
  const at = (prefix: Prefix): Collected => {
    const key = formatPrefix(prefix);
    const found = into.get(key) ?? { prefix, byTenant: new Map<number, Ranked<Selection>[]>(), everyone: [] };
    into.set(key, found);
    return found;
  };
  for (const matcher of matchersOf(service)) at(matcher.prefix).everyone.push({ matcher, winner: true });
  for (const entry of entriesOf(service)) {
    const tenant = numberOf.get(entry.access.tenant);
    if (tenant === undefined) continue;
    const { byTenant } = at(entry.prefix);
    const list = byTenant.get(tenant) ?? [];
    byTenant.set(tenant, list);
    list.push({ matcher: entry, winner: selectionOf(entry) });
  }
}

function selectionOf(entry: LookupEntry): Selection {
  const { service } = entry;
  return entry.access.permission === "Allow"
    ? { access: "allow", why: "allow", service, entry }
    : { access: "deny", why: "access", service, entry };
}

function cellsOf(one: Collected): PrefixCells {
  return { byTenant: new Map([...one.byTenant].map(([tenant, list]) => [tenant, createCell(list)])), everyone: createCell(one.everyone) };
}
