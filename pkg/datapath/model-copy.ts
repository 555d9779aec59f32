// Copies of packets of captured sessions, written plainly: what svr_capture.h does. Called by model-forward.ts for packets that hit a
// session; changes nothing of a packet or its verdict.
import type { CapturePoint, NexthopEntry } from "../ports/datapath.ts";
import { Flag } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import type { Model } from "./model-state.ts";
import type { ParsedPacket } from "./model-parse.ts";

const COPY_SMALL = 256, COPY_MOST = 2048;
const OF_RECORD = 8 + 48; // what the kernel and struct svr_copy put in front

interface Flow { index: number; side: SideIndex; session: Session }
interface Seen { ifnum: number; vlan: number; data: Uint8Array; nowMs: number }

/** copyArrival copies a packet as it came; a session of which nothing is wanted any more loses its flag. */
export function copyArrival(model: Model, seen: Seen, parsed: ParsedPacket, flow: Flow): void {
  const { session, index, side } = flow;
  if ((session.flags & Flag.capture) === 0) return;
  const wanted = model.wanted.get(index);
  if (wanted === undefined || wanted[0] === 0 && wanted[2] === 0) session.flags = (session.flags & ~Flag.capture) >>> 0;
  else copy(model, { ...seen, data: seen.data.subarray(0, parsed.length) }, { parsed, flow, point: (2 * side) as CapturePoint });
}

/** copyLeaving copies it once more as it leaves. */
export function copyLeaving(model: Model, seen: Omit<Seen, "ifnum" | "vlan"> & { nexthop: NexthopEntry }, parsed: Pick<ParsedPacket, "segments" | "gsoSize">, flow: Flow): void {
  if ((flow.session.flags & Flag.capture) === 0) return;
  const { ifnum, vlan } = seen.nexthop;
  copy(model, { ...seen, ifnum, vlan }, { parsed, flow, point: (2 * flow.side + 1) as CapturePoint });
}

function copy(model: Model, { ifnum, vlan, data, nowMs }: Seen, of: { parsed: Pick<ParsedPacket, "segments" | "gsoSize">; flow: Flow; point: CapturePoint }): void {
  const { parsed, flow, point } = of;
  const wanted = model.wanted.get(flow.index);
  if (wanted === undefined || wanted[point] === 0) return;
  wanted[point]! -= 1;
  const used = model.copies.reduce((sum, one) => sum + roomOf(one.length), 0);
  if (used + roomOf(data.length) >= model.copyRingBytes) {
    model.lostCopies.set(flow.index, (model.lostCopies.get(flow.index) ?? 0) + 1);
    return;
  }
  model.copies.push({
    uuid: flow.session.uuid.slice(), point, timeNs: BigInt(nowMs) * 1_000_000n, ifnum, vlan, gsoSize: parsed.segments > 1 ? parsed.gsoSize : 0, length: data.length,
    data: data.slice(0, COPY_MOST),
  });
}

/** Of a packet in the ring: there are two sizes. */
function roomOf(length: number): number {
  return OF_RECORD + (length <= COPY_SMALL ? COPY_SMALL : COPY_MOST);
}
