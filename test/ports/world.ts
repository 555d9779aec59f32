// What the conformance suite of the data plane needs around it: packets in, packets out, time. Implemented over the model
// (modelworld.ts) and over eBPF with real devices (ebpfworld.ts). Types and the sessions of the suite only.
import { toHex } from "../../pkg/base/bytes.ts";
import type { Datapath, DatapathConfig, OpResult, Punt, SessionRef, ShardPort } from "../../pkg/ports/datapath.ts";
import { Flag } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { flowSession } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";

/** Left is a packet that left the router, from its IP header on, by which interface and VLAN. */
export interface Left { ifnum: number; vlan: number; data: Uint8Array }

/** WorldOptions: sizes of the table; 64 slots and two shards by default. */
export interface WorldOptions { sessions?: number; liveLimit?: number; shards?: number }

/** PortWorld is one data plane with the interfaces of test/support/flows.ts around it; close destroys it. */
export interface PortWorld {
  datapath: Datapath;
  /** programmed at the start */
  config: DatapathConfig;
  shard(number: number): ShardPort;
  /** monotonic milliseconds of the data plane */
  now(): number;
  /** packets arrive, in order */
  receive(at: { ifnum: number; vlan?: number }, ...packets: Uint8Array[]): Promise<void>;
  /** what left since the last call; waits for `count` packets */
  left(count: number): Promise<Left[]>;
  /** looks again and again while time passes, until `look` gives something */
  until<T>(what: string, look: () => T | undefined | false): Promise<T>;
  close(): Promise<void>;
}

/** freshSession is session n of a kind whose times are now, so that no timer has run out. */
export function freshSession(world: PortWorld, kind: FlowKind, n: number, change: Partial<Session> = {}): Session {
  const now = world.now();
  const low = (now >>> 0) || 1;
  return flowSession(kind, n, { seenMs: [low, low], sinceMs: low, createdMs: now, interimMs: low, ...change });
}

/** installed gives the reference of an install that must succeed. */
export function installed(session: Session, [result]: readonly OpResult[]): SessionRef {
  if (result?.ok !== true) throw new Error(`not installed: ${JSON.stringify(result)}`);
  return { index: result.index, uuid: session.uuid };
}

/** install installs a session through shard 0. */
export function install(world: PortWorld, session: Session): SessionRef {
  return installed(session, world.shard(0).apply([{ kind: "install", session }]));
}

/** settled is a session without the mark that the sweeper sets at its own time. */
export function settled(session: Session | undefined): Session | undefined {
  return session && { ...session, flags: session.flags & ~Flag.started };
}

/** SeenPunt is a punt that outlives its drain, with its packet as hex. */
export interface SeenPunt extends Omit<Punt, "data"> { data: string; shard: number }

/** punts waits for so many punts of all shards. */
export async function punts(world: PortWorld, count: number, shards = 2): Promise<SeenPunt[]> {
  const seen: SeenPunt[] = [];
  await world.until(`${count} punts`, () => {
    for (let shard = 0; shard < shards; shard++) seen.push(...world.shard(shard).drain(64, 0).map((punt) => ({ ...punt, data: toHex(punt.data), shard })));
    return seen.length >= count;
  });
  return seen;
}

/** dropped waits until a reason was counted so often. */
export async function dropped(world: PortWorld, reason: string, count: bigint): Promise<void> {
  await world.until(`${count} drops for ${reason}`, () => (world.datapath.counters().drops[reason] ?? 0n) >= count);
}
