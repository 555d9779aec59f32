// The loop of a protect worker's thread: turns of the engine, reports out, until it is told to stop. Called by the thread's entry in
// cmd/router; blocks the thread in the engine and nowhere else.
import type { ProtectCounts, ProtectWorker } from "../ports/protect.ts";

/** FromProtector goes from a protect worker to the app: totals since it began, and slots of sessions whose packets found no keys. */
export interface FromProtector { counts: ProtectCounts }

/** ProtectorMail is the worker's end of the line; both calls are synchronous. */
export interface ProtectorMail {
  isStopped(): boolean;
  send(message: FromProtector): void;
}

const WAIT_MS = 50;    // longest wait for packets: bounds how late a stop or a report is
const REPORT_MS = 100;

/** runProtector drives a worker until the app stops it; `nowMs` is monotonic. */
export function runProtector(worker: ProtectWorker, mail: ProtectorMail, nowMs: () => number): void {
  const missing = new Set<number>();
  let reportDue = 0, isNews = false;
  for (;;) {
    const isStopped = mail.isStopped();
    const records = worker.turn(isStopped ? 0 : WAIT_MS);
    if (records > 0) {
      isNews = true;
      for (const slot of worker.counts().missing) missing.add(slot);
    }
    if (isNews && (isStopped || nowMs() >= reportDue)) {
      mail.send({ counts: { ...worker.counts(), missing: [...missing] } });
      missing.clear();
      isNews = false;
      reportDue = nowMs() + REPORT_MS;
    }
    if (isStopped) return;
  }
}
