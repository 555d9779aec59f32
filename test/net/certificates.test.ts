// Routers that know each other by certificate: sessions work, keys change under load, what counts no more is refused (S-8, RB-21, RB-23).
//
//   a 10.1.0.10 --lan0 r1 wan0 == wan0 r2 lan0-- b 10.2.0.10
//
// Identities are written into the state directories; nothing is restarted when they change.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority, writeIdentity } from "../support/ca.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import type { SiteRouter } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { ping, startTcpClient, startTcpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const ca = await createAuthority();
const day = 86_400_000;
const SESSIONS = 100;

/** A pair of routers without identities yet. */
async function openPair(routers: Record<string, SiteRouter>, words: string[] = []): Promise<{ fabric: Fabric; r1: Router; r2: Router }> {
  const fabric = new Fabric(await openNet(pair), openSite({ routers }));
  const [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
  for (const router of [r1, r2]) router.from.push(...words);
  return { fabric, r1, r2 };
}

const byCertificate = (): Record<string, SiteRouter> => ({ r1: { peers: { r2: { psk: undefined } } }, r2: { peers: { r1: { psk: undefined } } } });
const up = async (fabric: Fabric): Promise<void> => { await Promise.all(fabric.routers.map((router) => router.start())); };
const stateOf = async (router: Router): Promise<string> => { const [peer] = await router.peers(); return `${peer?.state} ${peer?.reason ?? ""}`.trim(); };
const becomes = async (router: Router, state: string, deadlineMs = 40_000): Promise<void> => {
  let last = "";
  await waitFor(`${router.name} says ${state} of its peer`, async () => (last = await stateOf(router)) === state, { deadlineMs, show: () => `${last}\n${router.process.lines.slice(-6).join("\n")}` });
};
const clientOf = (fabric: Fabric, sessions = 1): TcpClient => startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions, everyMs: 100 });

describeNet("S-8 routers by certificate", () => {
  test.each([["Ed25519", false], ["ECDSA", true]] as const)("keys of %s, a pre-shared key mixed in: %s; sessions work", async (key, isMixed) => {
    const more = { authentication: "Certificate" };
    const { fabric, r1, r2 } = await openPair(isMixed ? { r1: { more }, r2: { more } } : byCertificate());
    try {
      for (const router of [r1, r2]) writeIdentity(router.stateDir, await ca.issue(router.name, { key }), [ca]);
      await up(fabric);
      await becomes(r1, "up");
      await becomes(r2, "up");
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
      const client = clientOf(fabric);
      await waitFor("bytes come back", async () => (await client.report()).receivedBytes > 200);
      expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
      const [[one], [other]] = [await r1.peers(), await r2.peers()];
      expect([one?.authentication, one?.certificate?.serial.length, one?.keys.send, other?.keys.send]).toEqual(["certificate", 4, other?.keys.receive, one?.keys.receive]);
      expect([await r1.drops(), (await r1.status()).alarms, (await r2.status()).alarms]).toEqual([{}, [], []]);
    } finally {
      await fabric.close();
    }
  }, 120_000);

  test("RB-23 bad certificates are refused with the reason, and a good one recovers without a restart; a revoked peer can send nothing", async () => {
    const { fabric, r1, r2 } = await openPair(byCertificate());
    try {
      const other = await createAuthority("another authority");
      writeIdentity(r1.stateDir, await ca.issue("r1"), [ca]);
      writeIdentity(r2.stateDir, await ca.issue("r2", { notBefore: Date.now() - 2 * day, notAfter: Date.now() - day }), [ca]);
      await up(fabric);
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
      await becomes(r1, "down its certificate has ended");
      writeIdentity(r2.stateDir, await (await (await (await (await ca.below("a")).below("b")).below("c")).below("d")).issue("r2"), [ca]);
      await becomes(r1, "down its chain of certificates is too long");
      writeIdentity(r2.stateDir, await (await ca.below("below", { key: "RSA" })).issue("r2"), [ca]);
      await becomes(r1, "down an authority of its chain has a key that is neither Ed25519 nor ECDSA P-256, or signed with a weak hash");
      writeIdentity(r2.stateDir, await other.issue("r2"), [other, ca]);
      await becomes(r1, "down its certificate is of an authority that is not trusted here");
      expect([(await ping(fabric.net, "a", hostAddress(2, 4), { count: 1 })).answered, (await r1.drops())["no-key"]]).toEqual([0, 1]);
      writeIdentity(r2.stateDir, await ca.issue("r2", { notBefore: Date.now() + day }), [ca]);
      await becomes(r1, "down its certificate is not valid yet, or a clock is wrong");
      expect((await r1.status()).alarms).toMatchObject([{ severity: "critical", name: "peer-not-authenticated", object: "peer r2" }]);
      const good = await ca.issue("r2");
      writeIdentity(r2.stateDir, good, [ca]);
      await becomes(r1, "up");
      const client = clientOf(fabric);
      await waitFor("bytes come back", async () => (await client.report()).receivedBytes > 200);
      fabric.put(fabric.object("Router", "r1", { trust: { revoked: [good.serial] } }));
      await becomes(r1, "down its certificate is revoked", 60_000);
      await waitFor("its sessions end", async () => (await r1.live()).length === 0);
      await waitFor("an alarm tells of it", async () => (await r1.status()).alarms?.some(({ name, object }) => name === "certificate-refused" && object === "peer r2"));
      await client.stop();
      writeIdentity(r2.stateDir, await ca.issue("r2"), [ca]);
      await becomes(r1, "up", 60_000);
      const events = (router: Router): string[] => readFileSync(join(router.stateDir, "audit.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as Record<string, string>).map(({ kind, action, object }) => `${kind} ${action} ${object}`);
      const told = ["identity in-use Router r1", "alarm raised peer r2", "alarm cleared peer r2", "key refused peer r2", "key exchanged peer r2", "revocation listed serials", "revocation peer-removed peer r2"];
      await waitFor("the audit log has all of it", () => told.every((event) => events(r1).includes(event)), { show: () => events(r1).join("\n") });
      await waitFor("and of the other router its certificates", () => events(r2).filter((event) => event === "identity renewed Router r2").length >= 4);
    } finally {
      await fabric.close();
    }
  }, 240_000);

  test("S-8 a router with the certificate of another name at the address of the peer gets no keys, and a router takes no certificate with a further name", async () => {
    const { fabric, r1, r2 } = await openPair(byCertificate());
    try {
      const router = fabric.object("Router", "r2"), renamed = { ...router, metadata: { ...router.metadata, name: "r3" } };
      r2.config.remove(router);
      r2.config.put(renamed);
      r2.identity = ["--name", "r3"];
      writeIdentity(r1.stateDir, await ca.issue("r1"), [ca]);
      writeIdentity(r2.stateDir, await ca.issue("r3"), [ca]); // good in itself
      r2.launch();
      await r1.start();
      await becomes(r1, "down its certificate is that of another router, or not of one router alone");
      expect([(await ping(fabric.net, "a", hostAddress(2, 4), { count: 1 })).answered, (await r1.peers())[0]?.keys]).toEqual([0, { send: "", receive: "" }]);
      writeIdentity(r1.stateDir, await ca.issue("r1", { names: [{ type: "dns", value: "r1.example.com" }] }), [ca]);
      await waitFor("the log tells why it is not taken", () => r1.process.lines.some((line) => line.includes("is no certificate of a router (wrong-name)")));
      r2.config.remove(renamed);
      r2.config.put(router);
      r2.identity = ["--name", "r2"];
      await r2.stop();
      writeIdentity(r2.stateDir, await ca.issue("r2"), [ca]);
      await r2.start();
      await becomes(r1, "up"); // with the certificate that it had
    } finally {
      await fabric.close();
    }
  }, 180_000);

  test("8 a service whose policy asks for a post-quantum exchange does not go to a peer with a pre-shared key, and does once both have certificates", async () => {
    const site = openSite({ more: { securityPolicyRef: { name: "pq" } } });
    const fabric = new Fabric(await openNet(pair), { ...site, policies: { pq: { postQuantumRequired: true } } }), [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    try {
      for (const router of [r1, r2]) writeIdentity(router.stateDir, await ca.issue(router.name), [ca]);
      await up(fabric);
      expect([(await r1.peers())[0]?.state, (await ping(fabric.net, "a", hostAddress(2, 4), { count: 2 })).answered, await r1.live()]).toEqual(["up", 0, []]);
      expect((await r1.drops())["no-path"]).toBe(2);
      expect((await r1.status()).configuration.problems.join()).toContain('asks for a post-quantum exchange, and Router r1 has a pre-shared key with "r2"');
      fabric.put(...[r1, r2].map(({ name }) => fabric.object("Router", name, { authentication: "Certificate" })));
      await waitFor("both exchanged keys", async () => (await r1.peers())[0]?.exchange?.state === "done" && (await r2.peers())[0]?.exchange?.state === "done", { deadlineMs: 40_000 });
      await waitFor("the service is reached", async () => (await ping(fabric.net, "a", hostAddress(2, 4), { count: 2 })).answered === 2);
    } finally {
      await fabric.close();
    }
  }, 120_000);

  test("RB-21 RB-34 keys rotate under load, as often as is asked but not while new ones wait, and nothing fails", async () => {
    const more = { keyRotation: { interval: "1h" } }; // of 5 s here
    const routers = byCertificate();
    const { fabric, r1, r2 } = await openPair({ r1: { ...routers["r1"], more }, r2: { ...routers["r2"], more } }, ["--key-hour", "5000"]);
    try {
      for (const router of [r1, r2]) writeIdentity(router.stateDir, await ca.issue(router.name), [ca]);
      await up(fabric);
      await becomes(r1, "up");
      await becomes(r2, "up"); // what comes before its half is there is lost
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
      const client = clientOf(fabric, SESSIONS), before = (await r2.drops())["unknown-key"];
      const keyOf = async (): Promise<string> => (await r1.peers())[0]?.keys.send ?? "";
      const seen = new Set<string>();
      await waitFor("three keys were in use", async () => seen.add(await keyOf()).size >= 3, { deadlineMs: 150_000 });
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 81 });
      const late = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 81, sessions: 20, everyMs: 100 });
      await waitFor("sessions begin under the new key", async () => (await late.report()).answered === 20);
      expect(await late.stop()).toMatchObject({ answered: 20, wrong: 0, faults: {} });
      expect(await client.stop()).toMatchObject({ answered: SESSIONS, wrong: 0, faults: {} });
      const [one, other] = [await r1.drops(), await r2.drops()];
      expect([one["hmac-failure"], one["unknown-key"], other["hmac-failure"], other["unknown-key"]]).toEqual([undefined, undefined, undefined, before]);
    } finally {
      await fabric.close();
    }
  }, 300_000);
});
