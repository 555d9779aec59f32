// One batch of a shard: what came up, what decisions ask of the data plane, what is to be sent. Owned by shard.ts for the
// duration of one turn; decisions write into it through the functions below and nowhere else.
import type { Frame, InstallLimits, NatSearch, OpResult, SessionOp, SessionPatchFields, SessionRef } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";
import type { HandshakeMemory, Session, SideIndex } from "../svr/session.ts";
import type { FragmentPlan, WholePacket } from "../svr/fragment.ts";
import type { CopyMark } from "./capturing.ts";
import type { SealJob } from "../svr/seal.ts";
import type { TenantBudget } from "./tables.ts";

/** Handle is a session as this batch sees it: one object however many packets of it came up. */
export interface Handle {
  state: Session;
  /** absent until the session has its slot */
  ref: SessionRef | undefined;
  /** packets of the same flow that came up behind the first one; at most MAX_WAITING (behaviour 3.1) */
  waiting: Waiting[];
  /** what this batch changes of it so far */
  patch: Extract<SessionOp, { kind: "patch" }> | undefined;
}

/** Waiting is a packet that is decided when the first of its flow has its session, or knows that it gets none. */
export type Waiting = () => void;

/** MAX_WAITING is how many further packets of one flow wait for the first, MAX_WAITING_ROUTER how many of all flows of a router (behaviour 3.8). */
export const MAX_WAITING = 32, MAX_WAITING_ROUTER = 4096;

/** Output is a packet that leaves when the batch ends; a sealed one is signed first. */
export interface Output {
  frame: Frame;
  seal?: SealJob;
  /** it leaves in fragments, cut after it was signed as a whole (protocol 10.2); ipIds: one for each that may be cut on its way */
  cut?: { whole: WholePacket; plan: FragmentPlan; ipIds: readonly number[] };
  /** its session is captured here */
  copy?: CopyMark;
}

/** Install is a draft waiting for its slot. */
export interface Install {
  op: number;
  handle: Handle;
  draft: Draft;
}

/** Batch collects the consequences of the decisions of one turn. */
export interface Batch {
  ops: SessionOp[];
  outputs: Output[];
  installs: Install[];
  known: Map<number, Handle>;
  drafts: Map<string, Handle>;
  /** sessions that were let in, of them half open ones; those that were refused later count until the turn ends. Of budgets: all that counts against them */
  opened: { live: number; halfOpen: number; budgets: Map<TenantBudget, number> };
  /** packets that wait for a draft, and how many may */
  waiting: number;
  maxWaiting: number;
}

/** newBatch is an empty batch of one of `shards` shards, which share the limit of waiting packets evenly. */
export function newBatch(shards: number): Batch {
  return { ops: [], outputs: [], installs: [], known: new Map(), drafts: new Map(), opened: { live: 0, halfOpen: 0, budgets: new Map() }, waiting: 0, maxWaiting: Math.floor(MAX_WAITING_ROUTER / shards) };
}

/** waitFor lets a packet wait for a draft; false at a limit. */
export function waitFor(batch: Batch, draft: Handle, decide: Waiting): boolean {
  if (draft.waiting.length >= MAX_WAITING || batch.waiting >= batch.maxWaiting) return false;
  draft.waiting.push(decide);
  batch.waiting++;
  return true;
}

/** handleOf gives the one handle of a session in this batch. */
export function handleOf(batch: Batch, index: number, state: Session): Handle {
  const seen = batch.known.get(index);
  if (seen !== undefined) return seen;
  const handle: Handle = { state, ref: { index, uuid: state.uuid }, waiting: [], patch: undefined };
  batch.known.set(index, handle);
  return handle;
}

/** Draft is a new session that asks for a slot; either installed or failed runs, after the batch was applied. */
export interface Draft {
  /** arrival key of the packet that opens it */
  key: string;
  session: Session;
  natSearch?: NatSearch | undefined;
  limits?: InstallLimits | undefined;
  /** it has its slot; before `installed` */
  begun?(handle: Handle): void;
  installed(handle: Handle): void;
  failed(result: Extract<OpResult, { ok: false }>): void;
}

/** enterDraft asks for the slot of a new session; packets of it wait on the handle. */
export function enterDraft(batch: Batch, draft: Draft): void {
  const { session, natSearch, limits } = draft;
  const handle: Handle = { state: session, ref: undefined, waiting: batch.drafts.get(draft.key)?.waiting ?? [], patch: undefined };
  const op = batch.ops.push({ kind: "install", session, natSearch, limits }) - 1;
  batch.installs.push({ op, handle, draft });
  batch.drafts.set(draft.key, handle);
}

/**
 * settle hands the results of an applied batch to its installs and empties the list of operations.
 * Callbacks may enter new operations; the caller applies again until none is left.
 */
export function settle(batch: Batch, results: readonly OpResult[], attempt: Attempt): void {
  const installs = batch.installs;
  batch.ops = [];
  batch.installs = [];
  for (const handle of batch.known.values()) handle.patch = undefined;
  for (const install of installs) {
    attempt(() => settleInstall(batch, install, results[install.op]));
    if (batch.drafts.get(install.draft.key) === install.handle) release(batch, install, attempt); // no other try was entered
  }
}

/** Attempt runs what concerns one packet, so that a fault in it leaves the others alone. */
export type Attempt = (work: () => void) => void;

function settleInstall(batch: Batch, { handle, draft }: Install, result: OpResult | undefined): void {
  if (result === undefined || !result.ok) return draft.failed(result ?? { ok: false, why: "gone" });
  handle.ref = { index: result.index, uuid: handle.state.uuid };
  handle.state.side[1].localPort = result.localPort;
  batch.known.set(result.index, handle);
  draft.begun?.(handle);
  draft.installed(handle);
}

/** Those who waited are decided, whether there is a session now or not. */
function release(batch: Batch, { draft, handle }: Install, attempt: Attempt): void {
  batch.drafts.delete(draft.key);
  for (const decide of handle.waiting.splice(0)) attempt(decide);
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
  handle.state.flags = ((handle.state.flags & ~clear) | set) >>> 0;
  if (handle.ref === undefined) return;
  const patch = patchOf(batch, handle, handle.ref);
  patch.clearFlags = (patch.clearFlags | clear) & ~set;
  patch.setFlags = (patch.setFlags & ~clear) | set;
}

/** changeProtect clears, then sets bits of Session.protect. */
export function changeProtect(batch: Batch, handle: Handle, change: { clear?: number; set?: number }): void {
  const { clear = 0, set = 0 } = change;
  handle.state.protect = (handle.state.protect & ~clear) | set;
  if (handle.ref === undefined) return;
  const patch = patchOf(batch, handle, handle.ref);
  patch.clearProtect = ((patch.clearProtect ?? 0) | clear) & ~set;
  patch.setProtect = ((patch.setProtect ?? 0) & ~clear) | set;
}

/** changeHandshake replaces the handshake memory. */
export function changeHandshake(batch: Batch, handle: Handle, memory: HandshakeMemory): void {
  handle.state.handshake = memory;
  if (handle.ref !== undefined) patchOf(batch, handle, handle.ref).handshake = memory;
}

/** changeSeen writes when packets were seen last. */
export function changeSeen(batch: Batch, handle: Handle, seenMs: [number, number]): void {
  handle.state.seenMs = seenMs;
  if (handle.ref === undefined) return;
  const patch = patchOf(batch, handle, handle.ref);
  if (patch.fields === undefined) patch.fields = { seenMs };
  else patch.fields.seenMs = seenMs;
}

/** changeFields writes fields that the shard may write on a live session. */
export function changeFields(batch: Batch, handle: Handle, fields: Partial<SessionPatchFields>): void {
  Object.assign(handle.state, fields);
  if (handle.ref === undefined) return;
  const patch = patchOf(batch, handle, handle.ref);
  patch.fields = patch.fields === undefined ? fields : { ...patch.fields, ...fields };
}

/** countPackets adds packets and bytes that user space passed for a side. */
export function countPackets(batch: Batch, handle: Handle, side: SideIndex, more: { packets: number; bytes: number }): void {
  if (handle.ref === undefined) return;
  const patch = patchOf(batch, handle, handle.ref);
  const addPackets = (patch.addPackets ??= [0, 0]);
  const addBytes = (patch.addBytes ??= [0, 0]);
  addPackets[side] += more.packets;
  addBytes[side] += more.bytes;
}

/** endSession asks for the end of a session. */
export function endSession(batch: Batch, handle: Handle, reason: number, now: boolean): void {
  if (handle.ref === undefined) return;
  batch.ops.push({ kind: "end", ref: handle.ref, reason, now });
  if (handle.state.life === Life.live) Object.assign(handle.state, { life: Life.guard, endReason: reason });
}
