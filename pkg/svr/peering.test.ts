// Messages on UDP 1280: a probe has exactly its size, what is read is what was written, anything else is refused (protocol 9.1, 10.3).
import { parseAddress } from "../base/addresstext.ts";
import { pskKeys } from "./keys.ts";
import type { Hkdf, PeerKeys } from "./keys.ts";
import { MESSAGE_MTU_PROBE, MESSAGE_MTU_REPLY, readMtuMessage, readPeering, writeMtuMessage } from "./peering.ts";
import type { MtuMessage } from "./peering.ts";
import { parsePacket } from "./packet.ts";
import type { Packet } from "./packet.ts";
import type { SealEngine, Signing } from "./seal.ts";

const hkdf: Hkdf = { extract: () => new Uint8Array(32), expand: (_prk, _info, length) => new Uint8Array(length).fill(7) };
const made = pskKeys(hkdf, new Uint8Array(32), { sender: "a", receiver: "b", generation: 1 });
if (!made.ok) throw new Error(made.error);
const key: PeerKeys = made.value;
const engine = { seal: () => undefined } as unknown as SealEngine;
const signing = (mode: Signing["mode"]): Signing => ({ key, mode, epoch: 0, counter: 1n });
const way = { 4: ["192.0.2.1", "192.0.2.2"], 6: ["2001:db8::1", "2001:db8::2"] } as const;

function written(family: 4 | 6, message: MtuMessage, mode: Signing["mode"] = "time-based"): Packet {
  const [source, destination] = way[family].map((text) => parseAddress(text)!) as [NonNullable<ReturnType<typeof parseAddress>>, NonNullable<ReturnType<typeof parseAddress>>];
  const packet = parsePacket(writeMtuMessage(message, { source, destination, destinationPort: 1280 }, { signing: signing(mode), engine }));
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
}

describe.each([4, 6] as const)("IPv%i", (family) => {
  test.each([["time-based", 1500], ["time-based", 1280], ["disabled", 1400], ["regular", 9000]] as const)("a probe under HMAC %s has %i bytes, DF set, port 1280", (mode, size) => {
    const packet = written(family, { kind: "probe", id: 5, size }, mode);
    expect([packet.data.length, packet.dontFragment, packet.sourcePort, packet.destinationPort]).toEqual([size, true, 1280, 1280]);
  });

  test.each([{ kind: "probe", id: 0xffffffff, size: 1500 }, { kind: "reply", id: 1, size: 1500 }] as const)("$kind is read as it was written", (message) => {
    const packet = written(family, message, "disabled");
    const read = readPeering({ local: packet.destination, remote: packet.source, remotePort: 1280, data: packet.data.slice(packet.payload, packet.end) });
    if (!read.ok) throw new Error(read.error);
    const type = message.kind === "probe" ? MESSAGE_MTU_PROBE : MESSAGE_MTU_REPLY;
    expect(readMtuMessage({ message: type }, read.value.packet, { at: read.value.header.body, end: read.value.packet.end })).toEqual(message);
  });
});

test("a probe that lies about its size, another type, a short body are no messages", () => {
  const packet = written(4, { kind: "probe", id: 5, size: 1300 }, "disabled");
  const at = packet.end - 1300 + 60;
  expect([readMtuMessage({ message: MESSAGE_MTU_PROBE }, packet, { at, end: packet.end }), readMtuMessage({ message: 1 }, packet, { at, end: packet.end }), readMtuMessage({ message: MESSAGE_MTU_REPLY }, packet, { at, end: at + 5 })]).toEqual([undefined, undefined, undefined]);
});

test("what has no metadata, or bad metadata, is malformed", () => {
  const [local, remote] = way[4].map((text) => parseAddress(text)!) as [NonNullable<ReturnType<typeof parseAddress>>, NonNullable<ReturnType<typeof parseAddress>>];
  const cookie = Uint8Array.of(0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c, 0x10, 0xff, 0, 0);
  expect([new Uint8Array(3), cookie].map((data) => readPeering({ local, remote, remotePort: 9, data }))).toEqual([{ ok: false, error: "metadata-malformed" }, { ok: false, error: "metadata-malformed" }]);
});

test("a size that no packet has is a fault of the caller", () => {
  for (const size of [65_540, 65_600]) expect(() => written(4, { kind: "probe", id: 1, size })).toThrow(/no packet|cannot be sent/);
});
