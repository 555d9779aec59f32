// Punted packets as svr_ring_drain packs them: ring entries to the Punt of the port. Called by shardport.ts for each drain; packets
// are views into its buffer, sessions are copies.
import type { Punt, PuntCause } from "../ports/datapath.ts";
import { offsetOf, puntLayout, ringEntryLayout } from "./layouts.ts";
import { readSession, SESSION_SIZE } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

const E_SIZE = offsetOf(ringEntryLayout, "size"), E_HAS_SESSION = offsetOf(ringEntryLayout, "has_session"), ENTRY_SIZE = ringEntryLayout.size;
const punt = (name: string): number => offsetOf(ringEntryLayout, "punt") + offsetOf(puntLayout, name);
const P_LENGTH = punt("length"), P_ENTRY = punt("entry"), P_CAUSE = punt("cause"), P_IFNUM = punt("ifnum"), P_VLAN = punt("vlan");
const P_TIME = punt("time_ns"), P_GSO_SIZE = punt("gso_size"), P_LOCAL = punt("local_flags"), P_FLAGS = punt("flags"), P_SUM_START = punt("sum_start");
const PARTIAL = 1, COPIED = 2, OPENED = 4; // SVR_PUNT_PARTIAL, SVR_PUNT_COPIED, SVR_PUNT_OPENED
const WAYPOINT = 1; // SVR_LOCAL_WAYPOINT

/** readPunts reads `count` entries from the start of the buffer. */
export function readPunts(buffer: Bytes, count: number): Punt[] {
  const punts: Punt[] = [];
  for (let at = 0; punts.length < count; at += buffer.view.getUint32(at + E_SIZE, true)) punts.push(readPunt(buffer, at));
  return punts;
}

/** Nanoseconds of 64 bits as milliseconds: exact enough, and no bigint for each packet. */
function readMs(view: DataView, at: number): number {
  return (view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)) / 1e6;
}

function readPunt(buffer: Bytes, at: number): Punt {
  const { view, array } = buffer;
  const hasSession = view.getUint32(at + E_HAS_SESSION, true) !== 0;
  const packet = at + ENTRY_SIZE + (hasSession ? SESSION_SIZE : 0);
  const read: Punt = {
    cause: view.getUint16(at + P_CAUSE, true) as PuntCause, ifnum: view.getUint16(at + P_IFNUM, true), vlan: view.getUint16(at + P_VLAN, true),
    gsoSize: view.getUint16(at + P_GSO_SIZE, true), arrivedMs: readMs(view, at + P_TIME), toWaypoint: (view.getUint16(at + P_LOCAL, true) & WAYPOINT) !== 0,
    data: array.subarray(packet, packet + view.getUint32(at + P_LENGTH, true)),
  };
  const flags = view.getUint16(at + P_FLAGS, true);
  if ((flags & COPIED) !== 0) read.isCopied = true;
  if ((flags & OPENED) !== 0) read.isOpened = true;
  if ((flags & PARTIAL) !== 0) read.sumStart = view.getUint16(at + P_SUM_START, true);
  if (!hasSession) return read;
  const entry = view.getUint32(at + P_ENTRY, true); // ((session + 1) << 1) | side
  return { ...read, session: { index: (entry >>> 1) - 1, side: (entry & 1) === 1 ? 1 : 0, state: readSession(buffer, at + ENTRY_SIZE) } };
}
