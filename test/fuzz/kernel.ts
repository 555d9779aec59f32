// The kernel's side of the differential fuzz: the real eBPF program through the harness of test/bpf, told the same world as the
// model. Commands are queued, so that many packets cost few round trips; answers come in order.
import { addressBytes, writeAddress } from "../../pkg/base/address.ts";
import type { IpAddress } from "../../pkg/base/address.ts";
import { filterEntries } from "../../pkg/datapath/filters.ts";
import type { DatapathConfig } from "../../pkg/ports/datapath.ts";
import type { Session, SessionSide } from "../../pkg/svr/session.ts";
import { buildFrame } from "../bpf/packets.ts";
import { openHarness } from "../bpf/harness.ts";
import type { CapturedSeen, CopySeen, Fields, Harness, PuntSeen, Ran, RecordSeen, RefusalSeen, Words } from "../bpf/harness.ts";
import type { FuzzPacket } from "./packets.ts";

/** KernelSide runs packets; every call is queued at once and resolves in order. */
export interface KernelSide {
  /** empties the maps and fills them again */
  begin(sessions: readonly Session[], peers: readonly IpAddress[], world: Pick<DatapathConfig, "interfaces" | "nexthops" | "icmpByType">): Promise<void>;
  run(packet: FuzzPacket): Promise<{ ran: Ran; punts: PuntSeen[]; told: RefusalSeen[] }>;
  show(slot: number): Promise<Fields>;
  /** sets the times of a session to 1, so that a change shows */
  forgetTimes(slot: number): Promise<unknown>;
  /** wants so many copies of a slot's session at each point, or none any more; `flags` are the session's from now on */
  want(slot: number, packets: readonly number[] | undefined, flags?: number): Promise<unknown>;
  /** takes the copies that wait; what is still wanted */
  copies(): Promise<{ copies: CopySeen[]; captured: CapturedSeen[] }>;
  /** puts the times of a session so far from now, in milliseconds; its flags and end reason are the model's */
  age(slot: number, times: { since: number; forward: number; reverse: number }, session: Session): Promise<unknown>;
  /** lets the sweeper walk so many times at least over a table of so many slots */
  sweep(limit: number, walks: number): Promise<void>;
  records(): Promise<RecordSeen[]>;
  /** records_lost counts from `begin` on */
  gauges(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** COPY_BYTES is the size of the ring of copies, small enough to be full now and then. */
export const COPY_BYTES = 1 << 14;
const RECORD_BYTES = 1 << 14, OF_RECORD = 8 + 336; // what the kernel puts in front, and struct svr_record
/** RECORD_LIMIT is how many records wait in their ring. */
export const RECORD_LIMIT = Math.floor((RECORD_BYTES - 1) / OF_RECORD);
/** GUARD_MS is long, so that only sessions which were aged leave their guard. */
export const GUARD_MS = 20_000;

const PROTECT_SHIFT = 20; // SVR_PROTECT_SHIFT
const INJECT_MAC = [2, 1, 2, 3, 4, 5]; // of the settings of the harness
const SOURCES = 4, GENERATION = 1 << 4;
const SHARED = 1, HOSTS = 2, WAYPOINT = 1, PEER = 2, CUTTABLE = 1; // svr_types.h

function wire(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(addressBytes(address.family));
  writeAddress(bytes, 0, address);
  return bytes;
}

function sideWords(index: number, side: SessionSide): Words {
  const words: Words = {
    remote: wire(side.remote), local: wire(side.local), remote_port_be: side.remotePort, local_port_be: side.localPort, ifnum: side.ifnum, vlan: side.vlan,
    nexthop: side.nexthop, path: side.path, proto: side.proto, family: side.family,
  };
  return Object.fromEntries(Object.entries(words).map(([name, value]) => [`side${index}.${name}`, value]));
}

function sessionWords(slot: number, session: Session): Words {
  return {
    slot, ...sideWords(0, session.side[0]), ...sideWords(1, session.side[1]), flags: session.flags, life: session.life, tcp_state: session.tcpState,
    tcp_before_reset: session.tcpBeforeReset, end_reason: session.endReason, seen_ms0: session.seenMs[0], seen_ms1: session.seenMs[1], since_ms: session.sinceMs,
    idle_ms: session.idleMs, next_seq0: session.nextSeq[0], next_seq1: session.nextSeq[1], last_ack0: session.lastAck[0], last_ack1: session.lastAck[1], window0: session.window[0], window1: session.window[1],
    bytes0: session.bytes[0], bytes1: session.bytes[1], isn: session.isn, label: (session.flowLabel | session.protect << PROTECT_SHIFT) >>> 0, uuid: session.uuid, created_ms: session.createdMs, context_source_port_be: session.context.sourcePort,
    context_destination_port_be: session.context.destinationPort, context_proto: session.context.proto, context_source: wire(session.context.source),
    context_destination: wire(session.context.destination), context_family: session.context.family, shard: session.shard, tenant: session.tenant, service: session.service, setup_ms: session.setupMs,
  };
}

/** The destination MAC of a frame that a protect worker opened; see svr_protect.h. */
function openedMac({ index, side }: NonNullable<FuzzPacket["opened"]>): number[] {
  const entry = ((index + 1) << 1) | side;
  return [0x02, 0x4f, entry >>> 24, (entry >>> 16) & 255, (entry >>> 8) & 255, entry & 255];
}

/** In the words of the harness. */
function fromNow(ms: number): string {
  return ms < 0 ? `now${ms}` : `now+${ms}`;
}

function flagsOf(entry: DatapathConfig["interfaces"][number] | undefined): number {
  return (entry?.shared === true ? SHARED : 0) | (entry?.hosts === true ? HOSTS : 0) | (entry?.sourceCheck === true ? SOURCES : 0) | (entry?.filter === undefined ? 0 : GENERATION);
}

/** The sweeper stands still but in `sweep`. */
function sweeperOf(harness: Harness): Pick<KernelSide, "age" | "sweep" | "records"> {
  return {
    age: (slot, { since, forward, reverse }, { flags, endReason }) => harness.ask("patch", {
      slot, since_ms: fromNow(since), seen_ms0: fromNow(forward), seen_ms1: fromNow(reverse), flags, end_reason: endReason,
    }),
    sweep: async (limit, walks) => {
      const done = await Promise.all([harness.ask("limit", { slots: limit }), harness.ask("walks", { walks }), harness.ask("limit", { slots: 0 })]);
      if (done.some(({ ok }) => !ok)) throw new Error(`no ${walks} walks of the sweeper in time`);
    },
    records: () => harness.ask("records"),
  };
}

/** openKernelSide loads the object; `socketPort` is a UDP port that the host has open. */
export function openKernelSide(config: DatapathConfig, socketPort: number): KernelSide {
  const harness = openHarness({ slots: 256, buckets: 256, shards: 1, copyBytes: COPY_BYTES, recordBytes: RECORD_BYTES });
  const stands = Promise.all([harness.ask("settings", { session_limit: 0, guard_ms: GUARD_MS }), harness.ask("sweep")]);
  let lostBefore = 0;
  let current = -1;
  let arriving = config.interfaces;
  const arriveOn = (ifnum: number): Promise<unknown>[] => {
    if (ifnum === current) return [];
    current = ifnum;
    const entry = arriving.find((candidate) => candidate.ifnum === ifnum);
    return [harness.ask("interface", { ifindex: 1, ifnum, flags: flagsOf(entry) })];
  };
  const install = async (session: Session, slot: number): Promise<void> => {
    const answer = await harness.ask("session", sessionWords(slot, session));
    if (!answer.ok) throw new Error(`the flow index had no place for session ${slot}`);
  };
  return {
    begin: async (sessions, peers, { interfaces, nexthops, icmpByType }) => {
      current = -1;
      arriving = interfaces;
      await stands;
      await harness.ask("reset");
      lostBefore = (await harness.ask("gauges"))["records_lost"] ?? 0;
      const { first, last } = config.waypointPorts;
      await harness.ask("settings", { waypoint_first: first, waypoint_last: last, icmp_by_type: icmpByType === true ? 1 : 0 });
      const hops = nexthops.map(({ index, ifnum, vlan, mtu, mss4, mss6, cuttable }) => harness.ask("nexthop", {
        index, ifindex: 1, ifnum, flags: cuttable === true ? CUTTABLE : 0, vlan, mtu, mss4, mss6,
      }));
      const locals = config.locals.map(({ address, waypoint }) => harness.ask("local", { family: address.family, address: wire(address), flags: waypoint ? WAYPOINT : 0 }));
      const known = peers.map((address) => harness.ask("local", { family: address.family, address: wire(address), flags: PEER }));
      const filters = filterEntries(interfaces).map(({ key, value }) => harness.ask("filter", { ifnum: key[0] ?? 0, data: value }));
      await Promise.all([...filters, ...hops, ...locals, ...known, harness.ask("socket", { port: socketPort, proto: 17 }), ...sessions.map(install)]);
    },
    run: async (packet) => {
      const { opened } = packet;
      const link = opened === undefined ? { type: packet.etherType, ...(packet.vlan === 0 ? {} : { vlan: packet.vlan }) } : { to: openedMac(opened), from: INJECT_MAC };
      const arrived = opened === undefined ? arriveOn(packet.ifnum) : [];
      const [ran, punts, told] = await Promise.all([
        harness.ask("run", { data: buildFrame(packet.data, link), gso: packet.gsoSize, prog: opened && "inject" }), harness.ask("punts"), harness.ask("refusals"), ...arrived,
      ]);
      return { ran, punts, told };
    },
    show: (slot) => harness.ask("show", { slot }),
    forgetTimes: (slot) => harness.ask("patch", { slot, seen_ms0: 1, seen_ms1: 1, since_ms: 1 }),
    want: (slot, packets, flags) => Promise.all([
      harness.ask("want", { slot, packets: packets && new Uint8Array(Uint32Array.from(packets).buffer) }), ...(flags === undefined ? [] : [harness.ask("patch", { slot, flags })]),
    ]),
    copies: async () => {
      const [copies, captured] = await Promise.all([harness.ask("copies"), harness.ask("captured")]);
      return { copies, captured };
    },
    ...sweeperOf(harness),
    gauges: async () => {
      const gauges = await harness.ask("gauges");
      return { ...gauges, records_lost: (gauges["records_lost"] ?? 0) - lostBefore };
    },
    close: () => harness.close(),
  };
}
