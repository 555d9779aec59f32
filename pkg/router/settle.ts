// Waits until a configuration is in force everywhere: the data plane has it when it was programmed, a shard when it has read its
// messages. Called by the app after each configuration; whoever gave the configuration is told.
import type { Log } from "../ports/log.ts";
import type { Applied, Intake } from "./intake.ts";
import type { Questions } from "./questions.ts";

/** Settling tells the intake what is in force in every shard; stop ends what still waits. */
export interface Settling {
  /** a configuration was programmed and posted to the shards; never rejects */
  follow(applied: Applied): Promise<void>;
  stop(): void;
}

/** createSettling makes a settling over the shards that questions reach. */
export function createSettling({ questions, intake, log }: { questions: Pick<Questions, "ask" | "shards">; intake: Pick<Intake, "current" | "programmed">; log: Log }): Settling {
  let isOver = false;
  const shards = Array.from({ length: questions.shards }, (_, shard) => shard);
  return {
    async follow(applied) {
      while (!isOver && intake.current() === applied) {
        try {
          await Promise.all(shards.map((shard) => questions.ask(shard, { kind: "settled" })));
          return isOver ? undefined : intake.programmed(applied);
        } catch (error) {
          log.warn({ error, configuration: applied.hash }, "a shard has not taken the configuration yet; it is asked again");
        }
      }
    },
    stop() { isOver = true; },
  };
}
