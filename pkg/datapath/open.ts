// The data plane of one router in eBPF: checks the machine, loads or adopts, repairs, starts the sweeper, and gives the port that
// pkg/ports/datapath.ts describes. Constructed by cmd/router in the main thread; closing it leaves everything pinned and forwarding.
import { join } from "node:path";
import { SvrError } from "../base/errors.ts";
import { openHandle, openNative } from "../native/binding.ts";
import type { Handle, Native } from "../native/binding.ts";
import type { Datapath } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { adoptionOf, loadMaps, openObject } from "./adopt.ts";
import { checkLayouts } from "./btf.ts";
import { openCopies } from "./copies.ts";
import { openCounters } from "./counters.ts";
import { errnoText } from "./errno.ts";
import { openFill } from "./fill.ts";
import { readDenied } from "./filters.ts";
import { openMap } from "./maps.ts";
import { createNameTable } from "./names.ts";
import { createNameCount, PRUNE_AT, pruneNames } from "./nameuse.ts";
import { createPins, defaultPinDir, MAP_SUFFIX, preparePinDir, removePinDir } from "./pins.ts";
import type { Pins } from "./pins.ts";
import { createProgrammer } from "./program.ts";
import { openUntold } from "./refusals.ts";
import { checkRequirements } from "./requirements.ts";
import { dropRings, MAX_PROTECTORS, MAX_SHARDS, openRecords, openRefusals, placeRings } from "./rings.ts";
import { createSettings, readInjectSecret, readSizes, SECRET_BYTES, slotsFor, writeSizes } from "./settings.ts";
import { openSettings } from "./settingsmap.ts";
import type { SettingsMap } from "./settingsmap.ts";
import { openSender } from "./shardport.ts";
import type { ShardSpec } from "./shardport.ts";
import { createCount } from "./counting.ts";
import { createSift } from "./sift.ts";
import { createTable } from "./table.ts";
import type { Table } from "./table.ts";
import { createLook } from "./verify.ts";
import { readUsage } from "./usage.ts";
import { openWakes } from "./wakes.ts";

/** OpenOptions are the sizes and places of one data plane. Pinned maps keep the session slots they were made with. */
export interface OpenOptions {
  name: string;
  /** directory on a BPF file system, default /sys/fs/bpf/opensvr/NAME */
  pinDir?: string;
  /** session slots of new maps, slotsFor(liveLimit) in a router */
  sessions: number;
  /** sessions that may be live at once */
  liveLimit: number;
  shards: number;
  /** protect workers, default none: then no session may have bits of Protect */
  protectors?: number;
  random: (count: number) => Uint8Array;
  native?: Native;
  /** the eBPF object, default the one that the build makes */
  object?: string;
  /** names that there must be before those without users are forgotten at the start, half of all by default */
  pruneNamesAt?: number;
}

/** EbpfDatapath is the port, and what shards need of the main thread. */
export interface EbpfDatapath extends Datapath {
  /** plain data that opens the port of shard `number` in its thread */
  shardSpec(number: number): ShardSpec;
  /** ends a wait of that shard's drain, now or the next one */
  wake(number: number): void;
  /** plain data with which protect worker `number` opens its ring (pins.protect) and its socket on lo in its thread */
  protectSpec(number: number): ShardSpec;
  /** ends a wait of that worker, now or the next one */
  wakeProtector(number: number): void;
}

const LIVING = (1 << Life.live) | (1 << Life.guard), RESTING = 1 << Life.quarantine;
const MAX_SESSIONS = 50_000_000; // of spec.limits.sessions

/** objectPath is where the build puts the eBPF object. */
export function objectPath(): string {
  return join(import.meta.dirname, "../../build/bpf/svr.bpf.o");
}

/** What is open, closed in reverse order. */
interface Parts { native: Native; pins: Pins; load: Handle; adopted: boolean; settings: SettingsMap; table: Table }
type Keep = (close: () => void) => void;

function checkOptions({ sessions, liveLimit, shards, protectors = 0 }: OpenOptions): void {
  const within = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
  if (within(sessions, slotsFor(MAX_SESSIONS)) && within(liveLimit, MAX_SESSIONS) && within(shards, MAX_SHARDS) && within(protectors + 1, MAX_PROTECTORS + 1)) return;
  throw new SvrError("SVR_CONFIG_INVALID", {
    object: "limits", attempted: `a data plane with ${sessions} session slots, ${liveLimit} live sessions, ${shards} shards and ${protectors} protect workers cannot be made`,
    fix: `choose 1 to ${MAX_SESSIONS} sessions, 1 to ${MAX_SHARDS} shards and at most ${MAX_PROTECTORS} protect workers`,
  });
}

/** Sizes that a restart may change; rings first when there are more shards, last when there are less. */
function applySizes(parts: Pick<Parts, "native" | "pins" | "settings">, options: OpenOptions): void {
  placeRings(parts.native, parts.pins, options);
  parts.settings.change((bytes) => { writeSizes(bytes, options); });
  dropRings(parts.native, parts.pins, options);
}

function openTable(native: Native, pins: Pins): Table {
  const handle = openHandle((out) => native.tableOpen(pins.dir, MAP_SUFFIX, out));
  if (typeof handle !== "number") return createTable(native, handle);
  throw new SvrError("SVR_BPF_LAYOUT", {
    object: pins.dir, attempted: `the pinned session table in ${pins.dir} cannot be used (${errnoText(handle)})`,
    fix: `remove all pins: "rm -r ${pins.dir}", which ends established sessions`,
  });
}

function startSweeper(native: Native, load: Handle, object: string): void {
  const status = native.attachCall(load, "svr_sweep_start");
  if (status === 0) return;
  throw new SvrError("SVR_BPF_LOAD", { object, attempted: `the sweeper of ${object} does not start (${status})`, fix: "run a kernel with bpf_timer, Linux 5.15 or newer" });
}

function openParts(options: OpenOptions, keep: Keep): Parts {
  const native = options.native ?? openNative();
  const object = options.object ?? objectPath();
  checkRequirements(native);
  const pins = createPins(options.pinDir ?? defaultPinDir(options.name));
  preparePinDir(native, pins.dir);
  const load = openObject(native, object, openHandle);
  keep(() => { native.loadClose(load); });
  checkLayouts(native, load, object);
  const adopted = adoptionOf(native, pins);
  loadMaps(native, load, { pins, object, adopted, sessions: options.sessions });
  const settings = openSettings(native, pins, adopted ? undefined : createSettings(options, options.random(SECRET_BYTES)));
  keep(() => { settings.close(); });
  applySizes({ native, pins, settings }, options);
  const table = openTable(native, pins);
  keep(() => { table.close(); });
  if (adopted) table.repair();
  startSweeper(native, load, object);
  return { native, pins, load, adopted, settings, table };
}

function* allSessions(table: Table): Generator<Session> {
  for (let cursor: number | undefined = 0; cursor !== undefined;) {
    const page: ReturnType<Table["scan"]> = table.scan(LIVING | RESTING, cursor, PAGE);
    for (const { state } of page.sessions) yield state;
    cursor = page.next;
  }
}

const PAGE = 1024;

function assemble(parts: Parts, { shards, protectors = 0, pruneNamesAt = PRUNE_AT }: OpenOptions, keep: Keep): Omit<EbpfDatapath, "close" | "destroy"> {
  const { native, pins, settings, table, adopted } = parts;
  const programmer = createProgrammer(native, parts.load, parts);
  keep(() => { programmer.close(); });
  const names = openMap(native, pins.map("names"));
  keep(() => { names.close(); });
  const denied = openMap(native, pins.map("denied"));
  keep(() => { denied.close(); });
  const usage = openMap(native, pins.map("usage"));
  keep(() => { usage.close(); });
  const counters = openCounters(native, pins);
  keep(() => { counters.close(); });
  const recordRing = openRecords(native, pins);
  keep(() => { recordRing.close(); });
  const copies = openCopies(native, pins);
  keep(() => { copies.close(); });
  const refusalRing = openRefusals(native, pins), untold = openUntold(native, pins);
  keep(() => { refusalRing.close(); });
  keep(() => { untold.close(); });
  const wakes = openWakes(native, shards + protectors);
  keep(() => { wakes.close(); });
  const sender = openSender(native, { number: "the main thread", pinDir: pins.dir, injectMac: readInjectSecret(settings.bytes) });
  keep(() => { sender.close(); });
  const fill = openFill(native, pins, { shards, protectors, programmer, table });
  keep(() => { fill.close(); });
  const users = { sessions: () => allSessions(table), records: recordRing, refusals: refusalRing };
  const specOf = (number: number, wake: number): ShardSpec => ({ number, pinDir: pins.dir, suffix: MAP_SUFFIX, injectMac: readInjectSecret(settings.bytes), wakeFd: wakes.fd(wake) });
  const { records, refusals } = adopted ? pruneNames(names, users, pruneNamesAt) : users;
  return {
    ...createNameTable(names), names: createNameCount(names), program: (config) => { programmer.program(config); }, send: sender.send, records: (max) => records.take(max), copies: (max) => copies.take(max), lostCopies: (index) => copies.lostCopies(index), forgetCopies: (index) => copies.forgetCopies(index),
    refusals: (max) => refusals.take(max), untold: () => untold.read(),
    sessions: (cursor, max) => table.scan(LIVING, cursor, max), resting: (cursor, max) => table.scan(RESTING, cursor, max),
    sift: (judge) => createSift(table, judge), count: createCount(table),
    findUuid: (uuid) => table.findUuid(uuid), find: (key) => table.find(key), shardOf: (key) => table.shardOf(key),
    fill: () => fill.fill(), gauges: () => table.gauges(readSizes(settings.bytes)), usage: (id) => readUsage(usage, id),
    verify: createLook(native, table.handle, settings.bytes.array), takeRecordsLost: () => table.takeLost(),
    counters: () => counters.read(programmer.ifnums()), denied: (ifnum) => readDenied(denied, ifnum), adopted: () => adopted,
    shardSpec: (number) => specOf(number, number), wake: (number) => { wakes.wake(number); },
    protectSpec: (number) => specOf(number, shards + number), wakeProtector: (number) => { wakes.wake(shards + number); },
  };
}

/**
 * openDatapath opens the data plane of a router. Throws SvrError: SVR_NOT_ROOT, SVR_KERNEL_FEATURE, SVR_BPFFS, SVR_BPF_LOAD,
 * SVR_BPF_LAYOUT, SVR_CONFIG_INVALID. Close it after the ports of its shards.
 */
export function openDatapath(options: OpenOptions): EbpfDatapath {
  const closers: (() => void)[] = [];
  const keep: Keep = (close) => { closers.unshift(close); };
  const close = (): void => { for (const one of closers.splice(0)) one(); };
  checkOptions(options);
  try {
    const parts = openParts(options, keep);
    const destroy = (): void => {
      close();
      removePinDir(parts.pins);
    };
    return { ...assemble(parts, options, keep), close, destroy };
  } catch (error) {
    close();
    throw error;
  }
}
