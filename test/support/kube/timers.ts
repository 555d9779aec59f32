// A clock with timers that tests move by hand, for what takes its time and timers from outside. Used by unit and property tests of pkg/kube.
import type { QueueSettings } from "../../../pkg/kube/queue.ts";

/** HandClock is a clock that runs its timers when it is moved past them. */
export class HandClock {
  now = 0;
  #timers: { at: number; work: () => void }[] = [];
  readonly settings: QueueSettings = {
    nowMs: () => this.now,
    after: (ms, work) => {
      const timer = { at: this.now + ms, work };
      this.#timers.push(timer);
      return { stop: () => { this.#timers = this.#timers.filter((one) => one !== timer); } };
    },
  };

  async move(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settled();
      const next = this.#timers.filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.now = next.at;
      next.work();
    }
    this.now = end;
    await settled();
  }
}

/** settled lets what waits for resolved promises run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
