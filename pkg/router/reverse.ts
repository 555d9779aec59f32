// Reverse attributes of a session as its egress reported them (protocol 6.1, I-META). Called by arrive.ts and control.ts.
import { changeFields, changeHandshake } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { sendControl } from "./say.ts";
import { stepSegment } from "./segments.ts";
import type { Opened, Turn } from "./turn.ts";

/** storeReverse keeps who answers; a transit router may now answer upstream (protocol 5). */
export function storeReverse(turn: Turn, opened: Opened, handle: Handle): void {
  const { tlvs } = opened;
  const context = tlvs.reverseContext;
  if (context === undefined) return;
  changeFields(turn.batch, handle, { answer: context.source });
  changeHandshake(turn.batch, handle, {
    ...handle.state.handshake,
    egressRouter: turn.tables.idOf("router", tlvs.sourceRouter as string),
    reverseService: tlvs.service === undefined ? 0 : turn.tables.idOf("service", tlvs.service),
  });
  for (const effect of stepSegment(turn, handle, 0, { kind: "reverseKnown" })) {
    if (effect.kind === "sendControl") sendControl(turn, handle, { side: 0, code: effect.code, modify: effect.modify });
  }
}
