// Packets of protected sessions in the model, written plainly: which go to a protect worker, and how they come back. What svr_forward.h
// and svr_inject do. Called by model-forward.ts and model.ts; knows no keys, as the data plane does not.
import type { ProtectCause } from "../ports/datapath.ts";
import { PROTO_TCP } from "../svr/constants.ts";
import { passes, Protect } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import type { ParsedPacket } from "./model-parse.ts";
import { flowKeyText, sideKey } from "./model-state.ts";
import type { Model } from "./model-state.ts";

/** ProtectCauses names the numbers of enum svr_punt_cause for protect workers. */
export const ProtectCauses = { open: 12, seal: 13 } as const satisfies Record<string, ProtectCause>;

/** ProtectedPacket is one record of a protect worker's ring: as it came (open), or rewritten and ready to leave but for its seal. */
export interface ProtectedPacket {
  cause: ProtectCause;
  index: number;
  /** of arrival */
  side: SideIndex;
  gsoSize: number;
  /** seal: where it leaves; open: 0 */
  nexthop: number;
  /** its session is captured */
  isCopied?: true;
  /** bodies of its direction were not encrypted when it passed */
  isPlain?: true;
  data: Uint8Array;
}

const TAG = 16, TAG_AND_BODY = 40; // SVR_PROTECT_TAG, SVR_PROTECT_MOST

/** isSealedOnArrival tells whether packets of one direction come sealed. */
export function isSealedOnArrival({ protect }: Session, side: SideIndex): boolean {
  return (protect & (side === 0 ? Protect.openFwd : Protect.openRev)) !== 0;
}

/** isSealedOnLeaving tells whether they leave sealed. */
export function isSealedOnLeaving({ protect }: Session, side: SideIndex): boolean {
  return (protect & (side === 0 ? Protect.sealFwd : Protect.sealRev)) !== 0;
}

/** isPlainIn tells whether bodies of a direction are not encrypted, by anybody. */
export function isPlainIn({ protect }: Session, side: SideIndex): boolean {
  return (protect & (side === 0 ? Protect.bodyFwd | Protect.encrypted : Protect.bodyRev | Protect.encryptedRev)) === 0;
}

/** isInspected: adaptive encryption looks at the first payload of TCP (protocol 8.3). */
export function isInspected({ protect }: Session, { proto, payload }: ParsedPacket): boolean {
  return (protect & Protect.watch) !== 0 && proto === PROTO_TCP && payload > 0;
}

/** sealGrowth is how much longer a wire packet is at most when it is sealed. */
export function sealGrowth(session: Session, side: SideIndex): number {
  if (!isSealedOnLeaving(session, side)) return 0;
  return (session.protect & (side === 0 ? Protect.bodyFwd : Protect.bodyRev)) !== 0 ? TAG_AND_BODY : TAG;
}

/** openedFlow is the session of a packet that a worker opened: absent when it does not read as that session receives it. */
export function openedFlow(model: Model, at: { index: number; side: SideIndex }, parsed: ParsedPacket): { index: number; side: SideIndex; session: Session } | undefined {
  const session = model.slots[at.index];
  if (session === undefined || !passes(session) || parsed.shape !== "ok" || !parsed.keyed) return undefined;
  const side = session.side[at.side];
  return flowKeyText({ ...parsed, ifnum: side.ifnum, vlan: side.vlan }) === flowKeyText(sideKey(side)) ? { ...at, session } : undefined;
}
