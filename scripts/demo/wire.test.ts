// The wire proof on packets made by hand: it accepts what a right router sends, and each claim fails when the packets break it.
import { parseAddress } from "../../pkg/base/addresstext.ts";
import type { IpAddress } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { TransportSpec } from "../../pkg/svr/build.ts";
import { SUITE_CBC } from "../../pkg/svr/constants.ts";
import { epochAt } from "../../pkg/svr/epoch.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { planSeal } from "../../pkg/svr/seal.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import type { Frame } from "../../test/support/pcap.ts";
import { pairKeys } from "../../test/support/wire.ts";
import type { Check } from "./checks.ts";
import { neverLeft, proveWire } from "./proof.ts";
import type { LinkTrace } from "./proof.ts";
import { readCarried, segmentsOf } from "./wire.ts";
import { wireTable } from "./wiretable.ts";

const at = 1_800_000_000;
const psk = new Uint8Array(32).fill(7);
const pair = ["branch", "transit"] as const;
const keys = pairKeys(psk, pair);
const uuid = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const address = (text: string): IpAddress => parseAddress(text)!;
const host = address("10.1.0.10"), server = address("10.9.0.10"), here = address("192.0.2.1"), there = address("192.0.2.2");
const udp = (sourcePort: number, destinationPort: number): TransportSpec => ({ kind: "udp", sourcePort, destinationPort });
const body = (text: string): Uint8Array => new TextEncoder().encode(text);
const frame = (ip: Uint8Array): Frame => ({ unixNs: BigInt(at) * 1_000_000_000n, data: Uint8Array.from([...Array<number>(12).fill(2), 8, 0, ...ip]) });

const context = { source: host, destination: server, sourcePort: 4000, destinationPort: 53, proto: 17, family: 4 as const };
const common = { uuid, tenant: "finance.acme", service: "shop/names", sourceRouter: "branch" };

/** asked and answered are what the hosts see. */
const asked = (text: string) => buildPacket({ source: host, destination: server }, udp(4000, 53), body(text));
const answered = (text: string) => buildPacket({ source: server, destination: host }, udp(53, 4000), body(text));
/** there and back without metadata, on the link. */
const out = (text: string) => buildPacket({ source: here, destination: there }, udp(16384, 16385), body(text));
const back = (text: string) => buildPacket({ source: there, destination: here }, udp(16385, 16384), body(text));

function sealed(inner: Uint8Array, metadata: Metadata, key: PeerKeys): Uint8Array {
  const parsed = parsePacket(inner);
  if (!parsed.ok) throw new Error("the test made a wrong packet");
  const forward = key.sender === "branch";
  const to = forward ? { source: here, destination: there, sourcePort: 16384, destinationPort: 16385 } : { source: there, destination: here, sourcePort: 16385, destinationPort: 16384 };
  const job = planSeal(parsed.value, to, { metadata: { ...metadata, keyId: key.keyId }, suite: SUITE_CBC, key, mode: "time-based", epoch: epochAt(at), counter: 1n });
  if (!job.ok) throw new Error(`not sealed: ${job.error}`);
  createNodeEngine().seal([job.value]);
  return job.value.data;
}

const key = (sender: string): PeerKeys => keys.find((one) => one.sender === sender)!;
const first = () => sealed(asked("one"), { ...common, forwardContext: context }, key("branch"));
const reply = () => sealed(answered("eins"), { ...common, sourceRouter: "cloud", reverseContext: { ...context, source: server, destination: host, sourcePort: 53, destinationPort: 4000 } }, key("transit"));
const good = () => [first(), reply(), out("two"), back("zwei"), out("three")];

const lan = { tenant: "finance.acme", packets: readCarried([asked("one"), answered("eins"), asked("two"), answered("zwei"), asked("three")].map(frame)) };
const trace = (packets: readonly Uint8Array[], truncated = 0): LinkTrace => ({ link: "branch-transit", packets: readCarried(packets.map(frame), keys), truncated });
const failed = (checks: readonly Check[]): string[] => checks.filter((one) => !one.ok).map((one) => one.name);

test("a session as it should be passes every check", () => {
  const checks = proveWire([trace(good())], [lan]);
  expect(checks.filter((one) => !one.ok)).toEqual([]);
  expect(checks.find((one) => one.name.startsWith("0 bytes"))?.detail).toContain("3 TCP and UDP packets");
});

test("metadata is opened with the psk of the pair", () => {
  const { segments: [segment], strangers } = segmentsOf(trace(good()).packets);
  expect(strangers).toEqual([]);
  expect(segment).toMatchObject({ uuid: "0102030405060708090a0b0c0d0e0f10", tenant: "finance.acme", service: "shop/names", context: "udp 10.1.0.10:4000 10.9.0.10:53" });
  expect(segment?.forward.map((one) => one.metadata?.kind)).toEqual(["forward", undefined, undefined]);
  expect(segment?.reverse.map((one) => one.metadata?.kind)).toEqual(["reverse", undefined]);
});

test.each<[string, string, () => LinkTrace]>([
  ["a byte more on an established packet", "0 bytes added to established packets", () => trace([first(), reply(), out("two"), out("three ")])],
  ["metadata in the middle", "no metadata after the handshake", () => trace([first(), reply(), out("two"), sealed(asked("three"), { ...common, forwardContext: context }, key("branch"))])],
  ["reverse metadata in the middle", "no metadata after the handshake", () => trace([first(), reply(), out("two"), back("zwei"), reply()])],
  ["a first reverse packet without metadata", "first packets carry metadata", () => trace([first(), back("eins"), out("two")])],
  ["a changed byte of metadata", "HMAC is right under the keys of the pair", () => trace([first(), flip(reply()), out("two")])],
  ["a packet of no session", "links carry sessions and nothing else", () => trace([...good(), asked("two")])],
  ["a capture with short packets", "captures are complete", () => trace(good(), 1)],
  ["no packet at all", "captures are complete", () => trace([])],
])("%s is found", (_title, name, link) => {
  expect(failed(proveWire([link()], [lan]))).toContain(name);
});

function flip(packet: Uint8Array): Uint8Array {
  const changed = packet.slice();
  changed[packet.length - 20] = (changed[packet.length - 20] ?? 0) ^ 1;
  return changed;
}

test("metadata that answers a repeated first packet is no fault", () => {
  expect(failed(proveWire([trace([first(), first(), reply(), out("two"), back("zwei"), reply()])], [lan]))).toEqual([]);
});

test("a session that is missing on one link is found", () => {
  expect(failed(proveWire([trace(good()), { ...trace([]), link: "transit-cloud" }], [lan]))).toEqual(["sessions have one UUID on every link"]);
});

test("the table says what carried metadata and what was added", () => {
  const [heading, row] = wireTable([trace([first(), reply(), out("two"), back("zwei"), out("three ")])], [lan]).split("\n");
  expect(heading).toMatch(/^LINK +TENANT +SESSION +WITH METADATA +WITHOUT +BYTES ADDED/);
  expect(row).toMatch(/^branch-transit +finance\.acme +udp 10\.1\.0\.10:4000 > 10\.9\.0\.10:53 +1 \+ 1 packets +3 +0$/);
});

test("keys of another pair open nothing", () => {
  const other = { link: "branch-transit" as const, truncated: 0, packets: readCarried(good().map(frame), pairKeys(new Uint8Array(32).fill(8), pair)) };
  expect(failed(proveWire([other], [lan]))).toContain("links carry sessions and nothing else");
});

test("a session that must not be is found on the wire", () => {
  const of = { tenant: "finance.acme", proto: "udp", port: 53 };
  expect(neverLeft([trace(good())], of).ok).toBe(false);
  expect(neverLeft([trace(good())], { ...of, port: 54 }).ok).toBe(true);
});
