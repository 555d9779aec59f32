// Condition PostQuantumReady of a SecurityPolicy: who is not ready, a bounded list; and which policies ask.
import type { PeerConfig } from "../plan/config.ts";
import type { KubeObject, KubeStore } from "../ports/kube.ts";
import { asksForPostQuantum, postQuantumVerdict } from "./postquantum.ts";

const peers = (...list: [string, "psk" | "certificate"][]): { peers: PeerConfig[] } => ({ peers: list.map(([name, how]) => ({ name, ...(how === "certificate" && { authentication: how }) }) as PeerConfig) });
const fabric: Readonly<Record<string, { peers: PeerConfig[] }>> = {
  a: peers(["b", "certificate"], ["c", "psk"]), b: peers(["a", "certificate"]), c: peers(["a", "psk"]), none: peers(),
  hub: peers(...Array.from({ length: 30 }, (_, index): [string, "psk"] => [`s${index}`, "psk"])),
};
const verdict = (...routers: string[]): ReturnType<typeof postQuantumVerdict> => postQuantumVerdict(routers, (router) => fabric[router]);

test.each<[string, string[], string, string]>([
  ["routers without peers are ready", ["none"], "True PeersReady", "every peer of the 1 routers with its services is known by certificate"],
  ["a router that is gone says nothing", ["gone"], "True PeersReady", "every peer of the 1 routers with its services is known by certificate"],
  ["by certificate is ready", ["b", "none"], "True PeersReady", "every peer of the 2 routers with its services is known by certificate"],
  ["both ends are named, in the order of routers", ["a", "b", "c"], "False PeersNotReady", "pre-shared keys alone: a with c, c with a; its services keep off these. Give both routers certificates and leave psk out at the peer"],
])("%s", (_what, routers, status, message) => {
  const told = verdict(...routers);
  expect([told.type, `${told.status} ${told.reason}`, told.message]).toEqual(["PostQuantumReady", status, message]);
});

test("of many the first ten are named", () => {
  expect(verdict("a", "hub").message).toMatch(/^pre-shared keys alone: a with c, hub with s0, (hub with s\d, ){7}hub with s8 and 21 more; /);
});

test("policies that ask, whatever the others are", () => {
  const policy = (name: string, spec?: unknown): KubeObject => ({ apiVersion: "opensvr.io/v1alpha1", kind: "SecurityPolicy", metadata: { name, namespace: "shop" }, ...(spec !== undefined && { spec }) });
  const store = { list: () => [policy("yes", { postQuantumRequired: true }), policy("no", { postQuantumRequired: false }), policy("empty"), policy("odd", { postQuantumRequired: "true" })] } as unknown as KubeStore;
  expect([asksForPostQuantum(store), asksForPostQuantum(undefined)]).toEqual([["SecurityPolicy shop/yes"], []]);
});
