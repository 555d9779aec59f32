// Hands a body to the other side of its session: to a host as the host expects it, to a peer on the waypoints, with
// metadata when the handshake wants it (protocol 3, 5). Called by admit.ts, accept.ts and arrive.ts.
import type { Metadata } from "../svr/metadata.ts";
import type { Modify } from "../svr/segment.ts";
import type { SideIndex } from "../svr/session.ts";
import type { Handle } from "./batch.ts";
import { forwardMetadata, reverseMetadata } from "./compose.ts";
import { emitToHost, emitToPeer } from "./emit.ts";
import { stepSegment } from "./segments.ts";
import type { Carried, Turn } from "./turn.ts";

/** leave sends a body out of a side. */
export function leave(turn: Turn, handle: Handle, to: SideIndex, carried: Carried): void {
  const side = handle.state.side[to];
  if (side.path === 0) return emitToHost(turn, { side, carried });
  const path = turn.tables.pathById(side.path);
  if (path === undefined) return turn.count("no-path");
  const effects = stepSegment(turn, handle, to, { kind: to === 1 ? "forwardPacket" : "reversePacket" });
  for (const effect of effects) {
    if (effect.kind === "sendForwardMetadata" || effect.kind === "sendReverseMetadata") {
      const tlvs = metadataOf(turn, handle, to, { copied: carried.tlvs, modify: effect.modify, retriggered: "retriggered" in effect && effect.retriggered });
      emitToPeer(turn, handle.state, { side, path, carried, tlvs });
    } else if (effect.kind === "forwardBody") {
      emitToPeer(turn, handle.state, { side, path, carried });
    }
  }
}

interface Wanted {
  copied: Metadata | undefined;
  modify: Modify | undefined;
  retriggered: boolean;
}

function metadataOf(turn: Turn, handle: Handle, to: SideIndex, wanted: Wanted): Metadata {
  const saying = {
    ...(wanted.modify === undefined ? {} : { modify: wanted.modify }),
    ...(wanted.copied === undefined ? {} : { copied: wanted.copied }),
    ...(wanted.retriggered ? { remainingSeconds: Math.ceil(handle.state.idleMs / 1000) } : {}),
  };
  return to === 1 ? forwardMetadata(turn.tables, handle.state, saying) : reverseMetadata(turn.tables, handle.state, saying);
}
