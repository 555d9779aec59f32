// Brings the eBPF object and the pinned maps together: maps of an earlier process are taken over with the sessions in them, others
// are made and pinned, then the programs are loaded. Written settings are the mark of a complete set. Called by open.ts.
import { existsSync } from "node:fs";
import { SvrError } from "../base/errors.ts";
import type { Handle, Native } from "../native/binding.ts";
import { errno, errnoText } from "./errno.ts";
import { openMap } from "./maps.ts";
import { isLinkPin, LAYOUT_VERSION, unpin, versionOf } from "./pins.ts";
import type { Pins } from "./pins.ts";
import { notPermitted } from "./requirements.ts";
import { bucketsFor, readSizes, recordBytesFor, sourcesFor } from "./settings.ts";

/** Maps without which sessions are lost or misread: a set that lacks one is not taken over. */
const VITAL = ["settings", "gauges", "sessions", "buckets", "names", "usage", "sources"];
/** Maps whose size the pinned one decides. */
const SIZED = ["sessions", "buckets", "sources", "records", "tokens"];

const SETTINGS_KEY = new Uint8Array(4);
const TEXT_BYTES = 1 << 16;
const LOG_TAIL = 1500;

function layoutFault(pins: Pins, object: string, attempted: string): SvrError {
  return new SvrError("SVR_BPF_LAYOUT", {
    object, attempted, fix: `start the version that made them, or remove all pins: "rm -r ${pins.dir}", which ends established sessions`,
  });
}

/** logTail is what libbpf and the verifier said last. */
function logTail(native: Native, load: Handle): string {
  const out = new Uint8Array(TEXT_BYTES);
  const length = native.loadLog(load, out, out.length);
  return new TextDecoder().decode(out.subarray(0, Math.max(0, length))).trimEnd().slice(-LOG_TAIL);
}

/** adoptionOf tells whether the directory holds a complete set; throws SVR_BPF_LAYOUT for one of another version or with holes. */
export function adoptionOf(native: Native, pins: Pins): boolean {
  const names = pins.list();
  const stale = names.find((name) => (versionOf(name) ?? LAYOUT_VERSION) !== LAYOUT_VERSION);
  if (stale !== undefined) throw layoutFault(pins, stale, `the pinned map ${pins.dir}/${stale} belongs to another layout version than ${LAYOUT_VERSION}`);
  const complete = hasSettings(native, pins);
  const missing = complete ? VITAL.find((name) => !existsSync(pins.map(name))) : names.some(isLinkPin) ? "settings" : undefined;
  if (missing !== undefined) throw layoutFault(pins, missing, `the pinned map ${pins.map(missing)} is missing or empty, while others of ${pins.dir} are in use`);
  return complete;
}

function hasSettings(native: Native, pins: Pins): boolean {
  const pin = pins.map("settings");
  if (!existsSync(pin)) return false;
  const map = openMap(native, pin);
  const array = map.keySize === SETTINGS_KEY.length ? map.lookup(SETTINGS_KEY) : undefined;
  map.close();
  if (array === undefined) throw layoutFault(pins, "settings", `${pin} is not the map that this program makes`);
  return readSizes({ view: new DataView(array.buffer) }).sessions > 0;
}

function namesOfMaps(native: Native, load: Handle): string[] {
  const out = new Uint8Array(TEXT_BYTES);
  const length = native.loadMaps(load, out, out.length);
  return new TextDecoder().decode(out.subarray(0, Math.max(0, length))).split("\n").filter((name) => name !== "");
}

function describeMap([type = 0, key = 0, value = 0, entries = 0, flags = 0]: Iterable<number> & ArrayLike<number>): string {
  return `type ${type}, key ${key}, value ${value}, entries ${entries}, flags ${flags}`;
}

/** Takes a pinned map over; false when there is none. */
function reuse(native: Native, load: Handle, at: { pins: Pins; name: string }): boolean {
  const { pins, name } = at;
  const pin = pins.map(name);
  if (!existsSync(pin)) return false;
  if (SIZED.includes(name)) {
    const map = openMap(native, pin);
    native.loadResize(load, name, map.entries);
    map.close();
  }
  const found = new Uint32Array(10); // struct svr_load_map [2]
  const status = native.loadReuse(load, name, pin, found, found.byteLength);
  if (status === 0) return true;
  if (status === errno.EPROTO) {
    throw layoutFault(pins, name, `the pinned map ${pin} has another layout (${describeMap(found.subarray(5))}) than this program's (${describeMap(found.subarray(0, 5))})`);
  }
  throw layoutFault(pins, name, `the pinned map ${pin} cannot be taken over (${errnoText(status)})`);
}

function run(native: Native, load: Handle, object: string): void {
  const status = native.loadRun(load);
  if (status === 0) return;
  if (status === errno.EPERM) throw notPermitted("the kernel refuses to load eBPF programs for this process");
  if (status === errno.ENOMEM) {
    throw new SvrError("SVR_BPF_LOAD", {
      object, attempted: "the kernel has no memory for the session table, which is taken whole at start (some 400 bytes a session)",
      fix: "lower spec.limits.sessions of the Router object, or give the machine or its memory group more",
    });
  }
  throw new SvrError("SVR_BPF_LOAD", {
    object, attempted: `the kernel refused the eBPF object ${object} (${errnoText(status)}): ${logTail(native, load)}`,
    fix: 'build it for this kernel: "make -C pkg/datapath/bpf", and report the log if that does not help',
  });
}

/** openObject opens the eBPF object without touching the kernel; throws SVR_BPF_LOAD. */
export function openObject(native: Native, object: string, openHandle: (call: (out: BigUint64Array) => number) => Handle | number): Handle {
  const load = openHandle((out) => native.loadOpen(object, out));
  if (typeof load !== "number") return load;
  throw new SvrError("SVR_BPF_LOAD", {
    object, attempted: `the eBPF object ${object} cannot be opened (${errnoText(load)})`, fix: 'build it: "make -C pkg/datapath/bpf"',
  });
}

/** loadMaps takes over or makes all maps, loads the programs and pins what is new, the settings last. */
export function loadMaps(native: Native, load: Handle, at: { pins: Pins; object: string; adopted: boolean; sessions: number }): void {
  const { pins, object, adopted } = at;
  if (!adopted) {
    for (const name of pins.list().filter((one) => versionOf(one) !== undefined)) unpin(`${pins.dir}/${name}`);
    native.loadResize(load, "sessions", at.sessions);
    native.loadResize(load, "buckets", bucketsFor(at.sessions));
    native.loadResize(load, "sources", sourcesFor(at.sessions));
    native.loadResize(load, "records", recordBytesFor(at.sessions));
  }
  const fresh = namesOfMaps(native, load).filter((name) => !reuse(native, load, { pins, name }));
  run(native, load, object);
  for (const name of fresh.sort((a, b) => Number(a === "settings") - Number(b === "settings"))) {
    const status = native.loadPin(load, name, pins.map(name));
    if (status < 0) throw new SvrError("SVR_BPFFS", { object: pins.map(name), attempted: `cannot pin the map ${name} (${errnoText(status)})`, fix: `make ${pins.dir} writable for this process` });
  }
}

/** settingsKey is the one key of the map `settings`. */
export const settingsKey: Uint8Array = SETTINGS_KEY;
