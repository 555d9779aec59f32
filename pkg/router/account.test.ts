// Booking of TCP packets that come up: what is written to the session is what the packet changed, because eBPF writes to the
// same session meanwhile.
import { parseAddress } from "../base/addresstext.ts";
import type { SessionPatchFields } from "../ports/datapath.ts";
import { buildPacket } from "../svr/build.ts";
import { TCP_ACK, TCP_SYN } from "../svr/constants.ts";
import { parsePacket } from "../svr/packet.ts";
import { TcpState } from "../svr/session.ts";
import { sampleSession } from "../../test/ports/sessions.ts";
import { account } from "./account.ts";
import { newBatch } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { Carried, Turn } from "./turn.ts";

const from = parseAddress("10.1.0.10")!, to = parseAddress("10.9.0.10")!;

function carried(flags: number, seq: number): Carried {
  const packet = parsePacket(buildPacket({ source: from, destination: to }, { kind: "tcp", sourcePort: 40_000, destinationPort: 443, seq, ack: 501, flags }));
  if (!packet.ok) throw new Error("the test made a wrong packet");
  return { packet: packet.value, bodyAt: packet.value.payload, bodyEnd: packet.value.end };
}

/** patched books a packet on a session in SYN-RCVD whose SYN had number 100, and gives the fields that are written. */
function patched(packet: Carried): Partial<SessionPatchFields> {
  const state = sampleSession(1, { tcpState: TcpState.synRcvd, isn: 100, nextSeq: [101, 501], lastAck: [501, 101] });
  const handle: Handle = { state, ref: { index: 1, uuid: state.uuid }, waiting: [], patch: undefined };
  const turn = { batch: newBatch(1), nowMs: 10_000 } as Turn;
  expect(account(turn, handle, 0, packet)).toBe("forward");
  return handle.patch?.fields ?? {};
}

test("a repeated SYN writes no TCP state: the session may be established by now", () => {
  for (const field of ["tcpState", "tcpBeforeReset", "sinceMs", "nextSeq", "isn"]) expect(patched(carried(TCP_SYN, 100))).not.toHaveProperty(field);
});

test("the ACK that establishes the session writes its state", () => {
  expect(patched(carried(TCP_ACK, 101))).toMatchObject({ tcpState: TcpState.established });
});
