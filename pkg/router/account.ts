// Books a packet that user space passes as eBPF books the others: TCP state, last seen, counters, set-up time. Called by
// arrive.ts; the table is pkg/svr/tcpstate.ts, the same that the model of the data plane uses.
import { reasonNumber } from "../svr/reasons.ts";
import { Flag, Life } from "../svr/session.ts";
import type { SideIndex } from "../svr/session.ts";
import { tcpStep } from "../svr/tcpstate.ts";
import { innerBytes } from "./newsession.ts";
import { changeFields, changeFlags, countPackets, endSession } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { Carried, Turn } from "./turn.ts";

/** account books a packet that arrived on a side; false when the TCP table refuses it (counted as `state`). */
export function account(turn: Turn, handle: Handle, side: SideIndex, carried: Carried): boolean {
  if (!accountTcp(turn, handle, side, carried)) {
    turn.count("state");
    return false;
  }
  const session = handle.state;
  countPackets(turn.batch, handle, side, { packets: 1, bytes: innerBytes(carried, session.side[side], session.context.proto) });
  if (session.life !== Life.live) return true;
  const seen: [number, number] = [...session.seenMs];
  seen[side] = (turn.nowMs >>> 0) || 1;
  changeFields(turn.batch, handle, { seenMs: seen, ...setup(turn, handle, side, carried) });
  if (side === 1 && (session.flags & Flag.setup) === 0 && session.setupMs !== 0) changeFlags(turn.batch, handle, { set: Flag.setup });
  return true;
}


/** Set-up time: TCP until the first acknowledged payload is the data plane's to see; else the first reverse packet. */
function setup(turn: Turn, handle: Handle, side: SideIndex, carried: Carried): { setupMs?: number } {
  if (side !== 1 || handle.state.setupMs !== 0 || carried.packet.tcp !== undefined) return {};
  return { setupMs: Math.max(0, Math.round(turn.nowMs - handle.state.createdMs)) + 1 };
}

function accountTcp(turn: Turn, handle: Handle, side: SideIndex, carried: Carried): boolean {
  const tcp = carried.packet.tcp;
  const before = handle.state;
  if (tcp === undefined) return true;
  const segment = { side, flags: tcp.flags, seq: tcp.seq, ack: tcp.ack, payload: carried.bodyEnd - carried.bodyAt };
  const { verdict, state, ended } = tcpStep(before, segment, turn.nowMs >>> 0);
  if (verdict !== "forward") return false;
  if (ended !== undefined) endSession(turn.batch, handle, reasonNumber(ended), false);
  changeFlags(turn.batch, handle, { set: state.flags & ~before.flags });
  changeFields(turn.batch, handle, {
    tcpState: state.tcpState, tcpBeforeReset: state.tcpBeforeReset, sinceMs: state.sinceMs, nextSeq: state.nextSeq, lastAck: state.lastAck,
    retransmissions: state.retransmissions, outOfOrder: state.outOfOrder, isn: state.isn,
  });
  return true;
}
