// The loop of a shard's thread: messages of the app in, one turn, reports out, until it is told to stop. Called by the
// thread's entry in cmd/router with its inbox; blocks the thread in the data plane and nowhere else.
import type { FromShard, ToShard } from "./messages.ts";
import type { Shard } from "./shard.ts";

/** ShardMail is the shard's end of the line to the app; both calls are synchronous. */
export interface ShardMail {
  /** oldest message that was not taken yet */
  take(): ToShard | undefined;
  send(message: FromShard): void;
  /** waits at most `ms` for a message while there is no configuration to work with */
  rest(ms: number): void;
}

const WAIT_MS = 50;      // longest wait for packets: bounds how late an expiry or a report is
const REPORT_MS = 100;
const REST_MS = 5;

/** runShard drives a shard until the app stops it; `nowMs` is monotonic. */
export function runShard(shard: Shard, mail: ShardMail, nowMs: () => number): void {
  let reportDue = 0;
  for (;;) {
    for (let message = mail.take(); message !== undefined; message = mail.take()) shard.tell(message);
    for (const answer of shard.answers()) mail.send(answer);
    if (shard.isConfigured) shard.turn(shard.stopped ? 0 : WAIT_MS);
    else if (!shard.stopped) mail.rest(REST_MS);
    for (const piece of shard.handed()) mail.send({ kind: "piece", ...piece });
    if (shard.stopped || nowMs() >= reportDue) {
      for (const message of shard.report()) mail.send(message);
      reportDue = nowMs() + REPORT_MS;
    }
    if (shard.stopped) return;
  }
}
