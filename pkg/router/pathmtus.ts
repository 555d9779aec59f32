// Path MTU discovery of all peer paths (protocol 10.3), in the main thread: a few packets a path every ten minutes. Sends probes
// through the data plane, hears peers through PeeringPort, answers their probes. Owned by the app, which puts a changed MTU in
// force. The table of one path is pkg/svr/pathmtu.ts.
import { sameAddress } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { PathConfig, RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import type { Datagram, PeeringPort } from "../ports/peering.ts";
import { acceptedEpochs, epochAt } from "../svr/epoch.ts";
import { finishOpen, planOpen } from "../svr/open.ts";
import { againEvery, startMtu, stepMtu } from "../svr/pathmtu.ts";
import type { MtuEvent, MtuState, MtuVerdict } from "../svr/pathmtu.ts";
import { readMtuMessage, readPeering, writeMtuMessage } from "../svr/peering.ts";
import type { MtuMessage, PeeringPacket, PeeringWay } from "../svr/peering.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { SealEngine, Signing } from "../svr/seal.ts";
import { keysIn } from "./build.ts";
import type { ShardConfig } from "./build.ts";
import { createSkewGate } from "./gate.ts";
import type { Held } from "./held.ts";
import { nameKey } from "./names.ts";
import { skewOrFailure } from "./skew.ts";
import type { PeerKeyPair } from "./tables.ts";
import { createTally } from "./tally.ts";
import type { Tally } from "./tally.ts";
import type { SkewGate } from "./turn.ts";

/** PathMtuOptions are the adapters of the discovery; `engine` signs its few messages. */
export interface PathMtuOptions {
  clock: Clock;
  log: Log;
  engine: SealEngine;
  port: PeeringPort;
  datapath: Pick<Datapath, "send">;
  /** an MTU in force, or DF with it, changed */
  changed(): void;
  /** a message was valid under this key */
  keyUsed?(keyId: number): void;
}

/** PathMtus keeps the state of every path; the caller ticks it a few times a second. */
export interface PathMtus {
  /** takes a configuration: new paths begin, those that are gone are forgotten, the others go on */
  follow(posted: ShardConfig): void;
  tick(): void;
  /** says something under the newest key on every path of a peer, so that both sides know that the other one has it */
  greet(peer: string): void;
  /** begins anew on the paths of a peer: it has keys now */
  restart(peer: string): void;
  /** an ICMP "too big" about a packet on this path */
  tooBig(path: string): void;
  /** in force for a path of the configuration, in bytes of an IP packet */
  mtuOf(path: PathConfig): number;
  verdictOf(path: PathConfig): MtuVerdict | "off";
  /** packets of the path leave with DF=0: no size is known to pass */
  isCuttable(path: PathConfig): boolean;
  held(): Held[];
  /** counts a message of key exchange that was refused */
  count(reason: DropReason): void;
  /** messages that were refused, by reason, and by peer where the peer is known */
  refused(): Pick<ReturnType<Tally["totals"]>, "drops" | "peerDrops" | "skews">;
}

interface Tracked { config: PathConfig; state: MtuState }

const SKEW_ROW = "peers with a skewed clock in a second, UDP 1280";
const GREETING_ID = 0, GREETING_BYTES = 128; // a probe whose answer tells nothing of sizes
const MESSAGES_PER_SECOND = 2_000; // looked at; what comes above that is dropped unread

/** createPathMtus makes a discovery without paths. */
export function createPathMtus(options: PathMtuOptions): PathMtus {
  const tracked = new Map<string, Tracked>();
  const { clock, port } = options;
  let posted: ShardConfig | undefined;
  const tally = createTally();
  let faults = "";
  const budget = createBudget(clock), skewGate = createSkewGate(1, SKEW_ROW);
  const feed = (one: Tracked, event: MtuEvent): void => { run(options, posted, one, event); };
  const onReply = (path: PathConfig, reply: MtuEvent): void => {
    const one = tracked.get(path.key);
    if (one !== undefined) feed(one, reply);
  };
  const isCuttable = (path: PathConfig): boolean => tracked.get(path.key)?.state.cuttable ?? false;
  port.onDatagram((datagram) => {
    if (!budget()) return tally.count("rate");
    if (posted === undefined) return tally.count("unknown-key");
    const refused = receive({ ...options, skewGate }, posted, datagram, { onReply, isCuttable });
    if (refused !== undefined) tally.count(refused.reason, refused.peer, refused.skew);
  });
  return {
    follow(next) {
      posted = next;
      port.follow(next.config.locals.filter((local) => local.waypoint).map((local) => local.address));
      followPaths(tracked, next.config, clock.monotonicMs());
    },
    tick() {
      for (const one of tracked.values()) feed(one, { kind: "tick" });
      const now = port.faults().map(({ address, reason }) => `${formatAddress(address)}: ${reason}`).join("; ");
      if (now !== faults && now !== "") options.log.warn({ faults: now }, "peers cannot be heard on UDP 1280 of some waypoint addresses; it is tried again");
      faults = now;
    },
    greet(peer) {
      for (const path of posted?.config.paths ?? []) {
        if (path.peer === peer && posted !== undefined) send(options, posted, path, { message: { kind: "probe", id: GREETING_ID, size: GREETING_BYTES }, way: { source: path.local, destination: path.remote, destinationPort: 1280 } });
      }
    },
    restart(peer) {
      const config = posted?.config;
      for (const [key, { config: path }] of tracked) if (path.peer === peer) tracked.delete(key);
      if (config !== undefined) followPaths(tracked, config, clock.monotonicMs());
    },
    tooBig(path) {
      const one = tracked.get(path);
      if (one !== undefined) feed(one, { kind: "tooBig" });
    },
    mtuOf: (path) => Math.min(path.mtu, tracked.get(path.key)?.state.mtu ?? path.mtu),
    verdictOf: (path) => tracked.get(path.key)?.state.verdict ?? "off",
    isCuttable,
    count: (reason) => { tally.count(reason); },
    refused: () => tally.totals(),
    held: () => skewGate.held(clock.monotonicMs()),
  };
}

function createBudget(clock: Clock): () => boolean {
  let since = 0, used = 0;
  return () => {
    const now = clock.monotonicMs();
    if (now - since >= 1000) [since, used] = [now, 0];
    return used++ < MESSAGES_PER_SECOND;
  };
}

/** A path whose ends or size are others is another path. */
function followPaths(tracked: Map<string, Tracked>, config: RouterConfig, now: number): void {
  const before = new Map(tracked);
  tracked.clear();
  if (!config.pathMtu.discovery) return;
  for (const [index, path] of config.paths.entries()) {
    const old = before.get(path.key);
    const isSame = old !== undefined && old.config.mtu === path.mtu && sameAddress(old.config.remote, path.remote) && sameAddress(old.config.local, path.local);
    const state = isSame ? againEvery(old.state, config.pathMtu.intervalMs) : startMtu({ top: path.mtu, intervalMs: config.pathMtu.intervalMs, firstId: (now * 64 + index * 7919) >>> 0 }, now);
    tracked.set(path.key, { config: path, state });
  }
}

function run(options: PathMtuOptions, posted: ShardConfig | undefined, one: Tracked, event: MtuEvent): void {
  const { clock, log } = options;
  const before = one.state;
  const { state, effects } = stepMtu(before, event, clock.monotonicMs());
  one.state = state;
  const { config: path } = one;
  for (const { id, size } of effects) {
    if (posted !== undefined) send(options, posted, path, { message: { kind: "probe", id, size }, way: { source: path.local, destination: path.remote, destinationPort: 1280 } });
  }
  sayAlarm(log, path, { before, state });
  if (state.mtu !== before.mtu) log.info({ path: path.key, before: before.mtu, mtu: state.mtu }, "path MTU changed");
  if (state.mtu !== before.mtu || state.cuttable !== before.cuttable) options.changed();
}

/** The alarm of protocol 10.3; silence says nothing about it. */
function sayAlarm(log: Log, path: PathConfig, of: { before: MtuState; state: MtuState }): void {
  const is = of.state.verdict === "below-floor", was = of.before.verdict === "below-floor";
  if (is && !was) log.warn({ path: path.key }, "path MTU alarm raised: packets of 1280 bytes do not pass, so they leave with DF=0 and are cut on their way");
  if (was && of.state.verdict === "found") log.info({ path: path.key, mtu: of.state.mtu }, "path MTU alarm cleared");
}

function send(options: PathMtuOptions, posted: ShardConfig, path: PathConfig, what: { message: MtuMessage; way: PeeringWay }): void {
  const signing = signingOf(options, posted, path.peer);
  const nexthop = posted.ids[nameKey("nexthop", path.nexthop)];
  if (signing === undefined || nexthop === undefined) return;
  options.datapath.send([{ nexthop, data: writeMtuMessage(what.message, what.way, { signing, engine: options.engine }) }]);
}

const MODES = { Disabled: "disabled", Regular: "regular", TimeBased: "time-based" } as const;

/** These messages have no payload TLVs, so they need no counter. */
function signingOf({ clock }: PathMtuOptions, posted: ShardConfig, name: string): Signing | undefined {
  const keys = keysIn(posted.keys, name);
  const peer = posted.config.peers.find((one) => one.name === name);
  if (keys?.send === undefined || peer === undefined) return undefined;
  return { key: keys.send, mode: MODES[peer.hmac.mode], epoch: epochAt(clock.unixMs() / 1000), counter: 0n };
}

/** Why a message counts for nothing; the peer is known once its key is. */
interface Refused { reason: DropReason; peer?: string; skew?: number | undefined }

/** What messages are judged with. */
type Judge = PathMtuOptions & { skewGate: Pick<SkewGate, "permits"> };

interface Opened { message: MtuMessage; paths: PathConfig[] }

/** What a received message meets: the states of the paths. */
interface Known { onReply(path: PathConfig, reply: MtuEvent): void; isCuttable(path: PathConfig): boolean }

/** Verifies a datagram and answers it, or hands the reply on; says why when it does neither. */
function receive(options: Judge, posted: ShardConfig, datagram: Datagram, known: Known): Refused | undefined {
  const opened = open(options, posted, datagram);
  if (!opened.ok) return opened.error;
  const { message, paths } = opened.value;
  if (message.kind === "reply") {
    for (const path of paths) known.onReply(path, { kind: "reply", id: message.id, size: message.size });
    return undefined;
  }
  const path = paths.find((one) => sameAddress(one.remote, datagram.remote)) ?? paths[0]!;
  const way = { source: datagram.local, destination: datagram.remote, destinationPort: datagram.remotePort, cuttable: known.isCuttable(path) }; // a NAT may have changed them (protocol 9.1)
  send(options, posted, path, { message: { ...message, kind: "reply" }, way });
  return undefined;
}

/** The message and the paths that it can belong to, one at least: those of the owner of the key at that address of ours. */
function open(options: Judge, posted: ShardConfig, datagram: Datagram): Result<Opened, Refused> {
  const read = readPeering(datagram);
  if (!read.ok) return fail({ reason: read.error });
  const { keyId } = read.value.header.metadata;
  const peer = posted.config.peers.find((one) => keysIn(posted.keys, one.name)?.receive.some((key) => key.keyId === keyId) === true);
  const keys = peer === undefined ? undefined : keysIn(posted.keys, peer.name);
  if (peer === undefined || keys === undefined) return fail({ reason: "unknown-key" });
  const message = verified(options, read.value, { peer, keys });
  if (!message.ok) return fail({ ...message.error, peer: peer.name });
  const paths = posted.config.paths.filter((path) => path.peer === peer.name && sameAddress(path.local, datagram.local));
  return paths.length === 0 ? fail({ reason: "peer-mismatch", peer: peer.name }) : ok({ message: message.value, paths });
}

function verified(options: Judge, { packet, header }: PeeringPacket, from: { peer: RouterConfig["peers"][number]; keys: PeerKeyPair }): Result<MtuMessage, Refused> {
  const { clock, engine, skewGate } = options;
  const { peer: { hmac }, keys } = from;
  const mode = MODES[hmac.mode], epoch = epochAt(clock.unixMs() / 1000);
  const job = planOpen(packet, header, { mode, keys: keys.receive.filter(({ keyId }) => keyId === header.metadata.keyId), epochs: acceptedEpochs(mode, epoch, hmac.window) });
  if (!job.ok) return fail({ reason: job.error });
  const [result] = engine.open([job.value]);
  if (result === undefined) return fail({ reason: "fault" });
  if (!result.ok && result.reason === "hmac-failure") {
    return fail(skewOrFailure({ job: job.value, mode, window: hmac.window, epoch, permits: () => skewGate.permits(from.peer, clock.monotonicMs()) }, engine));
  }
  const opened = finishOpen({ packet, header, job: job.value, requireEncryption: false }, result);
  if (!opened.ok) return fail({ reason: opened.error });
  if (opened.value.tag !== undefined) options.keyUsed?.(opened.value.key.keyId);
  const message = readMtuMessage(opened.value.metadata, packet, { at: opened.value.bodyAt, end: opened.value.bodyEnd });
  return message === undefined ? fail({ reason: "metadata-malformed" }) : ok(message);
}

/** withPathMtus is a configuration with what is known of its paths in force: in them, and in the next hops that only they use. */
export function withPathMtus(config: RouterConfig, mtus: Pick<PathMtus, "mtuOf" | "isCuttable">): RouterConfig {
  const paths = config.paths.map((path) => ({ ...path, mtu: mtus.mtuOf(path), ...(mtus.isCuttable(path) && { cuttable: true as const }) }));
  const smallest = new Map<string, number>();
  for (const { nexthop, mtu } of paths) smallest.set(nexthop, Math.min(mtu, smallest.get(nexthop) ?? mtu));
  const cuttable = new Set(paths.filter((path) => path.cuttable === true).map((path) => path.nexthop));
  const nexthops = config.nexthops.map((one) => ({ ...one, mtu: smallest.get(one.key) ?? one.mtu, ...(cuttable.has(one.key) && { cuttable: true as const }) }));
  return { ...config, paths, nexthops };
}
