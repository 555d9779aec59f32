// Keys of exchanges between two routers, wired as the app does: who is told of them.
import { createPrivateKey, sign } from "node:crypto";
import { createAuthority } from "../support/ca.ts";
import { parseAddress } from "../../pkg/base/addresstext.ts";
import type { IdentitySource } from "../../pkg/ports/identity.ts";
import { judgeChain, kxSelf } from "../../pkg/security/kxidentity.ts";
import { nodeKxCrypto } from "../../pkg/security/kxcrypto.ts";
import { pemCertificates } from "../../pkg/security/chain.ts";
import { readPeering } from "../../pkg/svr/peering.ts";
import type { PeeringPacket } from "../../pkg/svr/peering.ts";
import type { Datagram } from "../../pkg/ports/peering.ts";
import { openKeying } from "../../pkg/router/openkeying.ts";
import type { Keying } from "../../pkg/router/keying.ts";

const UDP_PAYLOAD = 28; // IPv4 and UDP headers
const addresses = { east: parseAddress("192.0.2.1")!, west: parseAddress("198.51.100.1")! } as const;
type Name = keyof typeof addresses;

const ca = await createAuthority();

interface World { queue: (() => void)[]; hears: Partial<Record<Name, (data: Uint8Array) => void>>; told: Record<Name, string[]> }

async function keyingOf(name: Name, other: Name, { queue, hears, told }: World): Promise<Keying> {
  const { chain, keyPem, serial } = await ca.issue(name), key = createPrivateKey(keyPem);
  const own = { name, chain, serial, notBefore: 0, notAfter: Date.now() + 1e9, authority: { name: "", key: "" }, sign: (data: Uint8Array) => new Uint8Array(sign(null, data, key)) };
  const identity: IdentitySource = { current: () => own, authorities: () => [ca.der], authorityFile: () => "", watch: () => ({ stop: () => undefined }), wanted: () => undefined };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  let listener: (packet: PeeringPacket, datagram: Datagram) => void = () => undefined;
  hears[name] = (data) => {
    const datagram = { local: addresses[name], remote: addresses[other], remotePort: 1280, data }, read = readPeering(datagram);
    if (read.ok) listener(read.value, datagram);
  };
  const path = { key: "p", peer: other, name: "p", nexthop: "n", local: addresses[name], remote: addresses[other] };
  // the two others never answer
  const peers = [other, "north", "south"].map((peer) => ({ name: peer, authentication: "certificate", hmac: { mode: "TimeBased", window: 1 } }));
  const posted = { config: { name, peers, paths: [path] }, ids: { "nexthop/n": 1 }, keys: {} };
  const protectors = { follow: () => void told[name].push("all"), rekey: (keys: object) => void told[name].push(...Object.keys(keys)) };
  const keying = openKeying({
    name, log, keys: { psk: () => new Uint8Array(0) }, clock: { monotonicMs: () => performance.now(), unixMs: () => Date.now() }, random: { bytes: (count: number) => nodeKxCrypto.random(count) },
    keying: { crypto: nodeKxCrypto, self: kxSelf, judge: judgeChain, identity, certificates: pemCertificates },
  } as never, {
    port: { onPacket: (next) => { listener = next; } }, audit: { write: () => undefined }, refusedChanged: () => undefined,
    datapath: { send: (packets: { data: Uint8Array }[]) => { for (const { data } of packets) queue.push(() => hears[other]?.(data.slice(UDP_PAYLOAD))); } } as never,
    parts: () => ({ posted: posted as never, shards: [], mtus: { count: () => undefined, greet: () => undefined, restart: () => undefined }, protectors }),
  });
  keying.follow(posted as never, {});
  return keying;
}

test("protect workers are told of the keys that changed, and of no other peer: a thousand peers have new ones within a minute", async () => {
  const world: World = { queue: [], hears: {}, told: { east: [], west: [] } };
  const both = [await keyingOf("east", "west", world), await keyingOf("west", "east", world)];
  for (let step = 0; step < 3; step++) {
    for (const keying of both) keying.tick();
    for (let work = world.queue.shift(); work !== undefined; work = world.queue.shift()) work();
  }
  expect(both.map((keying) => Object.keys(keying.keys()))).toEqual([["west"], ["east"]]);
  expect([new Set(world.told.east), new Set(world.told.west)]).toEqual([new Set(["west"]), new Set(["east"])]);
});
