// What routers are told to believe, by a leader and by a replica that only reads; nobody signs with an authority that routers do not know yet.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { settled } from "../../test/support/kube/timers.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { KubeEvent } from "../ports/kube.ts";
import type { RouterSigner } from "../ports/signer.ts";
import { configMaps, secrets } from "./resources.ts";
import { createTrust } from "./trust.ts";
import type { ClusterTrust } from "./trust.ts";

const namespace = "opensvr", [first, second] = ["a", "b"].map((letter) => letter.repeat(40)) as [string, string];
const config = { name: "r1" } as unknown as RouterConfig;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Certificates are words; an authority is known by its word. */
const signer: RouterSigner = {
  judge: () => Promise.resolve(undefined), sign: () => Promise.resolve({ certificate: "signed", serial: "1" }), create: () => Promise.resolve({ certificate: first, key: "key" }),
  facts: ({ certificate }) => Promise.resolve({ top: certificate, key: certificate }),
  certificates: (text) => (/^[ab]+$/.test(text) ? [{ pem: text, notAfter: Infinity }] : []),
};

interface World { kube: MemoryKube; leader: ClusterTrust; follower: ClusterTrust; now: { ms: number; isTold: boolean; changes: number; held: string[] }; events: string[]; give(authority: string): Promise<void> }

function world(): World {
  const kube = new MemoryKube(), now = { ms: 0, isTold: false, changes: 0, held: [first] }, events: string[] = [];
  const trust = (leads: boolean): ClusterTrust => createTrust({
    kube, namespace, signer, nowMs: () => now.ms, monotonicMs: () => now.ms, leads: () => leads, log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    events: { emit: ({ reason, note }: Pick<KubeEvent, "reason" | "note">) => void events.push(`${reason}: ${note}`) },
    fleet: { isTold: () => now.isTold, held: () => now.held.map((authorityKey) => ({ authorityKey, notAfter: Infinity })), originKeys: () => new Map() }, changed: () => { now.changes += 1; },
  });
  return {
    kube, now, events, leader: trust(true), follower: trust(false),
    async give(authority) {
      const found = await kube.get(secrets, { namespace, name: "opensvr-authority" });
      await kube.replace(secrets, { ...found!, data: { "tls.crt": base64(authority), "tls.key": base64("key") } });
    },
  };
}

test("a leader makes the authority, tells every router of it and signs; who only reads makes nothing and tells the same", async () => {
  const { kube, leader, follower, now } = world();
  await follower.look();
  expect([kube.calls, follower.into(config) === config]).toEqual([[], true]);
  await leader.look();
  await follower.look();
  for (const one of [leader, follower]) expect(one.into(config).trust).toEqual({ authorities: [first], revoked: [], issuer: first });
  expect([(await leader.signer())?.certificate, now.changes]).toEqual([first, 2]);
  await leader.look();
  expect(now.changes).toBe(2);
});

test("another authority is told beside the one before, and nobody signs with it, at no replica, until routers know it", async () => {
  const { leader, follower, now, give, events } = world();
  for (const one of [leader, follower]) await one.look();
  await give(second);
  expect(await leader.look()).toEqual({ after: 2_000 });
  now.ms += 10_000;
  expect([leader.into(config).trust, await leader.signer(), await follower.signer()]).toEqual([{ authorities: [first, second], revoked: [], issuer: first }, undefined, undefined]);
  now.isTold = true;
  expect(await leader.look()).toEqual({ done: true });
  now.ms += 10_000;
  expect([(await leader.signer())?.certificate, (await follower.signer())?.certificate]).toEqual([second, second]);
  expect(events.at(-1)).toBe(`AuthoritiesChanged: ${second} signs`);
});

test("the one before goes a minute after the last router has renewed; one that has a certificate of it again begins the minute anew", async () => {
  const { leader, now, give } = world(), believed = async (): Promise<string[]> => {
    await leader.look();
    return leader.into(config).trust?.authorities ?? [];
  };
  await leader.look();
  await give(second);
  now.isTold = true;
  await believed(); // it is believed
  await believed(); // it signs
  const at = async (ms: number, ...held: string[]): Promise<string[]> => {
    [now.ms, now.held] = [ms, held];
    return believed();
  };
  expect(await at(100_000, first, second)).toEqual([first, second]);
  expect(await at(110_000, second)).toEqual([first, second]);
  expect(await at(160_000, first)).toEqual([first, second]);
  expect(await at(170_000, second)).toEqual([first, second]);
  expect(await at(229_999, second)).toEqual([first, second]);
  expect(await at(230_000, second)).toEqual([second]);
});

test("of those that ask a replica at once for an authority that it has not heard of, each hears of it", async () => {
  const { leader, follower, now } = world();
  await follower.look(); // it has just begun, and nobody leads
  await leader.look();
  now.ms += 2_000;
  const all = await Promise.all([1, 2, 3].map(() => follower.signer()));
  expect(all.map((keys) => keys?.certificate)).toEqual([first, first, first]);
});

test("looks go one after the other: what was read first does not take the place of what was read later, and one that fails ends no other", async () => {
  const { kube, leader, follower } = world(), get = kube.get.bind(kube), waiting: (() => void)[] = [];
  await leader.look();
  kube.get = async (resource, at) => {
    const found = await get(resource, at);
    if (at.name === "opensvr-revoked") await new Promise<void>((resolve) => { waiting.push(resolve); });
    return found;
  };
  const early = follower.look();
  await settled();
  await kube.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name: "opensvr-revoked" }, data: { "0f": "stolen" } }, { manager: "opensvr-operator" });
  const late = follower.look();
  await settled();
  for (const go of waiting.splice(0).reverse()) { go(); await settled(); }
  for (const go of waiting.splice(0)) go();
  await Promise.all([early, late]);
  expect(follower.into(config).trust?.revoked).toEqual(["0f"]);
  kube.get = () => {
    kube.get = get;
    return Promise.reject(new Error("away"));
  };
  const all = await Promise.allSettled([follower.look(), follower.look()]);
  expect(all).toEqual([{ status: "rejected", reason: new Error("away") }, { status: "fulfilled", value: { done: true } }]);
});

test("words that are no serial numbers and entries that are no certificates are told of, and take nothing from the others", async () => {
  const { kube, leader, events } = world();
  await leader.look();
  const put = async (name: string, data: object): Promise<void> => { await kube.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data }, { manager: "opensvr-operator" }); };
  await put("opensvr-revoked", { "0F": "stolen", "0-f": "mistake", "0f": "again", "0e": "" });
  await put("opensvr-authorities", { [`${first}.pem`]: first, "signs": first, "next.pem": second, "spoilt.pem": "no certificate" });
  await leader.look();
  expect(leader.into(config).trust).toEqual({ authorities: [first, second], revoked: ["0e", "0f"], issuer: first });
  expect(events.map((text) => text.split(":")[0])).toEqual(["AuthoritiesChanged", "NotASerialNumber", "NotACertificate"]);
});
