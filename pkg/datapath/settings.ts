// The settings of one router as bytes: sizes and secrets fixed when its maps are made, timers and ports of the configuration.
// Called by open.ts and program.ts. Secrets stay in the map; they are never logged.
import type { DatapathConfig } from "../ports/datapath.ts";
import type { Bytes } from "./sessioncodec.ts";
import { createBytes } from "./sessioncodec.ts";
import { HASH_KEY_WORDS, offsetOf, settingsLayout } from "./layouts.ts";
import { TcpState } from "../svr/session.ts";

/** SETTINGS_SIZE is the size of struct svr_settings in bytes. */
export const SETTINGS_SIZE = settingsLayout.size;

const at = (name: string): number => offsetOf(settingsLayout, name);
const HASH_KEY_BYTES = HASH_KEY_WORDS * 8;
const INJECT_MAC_BYTES = 6;
const SLOTS_PER_BUCKET = 9 / 4; // three keys each, one at rest: at most 84 % of the entries are in use when all slots are
const SPARE_SHARE = 16, SPARE_LEAST = 4096; // more would cost more than 400 bytes a session
const RECORD_BYTES_OF_SLOT = 8, RECORD_RING_LEAST = 1 << 20, RECORD_RING_MOST = 1 << 22;

/**
 * slotsFor is the number of slots for so many live sessions: a sixteenth more, at least 4,096, for those that ended and still hold
 * their slot (2 s guard, 30 s quarantine), so that the session limit is reached before the slots run out.
 */
export function slotsFor(limit: number): number {
  return limit + Math.max(SPARE_LEAST, Math.ceil(limit / SPARE_SHARE));
}

/** powerOfTwoFrom is the least power of two that is not below a number. */
function powerOfTwoFrom(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/**
 * recordBytesFor is the size of the ring of records: 1 MiB up to 131,072 slots, 4 MiB from 262,145 on. That holds 12,000 records,
 * four reads' worth when 20,000 sessions a second start and end and the router reads every 50 ms.
 */
export function recordBytesFor(slots: number): number {
  return Math.min(RECORD_RING_MOST, Math.max(RECORD_RING_LEAST, powerOfTwoFrom(slots * RECORD_BYTES_OF_SLOT)));
}

/** Sizes of a table: session slots, and whether less may be live at once. */
export interface TableSizes { sessions: number; liveLimit: number; shards: number; /** protect workers, default none */ protectors?: number }

/** bucketsFor is the number of buckets for so many slots, a power of two. */
export function bucketsFor(sessions: number): number {
  return powerOfTwoFrom(Math.max(2, Math.ceil(sessions / SLOTS_PER_BUCKET)));
}

/** sourcesFor is the number of source addresses that are counted one by one: half as many as buckets. */
export function sourcesFor(sessions: number): number {
  return bucketsFor(sessions) / 2;
}

/** createSettings makes the settings of new maps; `random` is fresh bytes: hash keys, then the inject secret. */
export function createSettings(sizes: TableSizes, random: Uint8Array): Bytes {
  if (random.length < SECRET_BYTES) throw new Error(`settings need ${SECRET_BYTES} random bytes`);
  const settings = createBytes(SETTINGS_SIZE);
  settings.array.set(random.subarray(0, HASH_KEY_BYTES), at("hash_key"));
  settings.view.setUint32(at("bucket_mask"), bucketsFor(sizes.sessions) - 1, true);
  settings.view.setUint32(at("session_limit"), sizes.sessions, true);
  writeInjectSecret(settings, random.subarray(HASH_KEY_BYTES));
  writeSizes(settings, sizes);
  return settings;
}

/** SECRET_BYTES is how much randomness createSettings takes. */
export const SECRET_BYTES = HASH_KEY_BYTES + INJECT_MAC_BYTES;

/** writeSizes writes what a restart may change. */
export function writeSizes({ view }: Bytes, sizes: TableSizes): void {
  view.setUint32(at("live_limit"), sizes.liveLimit, true);
  view.setUint32(at("shards"), sizes.shards, true);
  view.setUint8(at("protectors"), sizes.protectors ?? 0);
}

/** writeInjectSecret sets the source MAC of injected frames: locally administered, unicast. */
function writeInjectSecret({ array }: Bytes, secret: Uint8Array): void {
  array.set(secret.subarray(0, INJECT_MAC_BYTES), at("inject_mac"));
  array[at("inject_mac")] = ((secret[0] ?? 0) & 0xfc) | 0x02;
}

/** readInjectSecret reads the source MAC of injected frames. */
export function readInjectSecret({ array }: Bytes): Uint8Array {
  return array.slice(at("inject_mac"), at("inject_mac") + INJECT_MAC_BYTES);
}

/** readSizes reads slots, buckets and shards. */
export function readSizes({ view }: Pick<Bytes, "view">): { sessions: number; buckets: number; shards: number } {
  return {
    sessions: view.getUint32(at("session_limit"), true), buckets: view.getUint32(at("bucket_mask"), true) + 1,
    shards: view.getUint32(at("shards"), true),
  };
}

/** writeConfig writes timers, waypoint ports and whether MSS is clamped at all. */
export function writeConfig({ view }: Bytes, config: DatapathConfig): void {
  const { timers, waypointPorts } = config;
  const timer = (state: number, ms: number): void => { view.setUint32(at("tcp_timer_ms") + 4 * state, ms, true); };
  view.setUint32(at("quarantine_ms"), timers.quarantineMs, true);
  view.setUint32(at("guard_ms"), timers.guardMs, true);
  timer(TcpState.synSent, timers.synSentMs);
  timer(TcpState.synRcvd, timers.synRcvdMs);
  timer(TcpState.closing, timers.closingMs);
  timer(TcpState.reset, timers.resetMs);
  view.setUint32(at("half_closed_idle_ms"), timers.halfClosedIdleMs, true);
  view.setUint32(at("interim_ms"), timers.interimMs, true);
  view.setUint32(at("inactivity_ms"), timers.inactivityMs, true);
  view.setUint16(at("waypoint_first"), waypointPorts.first, true);
  view.setUint16(at("waypoint_last"), waypointPorts.last, true);
  view.setUint8(at("mss_clamp"), config.nexthops.some((nexthop) => nexthop.mss4 > 0 || nexthop.mss6 > 0) ? 1 : 0);
  view.setUint8(at("icmp_by_type"), config.icmpByType === true ? 1 : 0);
}
