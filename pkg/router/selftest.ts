// The self test of key exchange: known answers are asked of the runtime before the first key is exchanged with it. Where one is wrong no key is
// exchanged with anybody: keys of a broken library would protect nothing. Made by keying.ts.
import type { Log } from "../ports/log.ts";

/** SelfTest tells what is wrong; it is run when first asked. */
export interface SelfTest { faults(): readonly string[] }

/** createSelfTest has run nothing yet. */
export function createSelfTest(run: () => readonly string[], log: Log): SelfTest {
  let found: readonly string[] | undefined;
  return {
    faults() {
      if (found === undefined) {
        found = run();
        if (found.length > 0) log.error({ event: "exchange.selftest", faults: found }, "the self test of key exchange fails: keys are exchanged with nobody");
      }
      return found;
    },
  };
}
