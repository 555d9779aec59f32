// Captures in the differential fuzz: which sessions are captured and for how long, when copies are taken out of the ring, and whether
// eBPF and the model have copied the same. Called by differential.ts; the ring is small, so it is full at times.
import { toHex } from "../../pkg/base/bytes.ts";
import type { ModelDatapath } from "../../pkg/datapath/model.ts";
import { Flag } from "../../pkg/svr/session.ts";
import type { CapturedSeen, CopySeen } from "../bpf/harness.ts";
import { withoutId } from "./identification.ts";
import type { KernelSide } from "./kernel.ts";
import type { Random } from "./random.ts";

/** Drained is what both sides had copied when they were asked; the model's part is taken at once, in the words of the harness. */
export interface Drained { model: { copies: Omit<CopySeen, "room">[]; captured: CapturedSeen[] }; kernel: Promise<{ copies: CopySeen[]; captured: CapturedSeen[] }> }

const MOST = [0, 1, 2, 20, 200];

/** beginCaptures wants copies of a part of the sessions, of some whose flag is not set; others have the flag and nobody wants them. */
export function beginCaptures(random: Random, model: ModelDatapath, kernel: KernelSide): Promise<unknown> {
  const chosen = slotsOf(model).filter(() => random.chance(40));
  return Promise.all(chosen.map((slot) => want(random, { model, kernel, slot, isFlagged: random.chance(80) })));
}

/** changeCaptures begins a capture now and then, also of a session that is captured already, or ends one. */
export function changeCaptures(random: Random, model: ModelDatapath, kernel: KernelSide): Promise<unknown> | undefined {
  const slots = slotsOf(model);
  if (!random.chance(2) || slots.length === 0) return undefined;
  const slot = random.pick(slots);
  if (random.chance(70)) return want(random, { model, kernel, slot, isFlagged: true });
  model.forgetCopies(slot);
  return kernel.want(slot, undefined);
}

function slotsOf(model: ModelDatapath): number[] {
  return model.model.slots.flatMap((session, slot) => (session === undefined ? [] : [slot]));
}

function want(random: Random, { model, kernel, slot, isFlagged }: { model: ModelDatapath; kernel: KernelSide; slot: number; isFlagged: boolean }): Promise<unknown> {
  const packets = Array.from({ length: 4 }, () => random.pick(MOST));
  model.model.wanted.set(slot, [...packets]);
  const session = model.model.slots[slot];
  if (!isFlagged || session === undefined) return kernel.want(slot, packets);
  session.flags = (session.flags | Flag.capture) >>> 0;
  return kernel.want(slot, packets, session.flags);
}

/** drainCopies empties both rings. */
export function drainCopies(model: ModelDatapath, kernel: KernelSide): Drained {
  const { uuids, wanted, lostCopies } = model.model;
  const copies = model.copies(Number.POSITIVE_INFINITY).map(({ uuid, point, ifnum, vlan, gsoSize, length, data }) => (
    { slot: uuids.get(toHex(uuid)) ?? -1, point, ifnum, vlan, gsoSize, flags: 0, length, uuid: toHex(uuid), data: toHex(data) }
  ));
  const captured = [...wanted].map(([slot, packets]) => ({ slot, packets: [...packets], lost: lostCopies.get(slot) ?? 0 }));
  return { model: { copies, captured }, kernel: kernel.copies() };
}

/** compareCopies says what of it differs first; copies are compared in order, what is wanted by slot. cuttable: no next hop knows its MTU. */
export async function compareCopies({ model, kernel }: Drained, cuttable: boolean): Promise<{ field: string; model: unknown; kernel: unknown } | undefined> {
  const seen = await kernel;
  const leaving = <Copy extends Pick<CopySeen, "point" | "data">>(copy: Copy): Copy => (cuttable && copy.point % 2 === 1 ? { ...copy, data: withoutId(copy.data) } : copy);
  const ours = [...model.copies.map(leaving), ...bySlot(model.captured)].map((one) => JSON.stringify(one));
  const theirs = [...seen.copies.map(plain).map(leaving), ...bySlot(seen.captured)].map((one) => JSON.stringify(one));
  const at = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, index) => index).find((index) => ours[index] !== theirs[index]);
  return at === undefined ? undefined : { field: `copy ${at} of ${ours.length}`, model: ours[at], kernel: theirs[at] };
}

/** In the order of the model's members. */
function plain({ slot, point, ifnum, vlan, gsoSize, flags, length, uuid, data }: CopySeen): Omit<CopySeen, "room"> {
  return { slot, point, ifnum, vlan, gsoSize, flags, length, uuid, data };
}

function bySlot(captured: readonly CapturedSeen[]): CapturedSeen[] {
  return captured.toSorted((one, other) => one.slot - other.slot);
}
