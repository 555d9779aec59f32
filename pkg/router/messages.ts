// What the main thread and the shards tell each other: plain data that survives structured cloning.
import type { CopiedPacket, SessionRef } from "../ports/datapath.ts";
import type { ShardConfig } from "./build.ts";
import type { CaptureSpec } from "./capturing.ts";
import type { HandedPunt } from "./handing.ts";
import type { EndedPage } from "./untold.ts";
import type { Held } from "./held.ts";
import type { Retimed } from "./live.ts";
import type { HealthKind } from "./health.ts";
import type { PairUse, PoolCount } from "./ports.ts";
import type { Denial } from "./recordwriter.ts";
import type { SkewTotals } from "./skewalarms.ts";
import type { PeerKeyPair } from "./tables.ts";
import type { Traced } from "./trace.ts";
import type { WaypointPair } from "./turn.ts";

/** ToShard goes from the app to a shard. */
export type ToShard =
  | { kind: "config"; posted: ShardConfig }
  /** other keys of these peers */
  | { kind: "keys"; keys: Record<string, PeerKeyPair> }
  /** waypoint pairs that an earlier process left in use; sent once, before the configuration */
  | { kind: "adopt"; uses: PairUse[] }
  | { kind: "release"; uses: PairUse[] }
  /** end these sessions, telling hosts and peers */
  | { kind: "end"; refs: SessionRef[]; reason: number }
  /** the app ended these sessions in the data plane: hosts and peers are to be told */
  | { kind: "ended"; ended: EndedPage }
  /** other timeouts by configuration */
  | { kind: "retime"; sessions: Retimed[] }
  /** answered under the same number */
  | { kind: "question"; number: number; question: ShardQuestion }
  /** the way out of these sessions changed (behaviour 7.5) */
  | { kind: "moved"; refs: SessionRef[] }
  /** packets of these sessions found no payload key here, or it is old */
  | { kind: "renewKeys"; refs: SessionRef[] }
  /** the policy of these sessions asks for more than they have (behaviour 1.2) */
  | { kind: "raise"; refs: SessionRef[] }
  /** take part in a capture, with these of its live sessions (behaviour 13.5) */
  | { kind: "capture"; spec: CaptureSpec; refs: SessionRef[] }
  /** an SVR fragment that another shard joined of IP fragments (protocol 10.2) */
  | { kind: "piece"; punt: HandedPunt }
  /** full: no further session joins it */
  | { kind: "captureFull" | "captureOver"; id: string }
  | { kind: "stop" };

/** ShardCounters are totals since the shard began. */
export interface ShardCounters {
  drops: Record<string, number>;
  /** by peer name, then reason */
  peerDrops: Record<string, Record<string, number>>;
  /** peers whose clock differs, by name */
  skews: SkewTotals;
  healthChecks: Record<HealthKind, number>;
  punts: number;
  pools: PoolCount[];
  denialsSuppressed: number;
  /** how full its bounded things are */
  held: Held[];
}

/** FromShard goes from a shard to the app. */
export type FromShard =
  /** the thread is up; `engine` says what signs and encrypts metadata */
  | { kind: "started"; engine: string }
  /** a packet was dropped because deciding it threw; the first one since the last report */
  | { kind: "fault"; stack: string }
  | { kind: "counters"; counters: ShardCounters }
  | { kind: "denials"; denials: Denial[] }
  /** ICMP says that packets on these paths are too big (protocol 10.3) */
  | { kind: "tooBig"; paths: number[] }
  /** it belongs to another shard */
  | { kind: "piece"; shard: number; punt: HandedPunt }
  /** a session is captured; a capture that the app does not know was begun by another router */
  | { kind: "capturing"; id: string; packets: number; ref: SessionRef }
  | { kind: "copies"; copies: CopiedPacket[] }
  /** the first valid packets under these keys, by key id */
  | { kind: "keysUsed"; keyIds: number[] }
  | { kind: "answer"; number: number; answer: ShardAnswer };

/** ShardQuestion is what the app may ask a shard. */
export type ShardQuestion =
  /** whether everything told before is in effect: answered when it is */
  | { kind: "settled" }
  /** used pairs of the shard's slice of a path, a page from `from` on */
  | { kind: "pairs"; path: number; from: number }
  /** what would become of this first packet of a host: from its IP header on, as it arrives */
  | { kind: "trace"; ifnum: number; vlan: number; data: Uint8Array };

/** ShardAnswer is what a shard says to a question. */
export type ShardAnswer =
  | { kind: "settled" }
  /** `pairs` is absent when the shard has no pool of that path */
  | { kind: "pairs"; pairs?: { used: WaypointPair[]; size: number; next?: number } }
  | { kind: "trace"; traced: Traced };

/** ShardHost runs one shard; messages arrive in order, `closed` settles when it ended (rejects on a fault). */
export interface ShardHost {
  post(message: ToShard): void;
  onMessage(listener: (message: FromShard) => void): void;
  closed: Promise<void>;
}
