// Starts what protects packets of established sessions, where this machine can. Called by the app once.
import type { Datapath, SessionRef } from "../ports/datapath.ts";
import type { RouterOptions } from "./app.ts";
import { createProtectors } from "./protectors.ts";
import type { ProtectHost, Protectors } from "./protectors.ts";

/** startProtectors gives protect workers, if this machine can have them, and the data plane as one whose end records they hear of. */
export function startProtectors({ startProtectors: begin, log }: RouterOptions, datapath: Datapath, undo: AsyncDisposableStack): { all?: Protectors; hosts: readonly ProtectHost[]; datapath: Datapath } {
  const begun = begin?.();
  if (begun === undefined) return { hosts: [], datapath };
  const lost = (refs: readonly SessionRef[]): void => { log.warn({ event: "protect.lost", sessions: refs.length }, "packets of encrypted sessions found no key: an earlier process took it along"); };
  const all = createProtectors({ ...begun, datapath, lost });
  undo.defer(async () => {
    await all.stop();
    begun.close();
  });
  return { all, hosts: begun.hosts, datapath: { ...datapath, records: (max) => all.records(max) } };
}
