// Questions of the main thread to its shards, by number: what only a shard knows (its ports, its decisions). Owned by the app;
// a shard answers between two turns, so a question never waits longer than a turn, and one that is not answered fails in time.
import { AdminFault } from "./admin.ts";
import type { ShardAnswer, ShardHost, ShardQuestion } from "./messages.ts";

/** Questions puts questions to shards. */
export interface Questions {
  readonly shards: number;
  /** rejects with AdminFault 503 when the shard does not answer in time */
  ask(shard: number, question: ShardQuestion): Promise<ShardAnswer>;
  /** what the shards' messages bring */
  take(number: number, answer: ShardAnswer): void;
}

const PATIENCE_MS = 5_000;

/** createQuestions makes the questions to these shards; `after` calls once after that many milliseconds. */
export function createQuestions(shards: readonly Pick<ShardHost, "post">[], after: (ms: number, work: () => void) => { stop(): void }): Questions {
  const open = new Map<number, (answer: ShardAnswer) => void>();
  let asked = 0;
  return {
    shards: shards.length,
    ask(shard, question) {
      const number = ++asked;
      return new Promise((resolve, reject) => {
        const late = after(PATIENCE_MS, () => {
          open.delete(number);
          reject(new AdminFault(503, "SVR_ADMIN_UNREACHABLE", `shard ${shard} did not answer in ${PATIENCE_MS / 1000} s`));
        });
        open.set(number, (answer) => {
          late.stop();
          resolve(answer);
        });
        shards[shard]?.post({ kind: "question", number, question });
      });
    },
    take(number, answer) {
      const settle = open.get(number);
      open.delete(number);
      settle?.(answer);
    },
  };
}
