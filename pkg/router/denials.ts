// One traffic.denied event per 5-tuple and 10 s (behaviour 2.6), in bounded memory. Owned by one shard; what is suppressed
// is counted.
import type { IpAddress } from "../base/address.ts";
import type { Denial } from "./records.ts";

const WINDOW_MS = 10_000;
const MAX_TUPLES = 8192;
const MAX_PENDING = 1024;

/** DenialGate lets the first denial of a 5-tuple through in each window. */
export interface DenialGate {
  offer(denial: Denial, nowMs: number): void;
  /** denials let through since the last call */
  take(): Denial[];
  suppressed(): number;
}

/** createDenialGate makes an empty gate; a full one suppresses until the window turns. */
export function createDenialGate(): DenialGate {
  let seen = new Set<string>();
  let earlier = new Set<string>();
  let turnedMs = 0;
  let pending: Denial[] = [];
  let suppressed = 0;
  return {
    offer(denial, nowMs) {
      if (nowMs - turnedMs >= WINDOW_MS) {
        earlier = nowMs - turnedMs >= 2 * WINDOW_MS ? new Set() : seen;
        seen = new Set();
        turnedMs = nowMs;
      }
      const key = tupleKey(denial);
      if (seen.has(key) || earlier.has(key) || seen.size >= MAX_TUPLES || pending.length >= MAX_PENDING) suppressed++;
      else {
        seen.add(key);
        pending.push(denial);
      }
    },
    take() {
      const taken = pending;
      pending = [];
      return taken;
    },
    suppressed: () => suppressed,
  };
}

function tupleKey(denial: Denial): string {
  return [denial.reason, denial.ifnum, denial.vlan, denial.proto, denial.sourcePort, denial.destinationPort, words(denial.source), words(denial.destination)].join(".");
}

function words(address: IpAddress): string {
  return `${address.w0},${address.w1},${address.w2},${address.w3}`;
}
