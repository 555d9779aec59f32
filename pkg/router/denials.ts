// One traffic.denied event per tenant, 5-tuple and 10 s (behaviour 2.6), in bounded memory. Owned by one shard; what is suppressed
// is counted.
import type { IpAddress } from "../base/address.ts";
import type { Held } from "./held.ts";
import type { Denial } from "./recordwriter.ts";

const WINDOW_MS = 10_000;
const MAX_TUPLES = 8192;
const MAX_PENDING = 1024;

/** DenialGate lets the first denial of a 5-tuple through in each window. */
export interface DenialGate {
  offer(denial: Denial, nowMs: number): void;
  /** denials let through since the last call */
  take(): Denial[];
  suppressed(): number;
  held(nowMs: number): Held[];
}

/** createDenialGate makes an empty gate; while it is full of fresh tuples, others are suppressed. */
export function createDenialGate(): DenialGate {
  const reported = new Map<string, number>(); // in order of report, so the oldest comes first
  let pending: Denial[] = [];
  let suppressed = 0;
  const forget = (nowMs: number): void => {
    for (const [key, at] of reported) {
      if (nowMs - at < WINDOW_MS) return;
      reported.delete(key);
    }
  };
  return {
    offer(denial, nowMs) {
      forget(nowMs);
      const key = tupleKey(denial);
      if (reported.has(key) || reported.size >= MAX_TUPLES || pending.length >= MAX_PENDING) suppressed++;
      else {
        reported.set(key, nowMs);
        pending.push(denial);
      }
    },
    take() {
      const taken = pending;
      pending = [];
      return taken;
    },
    suppressed: () => suppressed,
    held(nowMs) {
      forget(nowMs);
      return [{ name: "denied flows of 10 s", entries: reported.size, limit: MAX_TUPLES }];
    },
  };
}

function tupleKey(denial: Denial): string {
  return [denial.reason, denial.tenant, denial.ifnum, denial.vlan, denial.proto, denial.sourcePort, denial.destinationPort, words(denial.source), words(denial.destination)].join(".");
}

function words(address: IpAddress): string {
  return `${address.w0},${address.w1},${address.w2},${address.w3}`;
}
