// Verdicts of the model and the causes for which packets go up. Data and constructors only; called by all of the model.
import type { ProtectCause, PuntCause } from "../ports/datapath.ts";
import type { DropReason } from "../svr/reasons.ts";

/** Verdict says what becomes of one packet: the kernel's, dropped, up to a shard, to a protect worker, or out by a next hop. */
export type Verdict =
  | { kind: "pass" }
  | { kind: "drop"; reason: DropReason }
  | { kind: "punt"; cause: PuntCause }
  | { kind: "protect"; cause: ProtectCause; nexthop: number; data: Uint8Array }
  | { kind: "out"; nexthop: number; vlan: number; data: Uint8Array };

/** Cause names the numbers of enum svr_punt_cause. */
export const Cause = {
  miss: 1, metadata: 2, unknown: 3, cookie: 4, needMeta: 5, slow: 6, mtu: 7, fragment: 8, newSyn: 9, ttl: 10, error: 11,
} as const satisfies Record<string, PuntCause>;

/** passed leaves the packet to the kernel. */
export const passed: Verdict = { kind: "pass" };

/** dropped ends the packet with a reason. */
export function dropped(reason: DropReason): Verdict {
  return { kind: "drop", reason };
}

/** punted hands the packet to a shard. */
export function punted(cause: PuntCause): Verdict {
  return { kind: "punt", cause };
}
