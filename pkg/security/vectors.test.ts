// The published vectors of protocol 16 through the codec and each engine, every byte.
import { addressOfWords } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import { fromHex, toHex } from "../base/bytes.ts";
import { buildPacket } from "../svr/build.ts";
import { epochAt } from "../svr/epoch.ts";
import { pskKeys } from "../svr/keys.ts";
import type { PeerKeys } from "../svr/keys.ts";
import type { Metadata } from "../svr/metadata.ts";
import { parseHeader, parsePayload } from "../svr/decode.ts";
import { parsePacket } from "../svr/packet.ts";
import { finishChecksum } from "../svr/checksum.ts";
import type { Endpoints } from "../svr/layout.ts";
import { planOpen } from "../svr/open.ts";
import { reasons } from "../svr/reasons.ts";
import { planSeal } from "../svr/seal.ts";
import type { SealOptions } from "../svr/seal.ts";
import { nodeHkdf } from "./hkdf.ts";
import { sealEngines } from "../../test/support/engines.ts";
import type { SealEngine } from "../svr/seal.ts";

const psk = Uint8Array.from({ length: 32 }, (_, index) => index);
const keysOf = (sender: string, receiver: string): PeerKeys => {
  const keys = pskKeys(nodeHkdf, psk, { sender, receiver, generation: 1 });
  if (!keys.ok) throw new Error(keys.error);
  return keys.value;
};
const eastWest = keysOf("east", "west");
const westEast = keysOf("west", "east");
const address = (text: string) => parseAddress(text) ?? addressOfWords(4, 0);
const uuid = fromHex("3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061")!;
const east = address("192.0.2.1");
const west = address("198.51.100.1");
const client = address("10.1.1.10");
const server = address("10.2.2.20");
const EPOCH = epochAt(1767225600);
const text = (value: string) => new TextEncoder().encode(value);

type SealRequest = Partial<SealOptions> & { to: Endpoints; tlvs: Metadata; keys: PeerKeys };

/** Seals the inner packet `bare` as it would leave. */
function sealWith(engine: SealEngine, bare: Uint8Array, request: SealRequest): Uint8Array {
  const packet = parsePacket(bare);
  if (!packet.ok) throw new Error(packet.error);
  const { to, tlvs, keys, ...options } = request;
  const metadata = Object.keys(tlvs).length === 0 ? {} : { ...tlvs, keyId: keys.keyId };
  const job = planSeal(packet.value, to, { suite: 0, counter: 1n, epoch: EPOCH, mode: "time-based", key: keys, metadata, ...options });
  if (!job.ok) throw new Error(job.error);
  engine.seal([job.value]);
  finishChecksum(job.value.data, job.value.l4);
  return job.value.data;
}

const forwardTlvs: Metadata = {
  forwardContext: { source: client, destination: server, sourcePort: 40000, destinationPort: 53, proto: 17, family: 4 },
  uuid, tenant: "corp", service: "dns", sourceRouter: "east",
  traceContext: { flags: 3, parentSpan: fromHex("00f067aa0ba902b7")! },
};
const reverseTlvs: Metadata = {
  reverseContext: { source: server, destination: client, sourcePort: 53, destinationPort: 40000, proto: 17, family: 4 },
  uuid, tenant: "corp", sessionsInService: 5n, sourceRouter: "west",
};
const ping = buildPacket({ source: client, destination: server, ttl: 64, ipId: 1 }, { kind: "udp", sourcePort: 40000, destinationPort: 53 }, text("ping"));
const pong = buildPacket({ source: server, destination: client, ttl: 64, ipId: 2 }, { kind: "udp", sourcePort: 53, destinationPort: 40000 }, text("pong"));
const eastToWest = { source: east, destination: west, sourcePort: 16384, destinationPort: 16385 };
const westToEast = { source: west, destination: east, sourcePort: 16385, destinationPort: 16384 };

const packet161 = "4500008d000140003f114f29c0000201c6336401400040010079daaa4c48dbc6ddf6670c1014004900100004e6b4c9d80002000d0a01010a0a0202149c40003511"
  + "000600103f2a9c1e5b7d4e8f9a0b1c2d3e4f506100070004636f7270000a0003646e73000e00046561737480020009" + "0300f067aa0ba902b770696e6743964467d8b9fc73dcc51ef63fd1092a";
const packet162 = "450000a8000240003f114f0dc6336401c000020140014000009430ff4c48dbc6ddf6670c1028005000100004f4f7a6fc8000001002cb5f148cd680527207798b8d8561ae"
  + "6d9c0a0c2dd13b73656cf47f106f5858390c61eba44ae064ba6ef28b37f1d4817a990bc1a5125b23596998c0f18b79add9f84a360a8d81b9408797945422295042ae516ae12ce46519a043a4559ac3f2"
  + "706f6e67f16e9d276469486ccb84c17cf0aaaf02";

const dropReasons = new Set<string>(reasons.filter((one) => one.group !== "end").map((one) => one.name));
const engines = sealEngines();

describe.each(engines)("W-5 vectors of protocol 16, %s", (_name, engine) => {
  const seal = (bare: Uint8Array, request: SealRequest): Uint8Array => sealWith(engine, bare, request);

  test("W-5 keys of both directions", () => {
    expect(eastWest.keyId.toString(16)).toBe("e6b4c9d8");
    expect([eastWest.salt, eastWest.hmac, eastWest.meta].map(toHex)).toEqual([
      "badfa490e639c817", "fc76db74f5a53ee86b188ea4afb35764027dc69f09d115eb8ed162b7b91af3ad", "30743c3c9dbda4bca57c7733c742e46c7725107568994355c94f356898a32379"]);
    expect(westEast.keyId.toString(16)).toBe("f4f7a6fc");
    expect([westEast.salt, westEast.hmac, westEast.meta].map(toHex)).toEqual([
      "904586fed7020c7a", "d864b2ff9eaf352afd078133b55e0038cc4c330bc13f2e161af819a1fa1d6943", "6fb85644b0321dc36c87301e58618086850f3a46475d88df4451958731fe2d4a"]);
    expect(EPOCH.toString(16)).toBe("34aadc80");
  });

  test("W-5 16.1 forward packet, metadata clear", () => {
    expect(toHex(seal(ping, { to: eastToWest, tlvs: forwardTlvs, keys: eastWest }))).toBe(packet161);
  });

  test("W-5 16.1 in regular mode the tag is made for epoch 0", () => {
    const regular = toHex(seal(ping, { to: eastToWest, tlvs: forwardTlvs, keys: eastWest, mode: "regular" }));
    expect(regular.endsWith("ad5faa15ce57efcb84978b1730a46586")).toBe(true);
  });

  test("W-5 16.2 reverse packet, metadata encrypted with CBC", () => {
    expect(toHex(seal(pong, { to: westToEast, tlvs: reverseTlvs, keys: westEast, suite: 1 }))).toBe(packet162);
  });

  test("W-5 16.4 empty header before a body of the cookie and x", () => {
    const body = Uint8Array.of(0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c, 0x78);
    const bare = buildPacket({ source: client, destination: server }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, body);
    const sealed = seal(bare, { to: eastToWest, tlvs: {}, keys: eastWest });
    expect(toHex(sealed).endsWith("1f29776b3980fb7f5e6e519e16c42a2c")).toBe(true);
    expect((sealed[24]! << 8) | sealed[25]!).toBe(45);
  });

  test("W-5 16.4 TCP SYN with metadata", () => {
    const syn = buildPacket({ source: client, destination: server },
      { kind: "tcp", sourcePort: 40000, destinationPort: 443, seq: 0x01020304, ack: 0, flags: 2, window: 64240, options: Uint8Array.of(2, 4, 5, 0x64) });
    const { traceContext: _trace, ...plain } = forwardTlvs;
    const tlvs = { ...plain, service: "web", forwardContext: { ...forwardTlvs.forwardContext!, destinationPort: 443, proto: 6 } };
    expect(toHex(seal(syn, { to: eastToWest, tlvs, keys: eastWest })).endsWith("91dd2e7fce74aa04db56b933cab219f1")).toBe(true);
  });

  test.each([["16.1", packet161, eastWest, forwardTlvs, "ping"], ["16.2", packet162, westEast, reverseTlvs, "pong"]])(
    "W-5 %s is read back", (_desc, hex, keys, tlvs, body) => {
      const packet = parsePacket(fromHex(hex)!);
      if (!packet.ok) throw new Error(packet.error);
      const header = parseHeader(packet.value.data, packet.value.payload, packet.value.end);
      if (!header.ok) throw new Error(header.error);
      const job = planOpen(packet.value, header.value, { mode: "time-based", keys: [keys], epochs: [EPOCH + 1, EPOCH] });
      if (!job.ok) throw new Error(job.error);
      const [opened] = engine.open([job.value]);
      if (opened?.ok !== true) throw new Error("not opened");
      expect(opened.epoch).toBe(EPOCH);
      const metadata = parsePayload(packet.value.data, header.value, opened.plainLength);
      expect(metadata).toMatchObject({ ok: true, value: tlvs });
      expect(new TextDecoder().decode(packet.value.data.subarray(header.value.body, job.value.tag))).toBe(body);
    });
});

describe.each(engines)("authentication, %s", (_name, engine) => {
  const seal = (bare: Uint8Array, request: SealRequest): Uint8Array => sealWith(engine, bare, request);
  const opens = (data: Uint8Array, epochs = [EPOCH], keys = westEast): string => {
    const packet = parsePacket(data);
    if (!packet.ok) return packet.error;
    const header = parseHeader(data, packet.value.payload, packet.value.end);
    if (!header.ok) return header.error;
    const job = planOpen(packet.value, header.value, { mode: "time-based", keys: [keys], epochs });
    if (!job.ok) return job.error;
    const [opened] = engine.open([job.value]);
    return opened?.ok === false ? opened.reason : opened === undefined ? "nothing" : "ok";
  };

  test.each([["16.1", packet161, eastWest], ["16.2", packet162, westEast]])("S-1 every flipped bit of the covered bytes of %s is refused with a reason, those a NAT changes are not", (_desc, hex, keys) => {
    const good = fromHex(hex)!;
    const verdict = (change: (data: Uint8Array) => void): string => {
      const data = good.slice();
      change(data);
      return opens(data, [EPOCH], keys);
    };
    expect(verdict(() => undefined)).toBe("ok");
    const covered = [24, 25, ...Array.from({ length: good.length - 28 }, (_, at) => 28 + at)]; // UDP length; UDP payload
    const accepted = covered.flatMap((at) => [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => !dropReasons.has(verdict((data) => { data[at]! ^= 1 << bit; }))).map((bit) => `${at}.${bit}`));
    expect(accepted).toEqual([]);
    for (const at of [8, 12, 15, 16, 19, 20, 21, 22, 23]) expect([at, verdict((data) => { data[at]! ^= 1; })]).toEqual([at, "ok"]);
  });

  test("S-2 another epoch does not verify", () => {
    expect(opens(fromHex(packet162)!, [EPOCH - 2, EPOCH + 1])).toBe("hmac-failure");
  });

  test.each([[1, "CBC"], [2, "GCM"]] as const)("S-3 suite %i (%s): names are unreadable, the key id is readable", (suite, _name) => {
    const sealed = seal(ping, { to: westToEast, tlvs: forwardTlvs, keys: westEast, suite });
    const wire = new TextDecoder("latin1").decode(sealed);
    expect(["corp", "dns", "east"].filter((name) => wire.includes(name))).toEqual([]);
    expect(toHex(sealed)).toContain("f4f7a6fc");
    expect(opens(sealed)).toBe("ok");
  });
});
