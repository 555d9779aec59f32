// One batch of a shard: what came up, what decisions ask of the data plane, what is to be sent. Owned by shard.ts for the
// duration of one turn; decisions write into it through the functions below and nowhere else.
import type { Frame, OpResult, SessionOp, SessionPatchFields, SessionRef } from "../ports/datapath.ts";
import type { HandshakeMemory, Session, SideIndex } from "../svr/session.ts";
import type { SealJob } from "../svr/seal.ts";

/** Handle is a session as this batch sees it: one object however many packets of it came up. */
export interface Handle {
  state: Session;
  /** absent while the session is only a draft of this batch: its install operation carries `state` itself */
  ref?: SessionRef;
  patch?: Extract<SessionOp, { kind: "patch" }>;
}

/** Output is a packet that leaves when the batch ends; `needs` is the install it depends on. */
export interface Output {
  frame: Frame;
  seal?: SealJob;
  needs?: number;
}

/** Install is a draft waiting for its slot; `retry` decides the packet again when somebody else holds the key. */
export interface Install {
  op: number;
  handle: Handle;
  failed(result: Extract<OpResult, { ok: false }>): void;
}

/** Batch collects the consequences of the decisions of one turn. */
export interface Batch {
  ops: SessionOp[];
  outputs: Output[];
  installs: Install[];
  known: Map<number, Handle>;
  drafts: Map<string, Handle>;
}

/** newBatch is an empty batch. */
export function newBatch(): Batch {
  return { ops: [], outputs: [], installs: [], known: new Map(), drafts: new Map() };
}

/** handleOf gives the one handle of a session in this batch. */
export function handleOf(batch: Batch, index: number, state: Session): Handle {
  const seen = batch.known.get(index);
  if (seen !== undefined) return seen;
  const handle: Handle = { state, ref: { index, uuid: state.uuid } };
  batch.known.set(index, handle);
  return handle;
}

/** draft enters a new session; `failed` runs after the batch was applied when the slot or a key was not free. */
export function draft(batch: Batch, key: string, state: Session, failed: Install["failed"]): { handle: Handle; op: number } {
  const op = batch.ops.push({ kind: "install", session: state }) - 1;
  const handle: Handle = { state };
  batch.installs.push({ op, handle, failed });
  batch.drafts.set(key, handle);
  return { handle, op };
}

function patchOf(batch: Batch, handle: Handle, ref: SessionRef): Extract<SessionOp, { kind: "patch" }> {
  if (handle.patch === undefined) {
    handle.patch = { kind: "patch", ref, clearFlags: 0, setFlags: 0 };
    batch.ops.push(handle.patch);
  }
  return handle.patch;
}

/** changeFlags clears, then sets bits of Session.flags, now in the handle and with the batch in the data plane. */
export function changeFlags(batch: Batch, handle: Handle, change: { clear?: number; set?: number }): void {
  const clear = change.clear ?? 0;
  const set = change.set ?? 0;
  handle.state.flags = (handle.state.flags & ~clear) | set;
  if (handle.ref === undefined) return;
  const patch = patchOf(batch, handle, handle.ref);
  patch.clearFlags = (patch.clearFlags | clear) & ~set;
  patch.setFlags = (patch.setFlags & ~clear) | set;
}

/** changeHandshake replaces parts of the handshake memory. */
export function changeHandshake(batch: Batch, handle: Handle, change: Partial<HandshakeMemory>): void {
  Object.assign(handle.state.handshake, change);
  if (handle.ref !== undefined) patchOf(batch, handle, handle.ref).handshake = handle.state.handshake;
}

/** changeFields writes fields that the shard may write on a live session. */
export function changeFields(batch: Batch, handle: Handle, fields: Partial<SessionPatchFields>): void {
  Object.assign(handle.state, fields);
  if (handle.ref === undefined) return;
  const patch = patchOf(batch, handle, handle.ref);
  patch.fields = { ...patch.fields, ...fields };
}

/** countPackets adds packets and bytes that user space passed for a side. */
export function countPackets(batch: Batch, handle: Handle, side: SideIndex, packets: number, bytes: number): void {
  if (handle.ref === undefined) {
    handle.state.packets[side] += BigInt(packets);
    handle.state.bytes[side] += BigInt(bytes);
    return;
  }
  const patch = patchOf(batch, handle, handle.ref);
  const addPackets = (patch.addPackets ??= [0, 0]);
  const addBytes = (patch.addBytes ??= [0, 0]);
  addPackets[side] += packets;
  addBytes[side] += bytes;
}

/** endSession asks for the end of a session; a draft is never installed. */
export function endSession(batch: Batch, handle: Handle, reason: number, now: boolean): void {
  if (handle.ref === undefined) return;
  batch.ops.push({ kind: "end", ref: handle.ref, reason, now });
}
