// Packets that the data plane refused, as denials of the same shape and under the same bound as those of the shards (behaviour 2.6):
// one per tuple and 10 s. What has no record of its own is told with the next one of its reason. Owned by the record pump.
import { globalTenant } from "../plan/config.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Datapath, DatapathRefusal } from "../ports/datapath.ts";
import type { DropReason } from "../svr/reasons.ts";
import { createDenialGate } from "./denials.ts";
import { plainName } from "./names.ts";
import { peerOfPath } from "./records.ts";
import type { Denial } from "./recordwriter.ts";

const PER_RUN = 1024;

/** RefusalReports turns what the data plane tells into denials. */
export interface RefusalReports {
  take(nowMs: number): Denial[];
  follow(config: RouterConfig): void;
  /** refused by the data plane and without a record of their own, by reason of the counter */
  suppressed(): Record<string, number>;
}

/** A limit is a limit, whoever keeps to it (behaviour 2.6). */
function denyReason(reason: DropReason): string {
  return reason === "rate" ? "limit" : reason;
}

/** createRefusalReports starts now: what was not told before is not declared again. */
export function createRefusalReports(datapath: Pick<Datapath, "refusals" | "untold" | "nameOf">): RefusalReports {
  const gate = createDenialGate();
  const repeated = new Map<string, number>();
  let hosts: ReadonlySet<number> = new Set();
  const suppressed = (): Record<string, number> => {
    const untold = datapath.untold();
    return Object.fromEntries([...new Set([...Object.keys(untold), ...repeated.keys()])].map((reason) => [reason, (untold[reason] ?? 0) + (repeated.get(reason) ?? 0)]));
  };
  const declared = new Map(Object.entries(suppressed()));
  /** What was suppressed for this reason since the last record of it. */
  const declare = (reason: string, all: Record<string, number>): Pick<Denial, "suppressed"> => {
    const total = all[reason] ?? 0, fresh = total - (declared.get(reason) ?? 0);
    declared.set(reason, total);
    return fresh > 0 ? { suppressed: fresh } : {};
  };
  const admit = (refusal: DatapathRefusal, nowMs: number): boolean => {
    const before = gate.suppressed();
    gate.offer(denialOf(refusal, datapath, hosts), nowMs);
    if (gate.suppressed() === before) return true;
    repeated.set(refusal.reason, (repeated.get(refusal.reason) ?? 0) + 1);
    return false;
  };
  return {
    suppressed,
    follow: ({ interfaces }) => { hosts = new Set(interfaces.filter((one) => one.hosts).map((one) => one.ifnum)); },
    take(nowMs) {
      const told = datapath.refusals(PER_RUN).filter((refusal) => admit(refusal, nowMs));
      const denials = gate.take();
      if (denials.length === 0) return denials;
      const all = suppressed();
      return denials.map((denial, at) => ({ ...denial, ...declare(told[at]?.reason ?? "", all) }));
    },
  };
}

/** Hosts without a tenant are those of everybody; whose packets of peers are is known where their session is. */
function denialOf(refusal: DatapathRefusal, { nameOf }: Pick<Datapath, "nameOf">, hosts: ReadonlySet<number>): Denial {
  const { source, destination, sourcePort, destinationPort, proto, ifnum, vlan } = refusal;
  const name = (id: number): string | undefined => { const found = id === 0 ? undefined : nameOf(id); return found === undefined ? undefined : plainName(found); };
  const tenant = name(refusal.tenant) ?? (hosts.has(ifnum) ? globalTenant : undefined), service = name(refusal.service), path = name(refusal.path);
  return {
    reason: denyReason(refusal.reason), source, destination, sourcePort, destinationPort, proto, ifnum, vlan,
    ...(tenant !== undefined && { tenant }), ...(service !== undefined && { service }), ...(path !== undefined && { peer: peerOfPath(path) }),
  };
}
