// Books a packet that user space passes as eBPF books the others: TCP state, last seen, counters, set-up time. Called by
// arrive.ts; the table is pkg/svr/tcpstate.ts, the same that the model of the data plane uses.
import type { SessionPatchFields } from "../ports/datapath.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Flag, Life } from "../svr/session.ts";
import type { SideIndex } from "../svr/session.ts";
import { TCP_SYN } from "../svr/constants.ts";
import { windowScale } from "../svr/tcpwindow.ts";
import { tcpStep } from "../svr/tcpstate.ts";
import type { TcpMemory, TcpVerdict } from "../svr/tcpstate.ts";
import { innerBytes } from "./newsession.ts";
import { changeFields, changeFlags, changeSeen, countPackets, endSession } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { Carried, Turn } from "./turn.ts";

/** account books a packet that arrived on a side; nothing of one that the TCP table does not forward. */
export function account(turn: Turn, handle: Handle, side: SideIndex, carried: Carried): TcpVerdict {
  const { verdict, restart, setUp } = accountTcp(turn, handle, side, carried);
  if (verdict !== "forward") return verdict;
  const session = handle.state;
  const isLive = session.life === Life.live;
  countPackets(turn.batch, handle, side, { packets: 1, bytes: innerBytes(carried, session.side[side], session.context) });
  if (setUp || (isLive && side === 1 && carried.packet.tcp === undefined)) bookSetup(turn, handle);
  if (!restart || !isLive) return verdict;
  const now32 = (turn.nowMs >>> 0) || 1;
  changeSeen(turn.batch, handle, side === 0 ? [now32, session.seenMs[1]] : [session.seenMs[0], now32]);
  return verdict;
}

/** Set-up time in milliseconds + 1 (behaviour 13.1): TCP until payload is acknowledged, else until the first reverse packet. */
function bookSetup(turn: Turn, handle: Handle): void {
  if ((handle.state.flags & Flag.setup) !== 0) return;
  changeFields(turn.batch, handle, { setupMs: Math.max(0, Math.round(turn.nowMs - handle.state.createdMs)) + 1 });
  changeFlags(turn.batch, handle, { set: Flag.setup });
}

interface Booked {
  verdict: TcpVerdict;
  /** the idle timer starts again */
  restart: boolean;
  setUp: boolean;
}

function accountTcp(turn: Turn, handle: Handle, side: SideIndex, carried: Carried): Booked {
  const tcp = carried.packet.tcp;
  const before = handle.state;
  if (tcp === undefined) return { verdict: "forward", restart: true, setUp: false };
  const segment = { side, flags: tcp.flags, seq: tcp.seq, ack: tcp.ack, payload: carried.bodyEnd - carried.bodyAt, window: tcp.window, scale: scaleIn(carried) };
  const { verdict, state, ended, restart, setUp = false } = tcpStep(before, segment, turn.nowMs >>> 0);
  if (verdict !== "forward") return { verdict, restart: false, setUp: false };
  changeFlags(turn.batch, handle, { set: state.flags & ~before.flags, clear: before.flags & ~state.flags });
  changeFields(turn.batch, handle, changedTcp(before, state));
  if (ended !== undefined) endSession(turn.batch, handle, reasonNumber(ended), false);
  return { verdict, restart, setUp };
}

/**
 * What the step changed, and nothing else: eBPF passes later packets of the session meanwhile, and a value that was only read
 * must not be written back over what they made of it. A SYN that its host repeats would set an established session back.
 */
function changedTcp(before: TcpMemory, after: TcpMemory): Partial<SessionPatchFields> {
  const changed: Partial<SessionPatchFields> = {};
  for (const field of tcpNumbers) if (after[field] !== before[field]) changed[field] = after[field];
  for (const field of tcpPairs) if (after[field][0] !== before[field][0] || after[field][1] !== before[field][1]) changed[field] = after[field];
  return changed;
}

const tcpNumbers = ["tcpState", "tcpBeforeReset", "sinceMs", "retransmissions", "outOfOrder", "isn"] as const;
const tcpPairs = ["nextSeq", "lastAck", "window"] as const;

/** scaleIn is the window scale that a SYN tells. */
export function scaleIn({ packet }: Carried): number | undefined {
  return packet.tcp !== undefined && (packet.tcp.flags & TCP_SYN) !== 0 ? windowScale(packet.data, packet.l4) : undefined;
}
