// Batches of session operations as bytes: SessionOp to struct svr_op, struct svr_op_result to OpResult. Called by table.ts
// with one buffer per handle; encodes only the fields that an operation uses.
import type { InstallLimits, LimitName, OpResult, SessionOp, SessionPatchFields } from "../ports/datapath.ts";
import { errno } from "./errno.ts";
import { offsetOf, opLayout, opResultLayout } from "./layouts.ts";
import { sessionAt, writeAddress, writeHandshake, writePair, writeSession, writeSide, writeU64 } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

/** OP_SIZE is the size of struct svr_op, OP_RESULT_SIZE of struct svr_op_result, in bytes. */
export const OP_SIZE = opLayout.size, OP_RESULT_SIZE = opResultLayout.size;

const KIND = { install: 1, patch: 2, replaceSide: 3, end: 4 } as const; // enum svr_op_kind
const FIELD = { handshake: 0x0001, packets: 0x0800, bytes: 0x1000 } as const; // enum svr_op_field

const op = (name: string): number => offsetOf(opLayout, name);
const O_KIND = op("kind"), O_INDEX = op("index"), O_UUID = op("uuid"), O_CLEAR = op("clear_flags"), O_SET = op("set_flags"), O_FIELDS = op("fields"), O_CLEAR_PROTECT = op("clear_protect"), O_SET_PROTECT = op("set_protect");
const O_NAT_COUNT = op("nat_count"), O_NAT_FIRST = op("nat_first"), O_NAT_START = op("nat_start");
const O_SIDE = op("side"), O_REASON = op("reason"), O_NOW = op("now"), O_DRY = op("dry"), O_SESSION = op("session");

const res = (name: string): number => offsetOf(opResultLayout, name);
const R_STATUS = res("status"), R_INDEX = res("index"), R_PORT = res("local_port"), R_SIDE = res("side"), R_UUID = res("uuid");

/** In the order of struct svr_op_limits and of enum svr_limit, which starts at 1. */
const LIMITS = ["tenant", "tenantHalfOpen", "route", "routeRate", "source", "sourceHalfOpen"] as const satisfies readonly LimitName[];

type Of<K extends SessionOp["kind"]> = Extract<SessionOp, { kind: K }>;

function writeInstall(to: Bytes, at: number, from: Of<"install">): void {
  const nat = from.natSearch;
  to.view.setUint8(at + O_DRY, from.dry === true ? 1 : 0);
  to.view.setUint32(at + O_NAT_COUNT, nat?.count ?? 0, true);
  to.view.setUint16(at + O_NAT_FIRST, nat?.first ?? 0, true);
  to.view.setUint16(at + O_NAT_START, nat?.start ?? 0, true);
  if (from.limits === undefined) to.array.fill(0, at + O_UUID, at + O_UUID + 4 * LIMITS.length);
  else writeLimits(to.view, at + O_UUID, from.limits);
  writeSession(to, at + O_SESSION, from.session);
}

/** struct svr_op_limits, in the order of LIMITS. */
function writeLimits(view: DataView, at: number, limits: InstallLimits): void {
  view.setUint32(at, limits.tenant, true);
  view.setUint32(at + 4, limits.tenantHalfOpen, true);
  view.setUint32(at + 8, limits.route, true);
  view.setUint32(at + 12, limits.routeRate, true);
  view.setUint32(at + 16, limits.source, true);
  view.setUint32(at + 20, limits.sourceHalfOpen, true);
}

/** Writers of single fields, each with its bit of enum svr_op_field. */
const patchWriters: readonly ((view: DataView, session: number, fields: Partial<SessionPatchFields>) => number)[] = [
  (view, s, f) => { if (f.tcpState === undefined) return 0; view.setUint8(s + sessionAt.tcpState, f.tcpState); return 0x0002; },
  (view, s, f) => { if (f.sinceMs === undefined) return 0; view.setUint32(s + sessionAt.since, f.sinceMs, true); return 0x0004; },
  (view, s, f) => { if (f.seenMs === undefined) return 0; writePair(view, s + sessionAt.seen, f.seenMs); return 0x0008; },
  (view, s, f) => { if (f.nextSeq === undefined) return 0; writePair(view, s + sessionAt.nextSeq, f.nextSeq); return 0x0010; },
  (view, s, f) => { if (f.lastAck === undefined) return 0; writePair(view, s + sessionAt.lastAck, f.lastAck); return 0x0020; },
  (view, s, f) => { if (f.idleMs === undefined) return 0; view.setUint32(s + sessionAt.idle, f.idleMs, true); return 0x0040; },
  (view, s, f) => { if (f.setupMs === undefined) return 0; view.setUint32(s + sessionAt.setup, f.setupMs, true); return 0x0080; },
  (view, s, f) => { if (f.service === undefined) return 0; view.setUint16(s + sessionAt.service, f.service, true); return 0x0100; },
  (view, s, f) => { if (f.tenant === undefined) return 0; view.setUint16(s + sessionAt.tenant, f.tenant, true); return 0x0200; },
  (view, s, f) => { if (f.tcpBeforeReset === undefined) return 0; view.setUint8(s + sessionAt.tcpBefore, f.tcpBeforeReset); return 0x2000; },
  (view, s, f) => { if (f.isn === undefined) return 0; view.setUint32(s + sessionAt.isn, f.isn, true); return 0x4000; },
  (view, s, f) => { if (f.retransmissions === undefined) return 0; view.setUint32(s + sessionAt.retransmissions, f.retransmissions, true); return 0x8000; },
  (view, s, f) => { if (f.outOfOrder === undefined) return 0; view.setUint32(s + sessionAt.outOfOrder, f.outOfOrder, true); return 0x10000; },
  (view, s, f) => { if (f.window === undefined) return 0; f.window.forEach((value, i) => { view.setUint16(s + sessionAt.window + 2 * i, value, true); }); return 0x40000; },
  (view, s, f) => { if (f.answer === undefined) return 0; writeAddress(view, s + sessionAt.answer, f.answer); return 0x0400; },
  (view, s, f) => { if (f.health === undefined) return 0; view.setUint8(s + sessionAt.health, f.health); return 0x20000; },
  (view, s, f) => { if (f.security === undefined) return 0; view.setUint8(s + sessionAt.security, f.security); return 0x80000; },
];

function writePatch({ view }: Bytes, at: number, from: Of<"patch">): void {
  const session = at + O_SESSION;
  let fields = 0;
  if (from.fields !== undefined) for (const write of patchWriters) fields |= write(view, session, from.fields);
  if (from.handshake !== undefined) {
    writeHandshake(view, session, from.handshake);
    fields |= FIELD.handshake;
  }
  if (from.addPackets !== undefined) {
    from.addPackets.forEach((count, i) => { writeU64(view, session + sessionAt.packets + 8 * i, count); });
    fields |= FIELD.packets;
  }
  if (from.addBytes !== undefined) {
    from.addBytes.forEach((count, i) => { writeU64(view, session + sessionAt.bytes + 8 * i, count); });
    fields |= FIELD.bytes;
  }
  view.setUint32(at + O_CLEAR, from.clearFlags, true);
  view.setUint32(at + O_SET, from.setFlags, true);
  view.setUint32(at + O_FIELDS, fields, true);
  view.setUint16(at + O_CLEAR_PROTECT, from.clearProtect ?? 0, true);
  view.setUint16(at + O_SET_PROTECT, from.setProtect ?? 0, true);
}

/** writeOp writes one operation at `at`. */
export function writeOp(to: Bytes, at: number, from: SessionOp): void {
  const { view } = to;
  view.setUint32(at + O_KIND, KIND[from.kind], true);
  if (from.kind === "install") {
    writeInstall(to, at, from);
    return;
  }
  view.setUint32(at + O_INDEX, from.ref.index, true);
  to.array.set(from.ref.uuid, at + O_UUID);
  switch (from.kind) {
    case "patch":
      writePatch(to, at, from);
      break;
    case "replaceSide":
      view.setUint8(at + O_SIDE, from.side);
      writeSide(view, at + O_SESSION, from.side, from.to);
      break;
    case "end":
      view.setUint8(at + O_REASON, from.reason);
      view.setUint8(at + O_NOW, from.now ? 1 : 0);
      break;
  }
}

/** readOpResult reads the outcome at `at`; undefined when the library found the operation itself malformed. */
export function readOpResult({ view, array }: Bytes, at: number): OpResult | undefined {
  const index = view.getUint32(at + R_INDEX, true);
  switch (view.getInt32(at + R_STATUS, true)) {
    case 0: return { ok: true, index, localPort: view.getUint16(at + R_PORT, true) };
    case errno.EEXIST: return { ok: false, why: "exists", other: { index, uuid: array.slice(at + R_UUID, at + R_UUID + 16) }, side: view.getUint16(at + R_SIDE, true) === 1 ? 1 : 0 };
    case errno.EDQUOT: return { ok: false, why: "limit", limit: LIMITS[view.getUint16(at + R_SIDE, true) - 1] ?? "tenant" };
    case errno.ENOSPC: return { ok: false, why: "full" };
    case errno.ENOENT: return { ok: false, why: "gone" };
    default: return undefined;
  }
}
