// Leap 7 with real packets: a transit router that was taken over has the keys of its hops and none of the ingress (S-7, protocol 7.6).
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        r2 requires the signature of r1; forged packets leave t's east0
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { uuidHex } from "../../pkg/base/ids.ts";
import { createOriginKeys } from "../../pkg/security/origin.ts";
import { PROTO_UDP } from "../../pkg/svr/constants.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { originText } from "../../pkg/svr/origin.ts";
import { contextOf, craft, freshUuid } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, transit } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const ed25519 = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
const more = { trust: { origins: [{ router: "r1", ed25519, allowedTenants: ["corp"] }] } };
const signer = createOriginKeys(() => privateKey);
const required = { originSignature: "Require" };

describeNet("S-7 leap 7: who holds only the keys of a transit router", () => {
  let fabric: Fabric, r2: Router, wire: Injector;
  let port = 20_000;

  beforeAll(async () => {
    const routers = { r1: { more }, t: { more, peers: { r1: required, r2: required } }, r2: { more, peers: { t: { ...required, allowedTenants: ["corp", "guest"] } } } };
    const site = openSite({ routers });
    site.tenants.push({ name: "guest" });
    fabric = await startFabric(await openNet(transit), site);
    r2 = fabric.router("r2");
    const folder = join(fabric.router("r1").stateDir, "identity");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, "key.pem"), privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    wire = await openInjector(fabric.net, { node: "t", device: "east0" }, { node: "r2", device: "wan0" });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** What t would say of a session from r1, on ports that it does not use. */
  function claim(family: Family, uuid: Uint8Array): Metadata {
    const forwardContext = contextOf({ source: hostAddress(1, family, 20), destination: hostAddress(2, family), sourcePort: port += 2, destinationPort: 53, proto: PROTO_UDP });
    const tlvs: Metadata = { uuid, tenant: "corp", service: "test/east", sourceRouter: "r1", forwardContext };
    const seconds = Math.floor(Date.now() / 1000), signature = signer.sign(originText(seconds, tlvs));
    if (signature === undefined) throw new Error("no key");
    return { ...tlvs, originSignature: { seconds, signature } };
  }

  function packet(family: Family, metadata: Metadata): Uint8Array {
    const [key] = fabric.keys("t", "r2");
    if (key === undefined) throw new Error("no keys");
    return craft({ source: linkAddress(2, family, 0), destination: linkAddress(2, family, 1), transport: { kind: "udp", sourcePort: port, destinationPort: port + 1 }, key, metadata, body: Uint8Array.of(1, 2, 3) });
  }

  test.each(families)("S-7 IPv%i: sessions of the ingress pass, signed by the key in its state directory", async (family) => {
    const to = { address: hostAddress(2, family), port: 5300 };
    await startUdpServer(fabric.net, "b", to);
    await waitFor("r1 has seen its key", async () => {
      const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port, waitMs: 300 });
      return (await client.send(1)).answered === 1;
    }, { deadlineMs: 20_000 });
    expect((await r2.live({ destinationPort: "5300" })).length).toBeGreaterThan(0);
  }, 30_000);

  test.each(families)("S-7 IPv%i: a tenant that is forged or widened, a signature that is stripped or of another: dropped, counted, reported", async (family) => {
    const before = await r2.counters();
    const changes: Partial<Metadata>[] = [{ tenant: "guest" }, { tenant: "team.corp" }, { originSignature: undefined }, { sourceRouter: "t" }, { sourceRouter: "nobody" }];
    const uuids = changes.map(() => freshUuid());
    for (const [at, change] of changes.entries()) await wire.send(packet(family, { ...claim(family, uuids[at]!), ...change }));
    await waitFor("all are counted", async () => (await r2.counters()).drops["origin-signature"] === (before.drops["origin-signature"] ?? 0) + changes.length);
    expect((await r2.counters()).peerDrops["t"]?.["origin-signature"]).toBe((before.peerDrops["t"]?.["origin-signature"] ?? 0) + changes.length);
    for (const uuid of uuids) expect(await r2.sessions({ sessionId: uuidHex(uuid) })).toEqual([]);
    await waitFor("r2 tells of it", () => r2.records().some((one) => one.denyReason === "peer-tenant" && one.peer === "t" && one.tenant === "guest"));
    const good = freshUuid();
    await wire.send(packet(family, claim(family, good))); // so it is the change that is refused
    await waitFor("an unchanged claim opens a session", async () => (await r2.sessions({ sessionId: uuidHex(good) }))[0]?.life === "live");
  }, 30_000);
});
