// Origin signatures through a chain of routers (protocol 7.5, 7.6; S-7): a transit router that was taken over holds the keys of its hops, not
// those of the ingress, so what it forges or widens is dropped behind it, counted and reported.
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { createOriginKeys } from "../../pkg/security/origin.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { originText } from "../../pkg/svr/origin.ts";
import { chainConfig } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab, Wire } from "./lab.ts";
import { authentic, bodyOf, content, endsOf, everything, readWire, udpDown, udpUp } from "./packets.ts";
import { ifnumOf } from "./config.ts";

const names = ["branch", "transit", "cloud"];
const tenants = ["corp", "guest"];
const ends = endsOf(4);
const keyOf = (name: string): KeyObject => createPrivateKey({
  format: "der", type: "pkcs8", key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), createHash("sha256").update(name).digest()]),
});
const rawOf = (name: string): string => Buffer.from(createPublicKey(keyOf(name)).export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
const originKeys = new Map(names.map((name) => [name, keyOf(name)]));

interface Trusting { policy?: "Ignore" | "Require"; origins?: { router: string; ed25519: string; allowedTenants?: string[] }[]; at?: number[]; signs?: boolean }

/** Who believes whom: by default all routers list the key of the ingress, which may assert corp. */
function world({ policy, origins = [{ router: "branch", ed25519: rawOf("branch"), allowedTenants: ["corp"] }], at = [0, 1, 2], signs = true }: Trusting = {}): Lab {
  const services = [{ ...everything, allow: tenants }];
  const compiled = new Map(names.map((name, index): [string, RouterConfig] => {
    const config = chainConfig({ names, index, services, tenants, icmp: undefined });
    config.trust = { authorities: [], revoked: [], origins };
    if (policy !== undefined && at.includes(index)) for (const peer of config.peers) peer.originSignature = policy;
    return [name, config];
  }));
  return createLab(names, { services, tenants, compiled, ...(signs && { originKeys }) });
}

const lastOf = (lab: Lab): Wire => lab.wires.findLast((wire) => wire.link === 1 && wire.forward)!;

/** First packet on its way to the last router; it does not arrive. */
function underWay(lab: Lab): { wire: Wire; tlvs: Metadata } {
  lab.onWire = (wire) => (wire.link === 1 ? undefined : wire.data);
  lab.fromLeft(udpUp(ends, content(30)));
  lab.run();
  lab.onWire = (wire) => wire.data;
  const wire = lastOf(lab);
  return { wire, tlvs: { ...readWire(lab, wire)!, iv: undefined } };
}

/** The transit router says this to the last one, with its own keys. */
function forge(lab: Lab, like: Wire, tlvs: Metadata): { drops: Record<string, number>; delivered: number; denials: string[] } {
  lab.inject(2, ifnumOf.left, authentic(lab, { link: 1, forward: true, like: like.data, tlvs, body: content(30) }));
  lab.run();
  const cloud = lab.routers[2]!;
  const denials = cloud.reports().flatMap((one) => (one.kind === "denials" ? one.denials.map(({ reason, peer }) => `${String(peer)} ${reason}`) : []));
  return { drops: cloud.drops(), delivered: lab.right.length, denials };
}

describe("7.6 what the ingress signs", () => {
  test("its claim reaches the last router as it was signed, through transit", () => {
    const lab = world({ policy: "Require" });
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    expect(lab.right.map((data) => bodyOf(data))).toEqual([content(30)]);
    const said = [0, 1].map((link) => readWire(lab, lab.wires.find((wire) => wire.link === link)!)!);
    const { seconds, signature } = said[1]!.originSignature!;
    expect(said[0]!.originSignature).toEqual(said[1]!.originSignature);
    expect(seconds).toBe(Math.floor(lab.unixMs() / 1000));
    const raw = new Uint8Array(Buffer.from(rawOf("branch"), "base64"));
    expect(createOriginKeys(() => undefined).verify(raw, originText(seconds, said[1]!), signature)).toBe(true);
    lab.fromRight(udpDown(ends, content(9)));
    lab.run();
    expect(lab.left).toHaveLength(1);
    expect(readWire(lab, lab.wires.find((wire) => !wire.forward)!)!.originSignature).toBeUndefined();
  });

  test.each([[undefined, true], ["Ignore", false]] as const)("toward a peer with policy %s: signed %s", (policy, signed) => {
    const lab = world({ ...(policy !== undefined && { policy }) });
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    expect([lab.right.length, readWire(lab, lab.wires[0]!)!.originSignature !== undefined]).toEqual([1, signed]);
  });

  test("a router whose own key is not listed signs nothing: nobody could verify it", () => {
    const lab = world({ origins: [{ router: "cloud", ed25519: rawOf("cloud") }] });
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    expect([lab.right.length, readWire(lab, lab.wires[0]!)!.originSignature]).toEqual([1, undefined]);
  });

  test("a router without a key signs nothing: that passes, unless a peer requires it", () => {
    for (const [policy, delivered] of [[undefined, 1], ["Require", 0]] as const) {
      const lab = world({ signs: false, ...(policy !== undefined && { policy }) });
      lab.fromLeft(udpUp(ends, content(30)));
      lab.run();
      expect([lab.right.length, lab.routers[1]!.drops()]).toEqual([delivered, delivered === 1 ? {} : { "origin-signature": 1 }]);
    }
  });
});

describe("S-7 a transit router that was taken over", () => {
  const changes: [string, Metadata, string][] = [
    ["another tenant, which both peers may assert", { tenant: "guest" }, "origin-signature"],
    ["another service", { service: "shop/other" }, "origin-signature"],
    ["another session", { uuid: new Uint8Array(16).fill(5) }, "origin-signature"],
    ["another source", { forwardContext: { source: endsOf(4, 99).client, destination: ends.server, sourcePort: 40000, destinationPort: 53, proto: 17, family: 4 } }, "origin-signature"],
    ["a bent signature", { originSignature: { seconds: 1_767_225_600, signature: new Uint8Array(64).fill(1) } }, "origin-signature"],
    ["no signature", { originSignature: undefined }, "origin-signature"],
    ["the name of a router whose key nobody listed", { sourceRouter: "nobody" }, "origin-signature"],
  ];

  test.each(changes)("S-7 leap 7: %s: dropped, counted and reported by the next router", (_what, change, reason) => {
    const lab = world({ policy: "Require" });
    const { wire, tlvs } = underWay(lab);
    expect(forge(lab, wire, { ...tlvs, ...change })).toEqual({ drops: { [reason]: 1 }, delivered: 0, denials: ["transit peer-tenant"] });
    expect(lab.routers[2]!.sessions()).toEqual([]);
    expect(lab.routers[2]!.counters()[0]!.peerDrops["transit"]).toEqual({ [reason]: 1 });
    expect(forge(lab, wire, tlvs).delivered).toBe(1); // so what was changed is why
  });

  test("S-7 a tenant that the ingress itself may not assert, signed by it: dropped", () => {
    const lab = world({ policy: "Require", origins: [{ router: "branch", ed25519: rawOf("branch"), allowedTenants: ["guest"] }] });
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    expect([lab.right.length, lab.routers[1]!.drops()]).toEqual([0, { "tenant-not-allowed": 1 }]);
  });

  test("S-7 a valid signature does not widen the list of the peer that delivers", () => {
    const lab = world({ policy: "Require" });
    lab.routers[2]!.config.peers[0]!.allowedTenants = [];
    lab.reconfigure(2);
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    expect([lab.right.length, lab.routers[2]!.drops()]).toEqual([0, { "tenant-not-allowed": 1 }]);
  });

  test("7.5 without a list of its own the origin may what the peer of its name may; a stranger nothing", () => {
    const lab = world({ policy: "Require", origins: [{ router: "branch", ed25519: rawOf("branch") }] });
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    expect([lab.routers[1]!.drops(), lab.routers[2]!.drops()]).toEqual([{}, { "tenant-not-allowed": 1 }]); // branch is no peer of cloud
  });

  test("7.6 under VerifyIfPresent a wrong signature is dropped, none passes, and so does one of a stranger", () => {
    const lab = world();
    const { wire, tlvs } = underWay(lab);
    expect(forge(lab, wire, { ...tlvs, tenant: "guest" })).toMatchObject({ drops: { "origin-signature": 1 }, delivered: 0 });
    expect(forge(lab, wire, { ...tlvs, sourceRouter: "nobody" })).toMatchObject({ drops: { "origin-signature": 1 }, delivered: 1 });
  });

  test("7.6 a signature of 301 s ago begins no session, one of 299 s does; two keys of one router both count", () => {
    const two = [{ router: "branch", ed25519: rawOf("transit"), allowedTenants: ["corp"] }, { router: "branch", ed25519: rawOf("branch"), allowedTenants: ["corp"] }];
    for (const [age, delivered] of [[301, 0], [299, 1], [-299, 1], [-301, 0]] as const) {
      const lab = world({ policy: "Require", origins: two });
      const { wire, tlvs } = underWay(lab);
      const seconds = Math.floor(lab.unixMs() / 1000) - age;
      const signature = createOriginKeys(() => keyOf("branch")).sign(originText(seconds, tlvs))!;
      expect([age, forge(lab, wire, { ...tlvs, originSignature: { seconds, signature } }).delivered]).toEqual([age, delivered]);
    }
  });
});

describe("7.6 sessions that go on", () => {
  test("transit that says another service than it heard removes the signature", () => {
    const lab = world();
    lab.routers[1]!.config.services[0]!.name = "shop/renamed";
    for (const route of lab.routers[1]!.config.routes) route.service = "shop/renamed";
    lab.reconfigure(1);
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    const said = readWire(lab, lastOf(lab))!;
    expect([lab.right.length, said.service, said.originSignature]).toEqual([1, "shop/renamed", undefined]);
  });

  test("the session moves to other ports: the age of its signature does not matter then, its truth does", () => {
    for (const [wrong, drops] of [[false, {}], [true, { "origin-signature": 1 }]] as const) {
      const lab = world({ policy: "Require" });
      lab.fromLeft(udpUp(ends, content(30)));
      lab.run();
      const wire = lastOf(lab), tlvs = { ...readWire(lab, wire)!, iv: undefined };
      const seconds = Math.floor(lab.unixMs() / 1000) - 10_000;
      const signature = createOriginKeys(() => keyOf(wrong ? "transit" : "branch")).sign(originText(seconds, tlvs))!;
      const like = { ...wire, data: wire.data.slice() };
      like.data[20]! ^= 1; // source port
      expect(forge(lab, like, { ...tlvs, originSignature: { seconds, signature } })).toMatchObject({ drops, delivered: wrong ? 1 : 2 });
    }
  });

  test.each([1, 2])("router %i comes back with nothing: the session goes on, signed", (index) => {
    const lab = world({ policy: "Require" });
    lab.fromLeft(udpUp(ends, content(30)));
    lab.run();
    lab.fromRight(udpDown(ends, content(30)));
    lab.run();
    lab.fromLeft(udpUp(ends, content(31)));
    lab.run();
    lab.restart(index);
    for (let salt = 1; salt < 6; salt++) {
      lab.fromLeft(udpUp(ends, content(30, salt)));
      lab.run();
      lab.wait(1_000);
    }
    expect(bodyOf(lab.right.at(-1))).toEqual(content(30, 5));
    expect(lab.routers[index]!.live()).toHaveLength(1);
  });
});
