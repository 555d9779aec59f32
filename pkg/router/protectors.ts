// The app's side of protected sessions: gives the engine the keys of peers as they change and the sessions that an earlier process left,
// forgets those that ended, sums what the workers report. Owned by the main thread.
import type { Datapath, DatapathRecord, SessionRef } from "../ports/datapath.ts";
import type { ProtectCounts, ProtectKeys } from "../ports/protect.ts";
import { Protect } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { keysIn } from "./build.ts";
import type { ShardConfig } from "./build.ts";
import { createKeyAges } from "./keyages.ts";
import { sumCounts } from "./counters.ts";
import { nameKey } from "./names.ts";
import type { SkewTotal, SkewTotals } from "./skewalarms.ts";
import type { PeerKeyPair } from "./tables.ts";

/** ProtectHost is one worker's thread; `closed` rejects when it ends by a fault. */
export interface ProtectHost {
  onCounts(listener: (counts: ProtectCounts) => void): void;
  stop(): void;
  closed: Promise<void>;
}

/** Protectors are all workers of a router, with the store that they read. */
export interface Protectors {
  /** what seals and opens, for people */
  readonly engine: string;
  /** other peers or other keys of them */
  follow(posted: ShardConfig): void;
  /** other keys of these peers */
  rekey(keys: Readonly<Record<string, PeerKeyPair>>): void;
  /** gives the engine the sessions of an earlier process that need no key of their own; the others are told as missing by their packets */
  adopt(): void;
  /** reads records as the data plane does, and forgets sessions that ended */
  records(max: number): DatapathRecord[];
  /** packets dropped by all workers, by reason */
  drops(): Record<string, number>;
  /** peers whose clock differs, by name */
  skews(): SkewTotals;
  counts(): Pick<ProtectCounts, "opened" | "sealed" | "openedBytes" | "sealedBytes">;
  stop(): Promise<void>;
}

/** SessionOfShard is a session and the shard that it belongs to. */
export interface SessionOfShard extends SessionRef { shard: number }

const modes = { Disabled: "disabled", Regular: "regular", TimeBased: "time-based" } as const;
const RECEIVES = 3;
const HOUR_MS = 3_600_000;
const PAGE = 4096;
const SEALED = Protect.openFwd | Protect.openRev | Protect.sealFwd | Protect.sealRev, BODIES = Protect.bodyFwd | Protect.bodyRev;

/** peersOf is the name number of the peer on each side of a session; 0 a host, or a path that is no more. */
export function peersOf({ config, ids }: ShardConfig, session: Pick<Session, "side">): [number, number] {
  const of = (path: number): number => {
    const peer = config.paths.find(({ key }) => ids[nameKey("path", key)] === path)?.peer;
    return path === 0 || peer === undefined ? 0 : ids[nameKey("router", peer)] ?? 0;
  };
  return [of(session.side[0].path), of(session.side[1].path)];
}

/** What a store of keys and its workers belong to; `lost` hears of sessions whose own key nobody here has, because an earlier process took it along, `old` of those whose key should be another one. */
export interface ProtectorsOf { engine: string; keys: ProtectKeys; hosts: readonly ProtectHost[]; datapath: Pick<Datapath, "sessions" | "records">; lost: (sessions: SessionOfShard[]) => void; old: (sessions: SessionOfShard[]) => void; /** of ages of payload keys; tests have shorter ones */ hourMs?: number | undefined }

const USUAL_ROTATION_MS = 86_400_000; // of a SecurityPolicy, for services without one whose path encrypts

/** What came since the report before counts for the peer of the last one. */
function noteSkew(skews: Record<string, SkewTotal>, posted: ShardConfig | undefined, { now, before }: { now: ProtectCounts; before: ProtectCounts | undefined }): void {
  const { drops, skew } = now, count = (drops["hmac-clock-skew"] ?? 0) - (before?.drops["hmac-clock-skew"] ?? 0);
  const name = skew === undefined ? undefined : posted?.config.peers.find((peer) => posted.ids[nameKey("router", peer.name)] === skew.peer)?.name;
  if (count > 0 && name !== undefined) skews[name] = { count: (skews[name]?.count ?? 0) + count, epochs: skew?.epochs ?? 0 };
}

/** createProtectors watches the workers. Sessions that need tags only get their keys when their packets find none: they are those of their peers. */
export function createProtectors({ engine, keys, hosts, datapath, lost, old, hourMs = HOUR_MS }: ProtectorsOf): Protectors {
  const reports = new Map<ProtectHost, ProtectCounts>();
  const skews: Record<string, SkewTotal> = {};
  let posted: ShardConfig | undefined, known = new Set<number>(), rotations = new Map<number, number>();
  const ages = createKeyAges((service) => (rotations.get(service) ?? USUAL_ROTATION_MS) * hourMs / HOUR_MS);
  for (const host of hosts) {
    host.onCounts((counts) => {
      noteSkew(skews, posted, { now: counts, before: reports.get(host) });
      reports.set(host, counts);
      const refs = counts.missing.flatMap((slot) => datapath.sessions(slot, 1).sessions.filter(({ index }) => index === slot).flatMap(giveSession));
      if (refs.length > 0) lost(refs);
    });
  }
  const give = (now: ShardConfig, pairs: ShardConfig["keys"]): number[] => now.config.peers.flatMap(({ name, hmac }) => {
    const pair = keysIn(pairs, name), peer = now.ids[nameKey("router", name)];
    if (pair === undefined || peer === undefined) return [];
    keys.peer({ peer, mode: modes[hmac.mode], window: hmac.window, send: pair.send, receive: pair.receive.slice(0, RECEIVES) });
    return [peer];
  });
  /** What cannot be given. */
  const giveSession = ({ index, state }: { index: number; state: Session }): SessionOfShard[] => {
    const ref = { index, uuid: state.uuid };
    if (posted === undefined || (state.protect & SEALED) === 0) return [];
    if ((state.protect & BODIES) !== 0) return [{ ...ref, shard: state.shard }];
    keys.session({ ref, protect: state.protect, peers: peersOf(posted, state) });
    return [];
  };
  const sum = (name: "opened" | "sealed" | "openedBytes" | "sealedBytes"): number => [...reports.values()].reduce((all, counts) => all + counts[name], 0);
  return {
    follow(next) {
      posted = next;
      rotations = new Map(next.config.services.flatMap(({ name, security }) => (security === undefined ? [] : [[next.ids[nameKey("service", name)] ?? 0, security.rotationMs] as const])));
      const given = new Set(give(next, next.keys));
      for (const peer of known) if (!given.has(peer)) keys.peer({ peer, mode: "regular", window: 0, receive: [] });
      known = given;
    },
    rekey(changed) { if (posted !== undefined) give(posted, changed); },
    adopt() {
      for (let cursor: number | undefined = 0; cursor !== undefined;) {
        const page: ReturnType<Datapath["sessions"]> = datapath.sessions(cursor, PAGE);
        for (const one of page.sessions) giveSession(one);
        cursor = page.next;
      }
    },
    records(max) {
      const records = datapath.records(max);
      for (const { type, index, session } of records) if (type === "end" && session.protect !== 0) keys.end({ index, uuid: session.uuid });
      const due = records.filter((record) => ages.isDue(record)).map(({ index, session: { uuid, shard } }) => ({ index, uuid, shard }));
      if (due.length > 0) old(due);
      return records;
    },
    engine, drops: () => sumCounts([...reports.values()].map(({ drops }) => drops as Record<string, number>)),
    skews: () => skews,
    counts: () => ({ opened: sum("opened"), sealed: sum("sealed"), openedBytes: sum("openedBytes"), sealedBytes: sum("sealedBytes") }),
    async stop() {
      for (const host of hosts) host.stop();
      await Promise.allSettled(hosts.map((host) => host.closed));
    },
  };
}
