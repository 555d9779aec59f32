// Runs the same packets through the eBPF program and through the model and says where they first differ: verdict, bytes that
// leave, what a shard is told, session afterwards, copies of captured sessions, records. Times are compared as touched or not: the kernel's clock cannot be injected.
import { addressKey, writeAddress } from "../../pkg/base/address.ts";
import type { IpAddress } from "../../pkg/base/address.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import { modelDatapath } from "../../pkg/datapath/model.ts";
import type { ModelDatapath } from "../../pkg/datapath/model.ts";
import type { ProtectedPacket } from "../../pkg/datapath/model-protect.ts";
import type { Verdict } from "../../pkg/datapath/model-verdict.ts";
import type { DatapathConfig, DatapathRefusal, Punt } from "../../pkg/ports/datapath.ts";
import { answersFirst } from "../../pkg/svr/icmp.ts";
import { reasonOf } from "../../pkg/svr/reasons.ts";
import type { Session } from "../../pkg/svr/session.ts";
import type { Fields, PuntSeen, Ran, RefusalSeen } from "../bpf/harness.ts";
import { place, worldConfig } from "../support/flows.ts";
import { beginCaptures, changeCaptures, compareCopies, drainCopies } from "./copying.ts";
import type { Drained } from "./copying.ts";
import { fuzzFilters } from "./filters.ts";
import { icmpSessions, icmpWorld, isIcmp } from "./icmpworlds.ts";
import { withoutId } from "./identification.ts";
import { COPY_BYTES, GUARD_MS, openKernelSide, RECORD_LIMIT } from "./kernel.ts";
import type { KernelSide } from "./kernel.ts";
import { fuzzOpened, fuzzPacket, SOCKET_PORT } from "./packets.ts";
import type { FuzzPacket } from "./packets.ts";
import { createRandom } from "./random.ts";
import type { Random } from "./random.ts";
import { fuzzSessions } from "./sessions.ts";
import { sweepBoth } from "./sweeping.ts";

/** Difference is the first packet on which both sides disagree, with all that is needed to repeat it. */
export interface Difference { round: number; packet: FuzzPacket; field: string; model: unknown; kernel: unknown; session?: Session }

/** Differential is what a run found; counts show that it reached what it should. */
export interface Differential { packets: number; counts: Record<string, number>; difference?: Difference }

const ROUND = 800;
const SWEPT = 7, PARTS = 4; // one round in so many is swept, after each part of its packets
const NOW = 1_000_000; // the model's clock; anything but 1, which stands for "not touched"
const UNTOUCHED = 1;
const SLOTS = 256;
const NO_PACKET: FuzzPacket = { ifnum: 0, vlan: 0, etherType: 0, gsoSize: 0, data: new Uint8Array(), what: "the sweeper" };
const PASS = -1, REDIRECT = 7, COPIED = 2, OPENED = 4, PLAIN = 8, PROTECT_RING = 64; // SVR_PUNT_COPIED, SVR_PUNT_OPENED, SVR_PUNT_PLAIN, SVR_SHARDS
const ETHERNET_HEX = 28;

interface KernelAnswers { ran: Ran; punts: PuntSeen[]; told: RefusalSeen[]; shown?: Fields }

/** One judged packet: the model's view, taken at once, and the promise of the kernel's; cuttable: no next hop knows its MTU. */
interface Pair { cuttable: boolean; packet: FuzzPacket; verdict: Verdict; punt: Punt | undefined; handed: ProtectedPacket | undefined; told: DatapathRefusal | undefined; after?: Session; drained?: Drained; answers: Promise<KernelAnswers> }

/** runDifferential compares `packets` generated packets; the same seed gives the same packets. */
export async function runDifferential(ask: { packets: number; seed: number }): Promise<Differential> {
  const config = worldConfig();
  const kernel = openKernelSide(config, SOCKET_PORT);
  const found: Differential = { packets: 0, counts: {} };
  try {
    for (let round = 0; found.packets < ask.packets && found.difference === undefined; round++) {
      const random = createRandom((ask.seed + Math.imul(round, 0x9e3779b1)) >>> 0);
      await runRound(random, { kernel, found, round, packets: Math.min(ROUND, ask.packets - found.packets) });
    }
  } finally {
    await kernel.close();
  }
  return found;
}

interface Round { kernel: KernelSide; found: Differential; round: number; packets: number }

/** RoundWorld is a round with its model; `gone` are sessions that the sweeper has freed, as they were. */
interface RoundWorld extends Round { model: ModelDatapath; cuttable: boolean; limit: number; gone: Session[] }

async function runRound(random: Random, round: Round): Promise<void> {
  const icmp = icmpWorld(round.round);
  const sessions = icmpSessions(fuzzSessions(random), icmp);
  const peers = [place(4, "peer"), place(6, "peer")];
  const config: DatapathConfig = { ...worldConfig(), interfaces: fuzzFilters(random, worldConfig().interfaces) };
  const cuttable = round.round % 2 === 1; // not drawn: a seed keeps its packets
  if (icmp.byType) config.icmpByType = true;
  if (cuttable) config.nexthops = config.nexthops.map((one) => ({ ...one, cuttable }));
  await round.kernel.begin(sessions, peers, config);
  const limit = round.round % (2 * SWEPT) === 0 ? sessions.length : SLOTS; // full, or nearly empty
  const world: RoundWorld = { ...round, cuttable, limit, gone: [], model: openModel({ sessions, peers, config, limit }) };
  await beginCaptures(random, world.model, round.kernel);
  const part = round.round % SWEPT === 0 ? Math.ceil(round.packets / PARTS) : round.packets;
  for (let left = round.packets; left > 0 && round.found.difference === undefined; left -= part) {
    await runPackets(random, world, Math.min(part, left));
    if (part < round.packets) await sweepPart(random, world);
  }
}

async function runPackets(random: Random, world: RoundWorld, packets: number): Promise<void> {
  const { found, round, model, cuttable } = world;
  const pairs = Array.from({ length: packets }, (_, index) => ({ ...step(random, world, index === packets - 1), cuttable }));
  const answers = await Promise.all(pairs.map((pair) => pair.answers));
  for (const [index, pair] of pairs.entries()) {
    const difference = found.difference ?? compare(pair, answers[index] as KernelAnswers) ?? await compareDrained(found, pair);
    found.packets += 1;
    for (const told of (answers[index] as KernelAnswers).told) count(found, `told ${reasonOf(told.reason)?.name ?? told.reason}`);
    count(found, labelOf(pair.verdict));
    if (pair.packet.opened !== undefined) count(found, `opened: ${labelOf(pair.verdict)}`);
    for (const label of icmpLabels(pair, model)) count(found, label);
    if (mayBeCut(pair)) count(found, "cuttable");
    if (difference !== undefined) found.difference = { round, packet: pair.packet, ...(pair.after && { session: pair.after }), ...difference };
  }
  const late = found.difference ?? await compareAll(world, model, pairs.at(-1) as Pair);
  if (late !== undefined) found.difference = late;
}

async function sweepPart(random: Random, { kernel, found, round, model, limit, gone }: RoundWorld): Promise<void> {
  if (found.difference !== undefined) return;
  const before = structuredClone(model.model.slots);
  const difference = await sweepBoth(random, { model, kernel, limit, nowMs: NOW, compareSession, saw: (label) => { count(found, label); } });
  gone.push(...before.flatMap((session, slot) => (session === undefined || model.model.slots[slot] !== undefined ? [] : [session])));
  if (difference !== undefined) found.difference = { round, packet: NO_PACKET, ...difference };
}

/** Packets of ICMP sessions that left, by what is special about them. */
function icmpLabels({ verdict, after }: Pair, { model }: ModelDatapath): string[] {
  if (after === undefined || !isIcmp(after.context.proto) || labelOf(verdict) !== "out") return [];
  return [...(model.config.icmpByType === true ? ["icmp by type"] : []), ...(answersFirst(after.context) ? ["icmp answer first"] : [])];
}

/** One packet; before it a capture may change, after it the copies may be taken. */
function step(random: Random, { model, kernel, gone }: RoundWorld, isLast: boolean): Omit<Pair, "cuttable"> {
  const changed = changeCaptures(random, model, kernel);
  const pair = judge(random, { model, kernel, gone });
  const answers = Promise.all([pair.answers, changed]).then(([answer]) => answer);
  return { ...pair, answers, ...((isLast || random.chance(7)) && { drained: drainCopies(model, kernel) }) };
}

async function compareDrained(found: Differential, { drained, cuttable }: Pair): Promise<Found | undefined> {
  if (drained === undefined) return undefined;
  for (const { point, gsoSize } of drained.model.copies) {
    count(found, `copy ${point}`);
    if (gsoSize > 0) count(found, "copy of a super-packet");
  }
  if (drained.model.captured.some(({ lost }) => lost > 0)) count(found, "copies lost");
  return compareCopies(drained, cuttable);
}

/** Every session once more at the end of a round: packets that did not pass may have changed one, too. */
async function compareAll({ kernel, round }: Round, model: ModelDatapath, { packet }: Pair): Promise<Difference | undefined> {
  const sessions = model.model.slots.flatMap((session, slot) => (session === undefined ? [] : [{ session, shown: kernel.show(slot) }]));
  for (const { session, shown } of sessions) {
    const difference = compareSession(session, await shown);
    if (difference !== undefined) return { round, packet, session, ...difference, field: `${difference.field} at the end` };
  }
  return undefined;
}

function count(found: Differential, label: string): void {
  found.counts[label] = (found.counts[label] ?? 0) + 1;
}

/** The same world as the kernel's, sessions in the same slots. */
function openModel({ sessions, peers, config, limit }: { sessions: readonly Session[]; peers: readonly IpAddress[]; config: DatapathConfig; limit: number }): ModelDatapath {
  const model = modelDatapath({ nowMs: () => NOW, sessionLimit: limit, copyRingBytes: COPY_BYTES, recordLimit: RECORD_LIMIT, hasSocket: (proto, _address, port) => proto === 17 && port === SOCKET_PORT });
  model.program({ ...config, timers: { ...config.timers, guardMs: GUARD_MS, interimMs: 0 } });
  for (const address of peers) model.model.locals.set(addressKey(address), { waypoint: false, peer: true });
  const results = model.shard(0).apply(sessions.map((session) => ({ kind: "install", session })));
  results.forEach((result, slot) => {
    if (!result.ok || result.index !== slot) throw new Error(`session ${slot} of the fuzz is not installed: ${JSON.stringify(result)}`);
    const session = model.model.slots[slot] as Session;
    session.life = (sessions[slot] as Session).life;
  });
  return model;
}

function judge(random: Random, { model, kernel, gone }: Pick<RoundWorld, "model" | "kernel" | "gone">): Omit<Pair, "cuttable"> {
  const { slots } = model.model;
  const packet = (random.chance(10) ? fuzzOpened(random, slots) : undefined) ?? fuzzPacket(random, [...slots.filter((slot) => slot !== undefined), ...gone]);
  const before = slots.map(passedBy);
  const verdict = packet.opened === undefined
    ? model.receive(packet.ifnum, packet.vlan, packet.data, { gsoSize: packet.gsoSize, etherType: packet.etherType }) : model.opened({ ...packet, ...packet.opened });
  const [punt] = model.shard(0).drain(1, 0), [handed] = model.protected.splice(0);
  const told = toldOf(model);
  const slot = punt?.session?.index ?? handed?.index ?? slots.findIndex((session, index) => passedBy(session) !== before[index]);
  const ran = kernel.run(packet);
  if (slot < 0) return { packet, verdict, punt, handed, told, answers: ran };
  const after = structuredClone(slots[slot] as Session);
  Object.assign(slots[slot] as Session, { seenMs: [UNTOUCHED, UNTOUCHED], sinceMs: UNTOUCHED });
  const answers = Promise.all([ran, kernel.show(slot), kernel.forgetTimes(slot)]).then(([first, shown]) => ({ ...first, shown }));
  return { packet, verdict, punt, handed, told, after, answers };
}

/** The model tells every refusal, because it forgets; the kernel tells those that its clock allows. */
function toldOf(datapath: ModelDatapath): DatapathRefusal | undefined {
  datapath.model.refusals.told.clear();
  datapath.model.refusals.looks.clear();
  return datapath.refusals(1)[0];
}

/** Packets that a session has passed: one more tells which session a packet hit. */
function passedBy(session: Session | undefined): bigint {
  return session === undefined ? 0n : session.packets[0] + session.packets[1];
}

function labelOf(verdict: Verdict): string {
  if (verdict.kind === "drop") return `drop ${verdict.reason}`;
  return "cause" in verdict ? `punt ${verdict.cause}` : verdict.kind;
}

/** The kernel's verdict in the model's words. */
function kernelVerdict({ ran, punts }: KernelAnswers): string {
  if (ran.reason !== 0) return `drop ${reasonOf(ran.reason)?.name ?? ran.reason}`;
  if (punts[0] !== undefined) return punts.length === 1 ? `punt ${punts[0].cause}` : `${punts.length} punts`;
  return ran.code === REDIRECT ? "out" : ran.code === PASS ? "pass" : `code ${ran.code}`;
}

type Found = Pick<Difference, "field" | "model" | "kernel">;

function compare(pair: Pair, answers: KernelAnswers): Found | undefined {
  const seen = kernelVerdict(answers);
  if (seen !== labelOf(pair.verdict)) return { field: "verdict", model: labelOf(pair.verdict), kernel: seen };
  const out = pair.verdict.kind === "out" ? toHex(pair.verdict.data) : undefined;
  const kernelOut = answers.ran.out.slice(ETHERNET_HEX, ETHERNET_HEX + (out?.length ?? 0)); // link padding may stay behind the packet
  if (out !== undefined && !isSame(pair, out, kernelOut)) return { field: "bytes", model: out, kernel: kernelOut };
  return comparePunt(pair, answers.punts[0]) ?? compareHanded(pair, answers.punts[0]) ?? compareTold(pair, answers.told) ?? compareSession(pair.after, answers.shown);
}

function isSame(pair: Pair, model: string, kernel: string): boolean {
  return mayBeCut(pair) ? withoutId(model) === withoutId(kernel) : model === kernel;
}

/** It left toward a peer on a path without a known MTU; each side then makes an identification of its own (protocol 2.7). */
function mayBeCut({ verdict, after, cuttable }: Pair): boolean {
  return cuttable && (verdict.kind === "out" || verdict.kind === "protect") && verdict.data[0]! >>> 4 === 4 && after?.side.some((side) => side.path !== 0 && side.nexthop === verdict.nexthop) === true;
}

function comparePunt({ punt }: Pair, seen: PuntSeen | undefined): Found | undefined {
  if (punt === undefined || seen === undefined) return undefined;
  const { ifnum, vlan, gsoSize, isCopied = false, isOpened = false } = punt;
  const entry = punt.session === undefined ? 0 : ((punt.session.index + 1) << 1) | punt.session.side;
  const model = { ifnum, vlan, gsoSize, entry, isCopied, isOpened, toWaypoint: punt.toWaypoint, data: toHex(punt.data) };
  const kernel = { ifnum: seen.ifnum, vlan: seen.vlan, gsoSize: seen.gsoSize, entry: seen.entry, isCopied: (seen.flags & COPIED) !== 0, isOpened: (seen.flags & OPENED) !== 0, toWaypoint: (seen.local & 1) !== 0, data: seen.data };
  return firstDifference("punt", model, kernel);
}

/** The record of a protect worker; of one that is to leave, bytes as of a packet that left. */
function compareHanded(pair: Pair, seen: PuntSeen | undefined): Found | undefined {
  const { handed } = pair;
  if (handed === undefined || seen === undefined) return undefined;
  const { gsoSize, nexthop, isCopied = false, isPlain = false } = handed;
  const model = { ring: PROTECT_RING, gsoSize, entry: ((handed.index + 1) << 1) | handed.side, isCopied, isPlain, nexthop, length: 2 * handed.data.length };
  const kernel = { ring: seen.shard, gsoSize: seen.gsoSize, entry: seen.entry, isCopied: (seen.flags & COPIED) !== 0, isPlain: (seen.flags & PLAIN) !== 0, nexthop: seen.local, length: seen.data.length };
  return firstDifference("record", model, kernel) ?? (isSame(pair, toHex(handed.data), seen.data) ? undefined : { field: "record bytes", model: toHex(handed.data), kernel: seen.data });
}

function compareTold({ told }: Pair, [seen, ...more]: readonly RefusalSeen[]): Found | undefined {
  if (seen === undefined) return undefined;
  if (told === undefined || more.length > 0) return { field: "refusals", model: told, kernel: [seen, ...more] };
  const { source, destination, reason, ...rest } = told;
  const model = { ...rest, reason, family: source.family, source: addressHex(source), destination: addressHex(destination) };
  return firstDifference("refusal", model, { ...seen, reason: reasonOf(seen.reason)?.name });
}

function addressHex(address: IpAddress): string {
  const bytes = new Uint8Array(16);
  writeAddress(bytes, 0, address);
  return toHex(bytes);
}

function firstDifference(about: string, model: Record<string, unknown>, kernel: Record<string, unknown>): Found | undefined {
  const name = Object.keys(model).find((key) => String(model[key]) !== String(kernel[key]));
  return name === undefined ? undefined : { field: `${about} ${name}`, model: model[name], kernel: kernel[name] };
}

function compareSession(after?: Session, shown?: Fields): Found | undefined {
  if (after === undefined || shown === undefined) return undefined;
  const touched = (time: number | string | undefined): boolean => Number(time) !== UNTOUCHED;
  const model = {
    flags: after.flags >>> 0, life: after.life, tcp_state: after.tcpState, tcp_before_reset: after.tcpBeforeReset, end_reason: after.endReason,
    next_seq0: after.nextSeq[0], next_seq1: after.nextSeq[1], last_ack0: after.lastAck[0], last_ack1: after.lastAck[1], window0: after.window[0], window1: after.window[1], packets0: after.packets[0],
    packets1: after.packets[1], bytes0: after.bytes[0], bytes1: after.bytes[1], isn: after.isn, retransmissions: after.retransmissions,
    out_of_order: after.outOfOrder, seen0: touched(after.seenMs[0]), seen1: touched(after.seenMs[1]), since: touched(after.sinceMs), setup: after.setupMs !== 0,
  };
  const kernel = {
    ...shown, seen0: touched(shown["seen_ms0"]), seen1: touched(shown["seen_ms1"]), since: touched(shown["since_ms"]), setup: Number(shown["setup_ms"]) !== 0,
  };
  return firstDifference("session", model, kernel);
}

/** describeDifference writes a difference so that a reader can repeat it. */
export function describeDifference(difference: Difference, seed: number): string {
  const { packet, field, model, kernel, round, session } = difference;
  const text = (value: unknown): string => JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? `${part}n` : part instanceof Uint8Array ? toHex(part) : part));
  return [
    `seed ${seed}, round ${round}: ${field}: model ${text(model)}, eBPF ${text(kernel)}`, `packet ${text({ ...packet, data: toHex(packet.data) })}`,
    `the model's session ${text(session)}`,
  ].join("\n");
}
