// Hands a body to the other side of its session: to a host as the host expects it, to a peer on the waypoints, with
// metadata when the handshake wants it (protocol 3, 5). Called by admit.ts, accept.ts and arrive.ts.
import { CONTROL_ENABLE_METADATA, SUITE_CLEAR } from "../svr/constants.ts";
import type { Metadata } from "../svr/metadata.ts";
import { suiteOf } from "../svr/protected.ts";
import type { HandshakeEffect, Modify } from "../svr/segment.ts";
import type { SessionSide, SideIndex } from "../svr/session.ts";
import type { Handle } from "./batch.ts";
import { complain } from "./complain.ts";
import { forwardMetadata, reverseMetadata } from "./compose.ts";
import { emitToPeer } from "./emit.ts";
import { emitToHost } from "./emithost.ts";
import { requestHealth } from "./health.ts";
import { clampOf, coverOf } from "./protection.ts";
import { askKey } from "./lostkeys.ts";
import { lacksKey, renewKey, saidSecurity } from "./rekeying.ts";
import { raiseToPeer } from "./icmperrors.ts";
import { lacksOrigin, withOrigin } from "./origin.ts";
import { stepSegment } from "./segments.ts";
import { sendControl } from "./say.ts";
import type { PeerEntry } from "./tables.ts";
import type { Carried, Turn } from "./turn.ts";

/** leave sends a body out of a side; a host whose packet is too big for it is told. */
export function leave(turn: Turn, handle: Handle, to: SideIndex, carried: Carried): void {
  const { outputs } = turn.batch;
  const first = outputs.length;
  leaveBy(turn, handle, to, carried);
  turn.capturing.leaves(outputs, first, { session: handle.state, side: to });
}

function leaveBy(turn: Turn, handle: Handle, to: SideIndex, carried: Carried): void {
  const side = handle.state.side[to];
  const from = handle.state.side[to === 0 ? 1 : 0];
  const isDirect = from.path === 0;
  if (side.path !== 0) return leaveToPeer(turn, handle, { to, from, carried });
  const path = isDirect ? undefined : turn.tables.pathById(from.path);
  const mss = path === undefined ? 0 : clampOf(handle.state, path);
  const mtu = emitToHost(turn, { side, context: handle.state.context, toward: to, carried, isDirect, mss });
  if (mtu !== undefined) tooBig(turn, handle, { to, carried, mtu });
}

interface ToPeer { to: SideIndex; from: SessionSide; carried: Carried }

function leaveToPeer(turn: Turn, handle: Handle, { to, from, carried }: ToPeer): void {
  const side = handle.state.side[to];
  const path = turn.tables.pathById(side.path);
  if (path === undefined) return turn.count("no-path");
  const original = carried.original ?? (from.path === 0 ? { ipId: 0, largest: 0, dontFragment: carried.packet.dontFragment } : undefined);
  const question = requestHealth(turn, handle, to);
  if (to === 1) renewKey(turn, handle);
  for (const effect of stepSegment(turn, handle, to, { kind: to === 1 ? "forwardPacket" : "reversePacket" })) {
    const tlvs = sayingOf(turn, handle, { to, copied: carried.tlvs, effect, peer: path.peer });
    if (tlvs === undefined && effect.kind !== "forwardBody") continue;
    if (tlvs !== undefined && carried.tlvs?.forwardContext === undefined && lacksOrigin(handle.state, path.peer, tlvs)) askBefore(turn, handle);
    if (tlvs?.forwardContext !== undefined && lacksKey(handle.state, tlvs)) {
      askBefore(turn, handle);
      turn.count("no-key", path.peer);
      continue;
    }
    const sent = emitToPeer(turn, handle.state, { side, path, carried, tlvs: tlvs ?? question, original, cover: coverOf(handle, to) });
    if (sent.ok) continue;
    if (sent.error === "too-big") tooBig(turn, handle, { to, carried, mtu: path.mtu });
    else turn.count(sent.error, path.peer);
    if (sent.error === "no-key" && suiteOf(handle.state) !== SUITE_CLEAR) askKey(turn, handle);
  }
}

/** The router before says metadata with its next packet, with signature and key; what is said without them meanwhile may be dropped. */
function askBefore(turn: Turn, handle: Handle): void {
  if (handle.ref !== undefined && turn.origin.mayAsk(handle.ref.index, turn.nowMs)) sendControl(turn, handle, { side: 0, code: CONTROL_ENABLE_METADATA });
}

/** The host that sent it is told, over SVR where it is behind a peer. */
function tooBig(turn: Turn, { state }: Handle, at: { to: SideIndex; carried: Carried; mtu: number }): void {
  const { to, carried, mtu } = at;
  const side = to === 0 ? 1 : 0;
  const { path, ifnum, vlan } = state.side[side];
  turn.count("too-big");
  if (path === 0) complain(turn, { packet: carried.packet, ifnum, vlan }, { kind: "too-big", mtu });
  else raiseToPeer(turn, { session: state, side, carried }, { kind: "too-big", mtu });
}

/** The metadata that an effect wants on the packet, if it wants any. */
function sayingOf(turn: Turn, handle: Handle, of: { to: SideIndex; copied: Metadata | undefined; effect: HandshakeEffect; peer: PeerEntry }): Metadata | undefined {
  const { to, copied, effect, peer } = of;
  if (effect.kind !== "sendForwardMetadata" && effect.kind !== "sendReverseMetadata") return undefined;
  // a router that forgot the session passes on that others know it
  const retriggered = effect.retriggered || copied?.remainingSeconds !== undefined;
  return metadataOf(turn, handle, to, { copied, modify: effect.modify, retriggered, peer });
}

interface Wanted {
  copied: Metadata | undefined;
  modify: Modify | undefined;
  retriggered: boolean;
  peer: PeerEntry;
}

function metadataOf(turn: Turn, handle: Handle, to: SideIndex, wanted: Wanted): Metadata {
  const { copied, modify, retriggered } = wanted;
  const saying = { copied, modify, remainingSeconds: retriggered ? Math.ceil(handle.state.idleMs / 1000) : undefined };
  const isTold = copied?.forwardContext !== undefined || copied?.reverseContext !== undefined; // and its words are copied
  const security = isTold ? undefined : saidSecurity(turn, handle, to === 0 ? "reverse" : "forward");
  if (to === 0) return reverseMetadata(turn.tables, handle.state, { ...saying, security });
  const tlvs = forwardMetadata(turn.tables, handle.state, { ...saying, security, captureTag: turn.capturing.tagOf(handle.state) });
  return withOrigin(turn, handle.state, { peer: wanted.peer, copied, tlvs });
}
