// A look over the session table and the flow index through pkg/native: what does not fit, who holds which ports, how many slots
// are in use. Called by the main thread in bounded steps; takes no lock and changes nothing, so what it finds is looked at again.
import { toHex } from "../base/bytes.ts";
import type { PortHold, TableFault, TableFaultKind, TableLook } from "../ports/datapath.ts";
import type { Handle, Native } from "../native/binding.ts";
import { Life } from "../svr/session.ts";
import { faultLayout, gaugesLayout, offsetOf, useLayout, verifyLayout } from "./layouts.ts";
import { createBytes } from "./sessioncodec.ts";

const FAULTS = 256, HOLDS = 16_384; // room of one look
const END = 0xffffffff, NO_SLOT = 0xffffffff;

/** enum svr_fault_kind and svr_fault_key */
const KINDS: readonly (TableFaultKind | undefined)[] = [undefined, "stale-entry", "unfinished-entry", "double-entry", "missing-entry", "shadowed", "stuck", "life", "unswept"];
const KEYS = ["forward", "reverse", "uuid"] as const;

const call = (name: string): number => offsetOf(verifyLayout, name);
const C_CURSOR = call("cursor"), C_STEPS = call("steps"), C_NEXT = call("next"), C_FAULTS = call("faults"), C_USES = call("uses"), C_ENTRIES = call("entries"), C_FOUND = call("found");
const gauge = (name: string): number => C_FOUND + offsetOf(gaugesLayout, name);
const G_USED = gauge("slots_used"), G_LIVE = gauge("live"), G_HALF = gauge("half_open"), G_RESTING = gauge("quarantined");
const fault = (name: string): number => offsetOf(faultLayout, name);
const F_KIND = fault("kind"), F_AT = fault("at"), F_SLOT = fault("slot"), F_KEY = fault("key"), F_LIFE = fault("life"), F_PLACE = fault("place"), F_ENTRY = fault("entry"), F_UUID = fault("uuid");
const use = (name: string): number => offsetOf(useLayout, name);
const U_PATH = use("path"), U_LOCAL = use("local_port"), U_REMOTE = use("remote_port"), U_LIFE = use("life");

/** createLook makes the call of one handle; `settings` are the bytes in force, read anew with each look. */
export function createLook(native: Native, handle: Handle, settings: Uint8Array): (cursor: number, steps: number) => TableLook {
  const head = createBytes(verifyLayout.size), faults = createBytes(FAULTS * faultLayout.size), uses = createBytes(HOLDS * useLayout.size);
  return (cursor, steps) => {
    head.view.setUint32(C_CURSOR, cursor, true);
    head.view.setUint32(C_STEPS, steps, true);
    const status = native.tableVerify(handle, settings, head.array, verifyLayout.size, faults.array, faults.array.length, uses.array, uses.array.length);
    if (status < 0) throw new Error(`verify refused its arguments (${status})`);
    const word = (at: number): number => head.view.getUint32(at, true);
    const next = word(C_NEXT);
    return {
      faults: Array.from({ length: word(C_FAULTS) }, (_, i) => readFault(faults, i * faultLayout.size)),
      holds: Array.from({ length: word(C_USES) }, (_, i) => readHold(uses.view, i * useLayout.size)),
      entries: word(C_ENTRIES), found: { slotsUsed: word(G_USED), live: word(G_LIVE), halfOpen: word(G_HALF), quarantined: word(G_RESTING) },
      ...(next === END ? {} : { next }),
    };
  };
}

function readFault({ view, array }: { view: DataView; array: Uint8Array }, at: number): TableFault {
  const word = (of: number): number => view.getUint32(at + of, true);
  const key = KEYS[word(F_KEY)], slot = word(F_SLOT);
  return {
    kind: KINDS[word(F_KIND)] ?? "life", at: word(F_AT), life: word(F_LIFE), ...(slot === NO_SLOT ? {} : { slot }), ...(key === undefined ? {} : { key }),
    mark: [word(F_KIND), word(F_KEY), word(F_PLACE), word(F_ENTRY), toHex(array.subarray(at + F_UUID, at + F_UUID + 16))].join("."),
  };
}

function readHold(view: DataView, at: number): PortHold {
  const word = (of: number): number => view.getUint16(at + of, true);
  return { path: word(U_PATH), local: word(U_LOCAL), remote: word(U_REMOTE), resting: word(U_LIFE) === Life.quarantine };
}
