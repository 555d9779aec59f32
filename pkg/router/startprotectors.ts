// Starts what protects packets of established sessions, where this machine can. Called by the app once.
import type { Datapath } from "../ports/datapath.ts";
import type { RouterOptions } from "./app.ts";
import type { ShardHost } from "./messages.ts";
import { createProtectors } from "./protectors.ts";
import type { ProtectHost, Protectors, SessionOfShard } from "./protectors.ts";

/** startProtectors gives protect workers, if this machine can have them, and the data plane as one whose end records they hear of. */
export function startProtectors({ startProtectors: begin, log, keying }: RouterOptions, datapath: Datapath, of: { undo: AsyncDisposableStack; shards(): readonly ShardHost[] }): { all?: Protectors; hosts: readonly ProtectHost[]; datapath: Datapath } {
  const begun = begin?.();
  if (begun === undefined) return { hosts: [], datapath };
  const old = (sessions: readonly SessionOfShard[]): void => {
    for (const [shard, refs] of Map.groupBy(sessions, (one) => one.shard)) of.shards()[shard]?.post({ kind: "renewKeys", refs });
  };
  const lost = (sessions: readonly SessionOfShard[]): void => {
    log.info({ event: "protect.lost", sessions: sessions.length }, "packets of encrypted sessions found no key, which an earlier process took along: new ones are asked for");
    old(sessions);
  };
  const all = createProtectors({ ...begun, datapath, lost, old, hourMs: keying?.hourMs });
  of.undo.defer(async () => {
    await all.stop();
    begun.close();
  });
  return { all, hosts: begun.hosts, datapath: { ...datapath, records: (max) => all.records(max) } };
}
