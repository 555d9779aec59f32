// What this router says without a body: keep-alive, enable (code 2), disable (code 3), delete (code 6); protocol 6.4.
// Called by control.ts, reverse.ts, arrive.ts, decide.ts and ending.ts.
import { CONTROL_DELETE_SESSION, CONTROL_DISABLE_METADATA, CONTROL_ENABLE_METADATA, CONTROL_KEEP_ALIVE, PROTO_TCP, TCP_ACK, TCP_SYN } from "../svr/constants.ts";
import type { Metadata } from "../svr/metadata.ts";
import type { Modify } from "../svr/segment.ts";
import type { SideIndex } from "../svr/session.ts";
import type { Handle } from "./batch.ts";
import { forwardMetadata, reverseMetadata } from "./compose.ts";
import { emitAnswer, emitControl } from "./emit.ts";
import type { GeneratedTcp } from "./emit.ts";
import { withOrigin } from "./origin.ts";
import { lacksKey, renewKey, saidSecurity } from "./rekeying.ts";
import { stepSegment } from "./segments.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, Turn } from "./turn.ts";

/** sendControl says a code to the peer on a side of a session. */
export function sendControl(turn: Turn, handle: Handle, message: { side: SideIndex; code: number; modify?: Modify | undefined; copied?: Metadata | undefined }): void {
  const { side, code, modify, copied } = message;
  const session = handle.state;
  const path = turn.tables.pathById(session.side[side].path);
  if (path === undefined) return;
  const { outputs } = turn.batch;
  const first = outputs.length;
  emitControl(turn, session, { side, path, tlvs: controlTlvs(turn, handle, { code, side, modify, copied, peer: path.peer }) });
  turn.capturing.leaves(outputs, first, { session, side });
}

function controlTlvs(turn: Turn, handle: Handle, message: { code: number; side: SideIndex; modify: Modify | undefined; copied: Metadata | undefined; peer: PeerEntry }): Metadata {
  const { code, side, modify, copied } = message;
  const session = handle.state;
  if (code === CONTROL_KEEP_ALIVE && side === 1) {
    renewKey(turn, handle);
    const tlvs = forwardMetadata(turn.tables, session, { modify, copied, security: copied === undefined ? saidSecurity(turn, handle, "forward") : undefined });
    if (!lacksKey(session, tlvs)) return { ...withOrigin(turn, session, { peer: message.peer, copied, tlvs }), control: code };
  }
  if (code === CONTROL_DISABLE_METADATA && side === 0) {
    return { ...reverseMetadata(turn.tables, session, { modify, security: saidSecurity(turn, handle, "reverse") }), control: code, disableForward: true };
  }
  return { uuid: session.uuid, control: code };
}

/** sayNow says the metadata that waits for a forward packet at once, without one; once a second. What a transit router heard is `copied`. */
export function sayNow(turn: Turn, handle: Handle, copied?: Metadata): void {
  for (const effect of stepSegment(turn, handle, 1, { kind: "idle" })) {
    if (effect.kind === "sendControl") sendControl(turn, handle, { side: 1, code: effect.code, modify: effect.modify, copied });
  }
}

/** sendDelete tells the peer on a side that the session is gone before its normal end. */
export function sendDelete(turn: Turn, handle: Handle, side: SideIndex): void {
  sendControl(turn, handle, { side, code: CONTROL_DELETE_SESSION });
}

/** deleteElsewhere passes code 6 on to the segment it did not come from. */
export function deleteElsewhere(turn: Turn, handle: Handle, from: SideIndex): void {
  const side = from === 0 ? 1 : 0;
  if (handle.state.side[side].path !== 0) sendDelete(turn, handle, side);
}

/** answerUnknown asks for metadata of a flow that is not known here: code 2 to each candidate peer at that address. */
export function answerUnknown(turn: Turn, arrival: Arrival): void {
  turn.count("no-flow");
  const { packet, punt } = arrival;
  const candidates = new Map(turn.tables.pathsAt(punt.ifnum, punt.vlan, packet.source).map((path) => [path.peer, path]));
  for (const path of [...candidates.values()].slice(0, MAX_CANDIDATES)) {
    if (!turn.enableGate.permits(arrival, path.peer, turn.nowMs)) continue;
    emitAnswer(turn, { path, packet, tcp: tcpOfUnknown(packet), tlvs: { control: CONTROL_ENABLE_METADATA } });
  }
}

const MAX_CANDIDATES = 4; // protocol 6.4

/** Answers a packet of a flow that is not known: both numbers come from the packet. */
function tcpOfUnknown(packet: Arrival["packet"]): GeneratedTcp {
  const tcp = packet.tcp;
  if (packet.proto !== PROTO_TCP || tcp === undefined) return { seq: 0, ack: 0 };
  return {
    seq: (tcp.flags & TCP_ACK) === 0 ? 0 : tcp.ack,
    ack: (tcp.seq + ((tcp.flags & TCP_SYN) === 0 ? 0 : 1)) >>> 0,
  };
}
