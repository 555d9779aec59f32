// Alarms on drops that mean an attack (behaviour 9.4; clocks apart: skewalarms.ts): more than 100 a second of one peer and reason for 10 s. Called once a
// second with totals; what no peer can be told of counts for the router.
import type { AlarmView } from "../api/view.ts";

/** DropTotals are the drops since the start, by reason, and of those by peer where the peer is known. */
export interface DropTotals { drops: Readonly<Record<string, number>>; peerDrops: Readonly<Record<string, Readonly<Record<string, number>>>> }

/** DropRates judges totals; each call is a second or so after the one before. */
export interface DropRates { step(totals: DropTotals, nowMs: number): AlarmView[] }

const ALARMED: Readonly<Record<string, string>> = { "hmac-failure": "hmac-failure", "replay-first-packet": "replay", "replay-payload": "replay" };
const MORE_THAN = 100; // a second
const FOR_MS = 10_000;

/** createDropRates has seen nothing. */
export function createDropRates(router: string): DropRates {
  let before = new Map<string, number>(), atMs: number | undefined;
  const since = new Map<string, number>(); // from when on the rate was above
  return {
    step(totals, nowMs) {
      const now = countsOf(router, totals), seconds = atMs === undefined ? 0 : (nowMs - atMs) / 1000;
      const high = [...now].filter(([key, count]) => seconds > 0 && (count - (before.get(key) ?? 0)) / seconds > MORE_THAN).map(([key]) => key);
      for (const key of since.keys()) if (!high.includes(key)) since.delete(key);
      for (const key of high) if (!since.has(key)) since.set(key, atMs ?? nowMs);
      [before, atMs] = [now, nowMs];
      return high.filter((key) => nowMs - (since.get(key) ?? nowMs) >= FOR_MS).map(alarmOf);
    },
  };
}

const SEPARATOR = "\n";

function countsOf(router: string, { drops, peerDrops }: DropTotals): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (object: string, reason: string, count: number): void => {
    const name = ALARMED[reason];
    if (name !== undefined) counts.set(`${object}${SEPARATOR}${name}`, (counts.get(`${object}${SEPARATOR}${name}`) ?? 0) + count);
  };
  for (const [reason, count] of Object.entries(drops)) add(`Router ${router}`, reason, count);
  for (const [peer, ofPeer] of Object.entries(peerDrops)) for (const [reason, count] of Object.entries(ofPeer)) {
    add(`peer ${peer}`, reason, count);
    add(`Router ${router}`, reason, -count);
  }
  return counts;
}

function alarmOf(key: string): AlarmView {
  const [object = "", name = ""] = key.split(SEPARATOR);
  return { severity: "major", name, object, text: `more than ${MORE_THAN} packets a second were dropped for 10 s or longer (${name})` };
}
