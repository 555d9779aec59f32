// Whether a peer can hold what a service asks for: encrypted payloads need encrypted metadata and tags (protocol 8.2). Shards leave out
// ways to peers that cannot, and so does explain. Pure; called by peers.ts, routes.ts, explain.ts, explainsteps.ts and remedies.ts.
import type { IpFamily } from "../base/address.ts";
import type { Suite } from "../svr/encode.ts";
import { askOver, canHold } from "../svr/protected.ts";
import type { SecurityAsk } from "../svr/protected.ts";
import type { PathConfig, PeerConfig, RouteConfig, ServiceConfig } from "./config.ts";
import type { Lookup } from "./lookup.ts";
import { suites } from "./services.ts";

const clear = { suite: suites.None, everyPacket: false, adaptive: false };

/** holdsSuite tells whether payloads may be encrypted with a suite toward a peer. */
export function holdsSuite(suite: Suite, { metadataEncryption: { enabled, suite: name }, hmac }: { metadataEncryption: Pick<PeerConfig["metadataEncryption"], "enabled" | "suite">; hmac: Pick<PeerConfig["hmac"], "mode"> }): boolean {
  return canHold(suite, { metadataSuite: enabled ? suites[name] : suites.None, hasTags: hmac.mode !== "Disabled" });
}

/** mayCarry tells whether sessions of a service that begin here may take a way: they never go less protected than asked. */
export function mayCarry(lookup: Lookup, service: ServiceConfig, route: RouteConfig): boolean {
  return weakPeer(lookup, service, route) === undefined;
}

/** weakPeers are the peers that a service does not go to for that, in the order of its ways. */
export function weakPeers(lookup: Lookup, service: ServiceConfig, family: IpFamily): PeerConfig[] {
  return [...new Set(lookup.routes(service.name, family).flatMap((route) => weakPeer(lookup, service, route) ?? []))];
}

function weakPeer(lookup: Lookup, service: ServiceConfig, route: RouteConfig): PeerConfig | undefined {
  if (route.kind !== "peer") return undefined;
  const peer = lookup.peer(route.peer);
  return peer === undefined || holdsService(service, lookup.path(route.path), peer) ? undefined : peer;
}

/** askOn is what a service asks for over a path. */
export function askOn(service: Pick<ServiceConfig, "security">, path: Pick<PathConfig, "payload"> | undefined): SecurityAsk {
  return askOver(service.security ?? clear, path);
}

/** holdsService tells whether a peer can hold what a service asks for over a path. */
export function holdsService(service: Pick<ServiceConfig, "security">, path: Pick<PathConfig, "payload"> | undefined, peer: Parameters<typeof holdsSuite>[1]): boolean {
  return holdsSuite(askOn(service, path).suite, peer);
}
