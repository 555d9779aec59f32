// Peers of one router and the paths to them (protocol 2, 7, 15). Called by graph.ts for each router. A broken path or
// peer is left out alone; the other peers of the router stay.
import { sameAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { RouterPeer } from "../api/peer.ts";
import type { Router } from "../api/router.ts";
import { acceptedAddress, acceptedPorts } from "./accepted.ts";
import type { InterfaceConfig, LocalConfig, NexthopConfig, PathConfig, PeerConfig, PortRange } from "./config.ts";
import { globalTenant } from "./config.ts";
import { compareNames } from "./entries.ts";
import { holdsSuite } from "./holds.ts";
import type { Input, Names, PlanInputs } from "./inputs.ts";
import { rangesOverlap } from "./interfaces.ts";
import { attachedAt, isOnLink, nexthopOf, pathNexthopKey } from "./links.ts";
import type { Attached } from "./links.ts";
import { originIn } from "./report.ts";
import type { Complaint, Report } from "./report.ts";
import { suites } from "./services.ts";

/** PeerWork is what the peers of a router are compiled from. */
export interface PeerWork {
  input: Input<"Router">;
  inputs: PlanInputs;
  tenants: Names;
  interfaces: readonly InterfaceConfig[];
  locals: readonly LocalConfig[];
  /** next hops of the interfaces, for gateways */
  nexthops: readonly NexthopConfig[];
  report: Report;
}

/** CompiledPeers is what the peers of a router give. */
export interface CompiledPeers {
  peers: PeerConfig[];
  paths: PathConfig[];
  nexthops: NexthopConfig[];
}

type PathSpec = RouterPeer["paths"][number];
type Refusal = { field: string; complaint: Complaint };
interface PathPlace { work: PeerWork; peer: RouterPeer; spec: PathSpec; field: string }

/** compilePeers compiles the peers of a router, sorted by name, and their paths, sorted by key. */
export function compilePeers(work: PeerWork): CompiledPeers {
  const result: CompiledPeers = { peers: [], paths: [], nexthops: [] };
  for (const [index, peer] of work.input.object.spec.peers.entries()) {
    const field = `spec.peers[${index}]`;
    const config = compilePeer(work, peer, field);
    if (config === undefined) continue;
    result.peers.push(config);
    for (const [place, spec] of peer.paths.entries()) addPath({ work, peer, spec, field: `${field}.paths[${place}]` }, result);
  }
  result.peers.sort((a, b) => compareNames(a.name, b.name));
  result.paths.sort((a, b) => compareNames(a.key, b.key));
  return result;
}

function compilePeer(work: PeerWork, peer: RouterPeer, field: string): PeerConfig | undefined {
  const { input, report, tenants } = work;
  if (peer.name === input.object.metadata.name) {
    report.error(input, `${field}.name`, { code: "value", message: "a router is no peer of itself", fix: "name the other router" });
    return undefined;
  }
  for (const [index, tenant] of peer.allowedTenants.entries()) {
    if (tenant !== globalTenant && !tenants.has(tenant)) report.warn(input, `${field}.allowedTenants[${index}]`, report.unknown("Tenant", tenant, tenants));
  }
  compareSides(work, peer, field);
  const { enabled, suite, required } = peer.metadataEncryption;
  return {
    name: peer.name, ...keyingOf(input.object, peer), hmac: peer.hmac, metadataEncryption: { enabled, suite, required: required ?? enabled },
    allowedTenants: peer.allowedTenants.map((tenant, index) => ({ tenant, origin: originIn(input, `${field}.allowedTenants[${index}]`) }))
      .sort((a, b) => compareNames(a.tenant, b.tenant)),
    ...(peer.originSignature !== "VerifyIfPresent" && { originSignature: peer.originSignature }), origin: originIn(input, field),
  };
}

/** How keys with a peer come about; only what differs from a pre-shared key. */
function keyingOf(router: Router, peer: RouterPeer): Pick<PeerConfig, "authentication" | "psk" | "initiator"> {
  const initiator = { None: undefined, ThisRouter: "self", Peer: "peer" }[peer.outboundOnly] as PeerConfig["initiator"];
  return {
    ...(isByCertificate(router, peer) && { authentication: "certificate" as const }), ...(peer.psk !== undefined && { psk: peer.psk }),
    ...(initiator !== undefined && { initiator }),
  };
}

function isByCertificate(router: Router, peer: RouterPeer): boolean {
  return router.spec.authentication === "Certificate" || peer.psk === undefined;
}

const otherSide = { None: "None", ThisRouter: "Peer", Peer: "ThisRouter" } as const;

/** What both Router objects must say alike, when the other one is at hand. */
function compareSides({ input, inputs, report }: PeerWork, peer: RouterPeer, field: string): void {
  const other = inputs.Router.get(peer.name);
  if (other === undefined) return;
  const back = other.object.spec.peers.find((one) => one.name === input.object.metadata.name);
  const differ = (at: string, ours: unknown, theirs: unknown): void => {
    if (ours !== theirs) report.warn(input, `${field}.${at}`, { code: "conflict", message: `${other.id} says ${String(theirs)}, this one ${String(ours)}`, fix: "write the same on both routers" });
  };
  if (back === undefined) {
    report.warn(input, `${field}.name`, { code: "conflict", message: `${other.id} does not list this router as a peer`, fix: `add a peer "${input.object.metadata.name}" there` });
    return;
  }
  differ("hmac.mode", peer.hmac.mode, back.hmac.mode);
  if (back.metadataEncryption.required ?? back.metadataEncryption.enabled) differ("metadataEncryption.enabled", peer.metadataEncryption.enabled, true);
  const way = (router: Router, of: RouterPeer): string => (isByCertificate(router, of) ? "certificate" : "pre-shared key");
  differ("psk", way(input.object, peer), way(other.object, back));
  differ("outboundOnly", peer.outboundOnly, otherSide[back.outboundOnly]);
  if (peer.psk !== undefined && back.psk !== undefined) differ("psk.generation", peer.psk.generation, back.psk.generation);
}

function addPath(place: PathPlace, result: CompiledPeers): void {
  const { work, field } = place;
  const compiled = compilePath(place);
  const refusal = compiled.ok ? collision(compiled.value.path, result.paths) : compiled.error;
  if (refusal !== undefined) work.report.error(work.input, `${field}.${refusal.field}`, refusal.complaint);
  else if (compiled.ok) {
    result.paths.push(compiled.value.path);
    result.nexthops.push(compiled.value.nexthop);
  }
}

function compilePath(place: PathPlace): Result<{ path: PathConfig; nexthop: NexthopConfig }, Refusal> {
  const { work, peer, spec, field } = place;
  const attached = attachedAt(work.interfaces, spec.interface, spec.vlan ?? 0);
  if (!attached.ok) return attached;
  const remote = acceptedAddress(spec.remoteAddress);
  const local = localOf(work, { spec, attached: attached.value, remote });
  if (!local.ok) return local;
  const gateway = gatewayOf(work, { text: spec.gateway, attached: attached.value, remote });
  if (!gateway.ok) return gateway;
  const { interface: one, network } = attached.value;
  const payload = payloadOf(place);
  if (!payload.ok) return payload;
  const origin = originIn(work.input, field);
  const mtu = mtuOf(place, one);
  const key = pathNexthopKey(peer.name, spec.name);
  const ports = announcedPorts(place, remote);
  compareCiphers(place, local.value);
  const path: PathConfig = {
    key: `${peer.name}/${spec.name}`, peer: peer.name, name: spec.name, ...(spec.vector === undefined ? {} : { vector: spec.vector }),
    interface: one.name, ifnum: one.ifnum, vlan: network.vlan, family: remote.family, local: local.value, remote, nexthop: key, mtu, pairs: spec.pairs,
    ...payload.value, ...(ports === undefined ? {} : { remotePorts: ports }), origin,
  };
  const nexthop = nexthopOf({ key, at: { interface: one, vlan: network.vlan }, family: remote.family, ...(gateway.value === undefined ? {} : { gateway: gateway.value }), mtu, origin });
  return ok({ path, nexthop });
}

/** Encrypted bodies need encrypted metadata for their key, and tags. */
function payloadOf({ peer, spec: { payloadEncryption } }: PathPlace): Result<Pick<PathConfig, "payload">, Refusal> {
  if (payloadEncryption === undefined) return ok({});
  if (holdsSuite(suites[payloadEncryption], peer)) return ok({ payload: suites[payloadEncryption] });
  const what = peer.metadataEncryption.enabled ? "packets to this peer have no tags" : "the key of payloads would travel in clear metadata to this peer";
  return fail({ field: "payloadEncryption", complaint: { code: "conflict", message: `${payloadEncryption} cannot be used: ${what}`, fix: "set metadataEncryption.enabled and another hmac.mode at the peer, or leave payloadEncryption out" } });
}

/** The router where a session begins decides by its own object: sessions from one end would be encrypted otherwise than those from the other. */
function compareCiphers({ work, peer, spec, field }: PathPlace, local: IpAddress): void {
  const announced = work.locals.find((one) => one.waypoint && sameAddress(one.address, local))?.publicAddress ?? local;
  const sides = work.inputs.Router.get(peer.name)?.object.spec.peers.filter((one) => one.name === work.input.object.metadata.name) ?? [];
  const back = sides.flatMap((one) => one.paths).filter((one) => sameAddress(acceptedAddress(one.remoteAddress), announced));
  if (back.length === 0 || back.some((one) => one.payloadEncryption === spec.payloadEncryption)) return;
  const [theirs, ours] = [back[0]?.payloadEncryption, spec.payloadEncryption].map((one) => one ?? "nothing");
  work.report.warn(work.input, `${field}.payloadEncryption`, { code: "conflict", message: `Router ${peer.name} says ${theirs} for this path, this one ${ours}`, fix: "write the same on both routers" });
}

/** The own waypoint address of a path: the one given, or the first of the network in the family of the remote address. */
function localOf(work: PeerWork, at: { spec: PathSpec; attached: Attached; remote: IpAddress }): Result<IpAddress, Refusal> {
  const { interface: one, network } = at.attached;
  const waypoints = work.locals.filter((local) => local.waypoint && local.interface === one.name && local.vlan === network.vlan && local.address.family === at.remote.family);
  const wanted = at.spec.localAddress === undefined ? undefined : acceptedAddress(at.spec.localAddress);
  const found = wanted === undefined ? waypoints[0] : waypoints.find((local) => sameAddress(local.address, wanted));
  if (work.locals.some((local) => sameAddress(local.address, at.remote) && local.waypoint)) {
    return fail({ field: "remoteAddress", complaint: { code: "conflict", message: `${at.spec.remoteAddress} is a waypoint of this router itself`, fix: "write the address of the peer" } });
  }
  if (found !== undefined) return ok(found.address);
  const what = wanted === undefined ? `interface "${one.name}" has no IPv${at.remote.family} waypoint for ${at.spec.remoteAddress}` : `${at.spec.localAddress} is no IPv${at.remote.family} waypoint of interface "${one.name}"`;
  return fail({ field: wanted === undefined ? "interface" : "localAddress", complaint: { code: "reference", message: what, fix: "add the address to the waypoints of the interface, or correct the path" } });
}

/** gatewayOf finds the next hop toward an address: the gateway given, nothing on link, else the gateway of the network. */
export function gatewayOf(work: Pick<PeerWork, "nexthops">, at: { text: string | undefined; attached: Attached; remote: IpAddress }): Result<IpAddress | undefined, Refusal> {
  const { interface: one, network } = at.attached;
  const given = at.text === undefined ? undefined : acceptedAddress(at.text);
  if (given !== undefined) {
    if (given.family !== at.remote.family) return fail({ field: "gateway", complaint: { code: "value", message: `gateway ${at.text} is of another family than the destination`, fix: `write an IPv${at.remote.family} gateway` } });
    if (!isOnLink(network, given)) return fail({ field: "gateway", complaint: { code: "value", message: `gateway ${at.text} is not on link at interface "${one.name}"`, fix: "give the interface an address of the gateway's network" } });
    return ok(given);
  }
  if (isOnLink(network, at.remote)) return ok(undefined);
  const gateway = work.nexthops.find((nexthop) => nexthop.key === network.gateways[at.remote.family])?.gateway;
  if (gateway !== undefined) return ok(gateway);
  return fail({ field: "gateway", complaint: { code: "required", message: `the address is not on link at interface "${one.name}", and there is no IPv${at.remote.family} gateway`, fix: "write a gateway here or on the interface" } });
}

function mtuOf({ work, spec, field }: PathPlace, one: InterfaceConfig): number {
  if (spec.mtu === undefined || spec.mtu <= one.mtu) return spec.mtu ?? one.mtu;
  work.report.warn(work.input, `${field}.mtu`, { code: "range", message: `${spec.mtu} is more than the ${one.mtu} of interface "${one.name}", which is used`, fix: "lower it, or raise the MTU of the interface" });
  return one.mtu;
}

/** The range that the peer announced: as written here, else as its Router object says for that address. */
function announcedPorts({ work, peer, spec, field }: PathPlace, remote: IpAddress): PortRange | undefined {
  const waypoints = work.inputs.Router.get(peer.name)?.object.spec.interfaces.flatMap((one) => one.waypoints) ?? [];
  const texts = waypoints.filter((one) => sameAddress(acceptedAddress(one.publicAddress ?? one.address), remote)).map((one) => one.ports);
  const announced = texts.filter((text) => text !== undefined).map(acceptedPorts);
  const written = spec.ports === undefined ? undefined : acceptedPorts(spec.ports);
  if (written === undefined) return announced[0];
  if (texts.length > 0 && !announced.some((one) => one.first === written.first && one.last === written.last)) {
    work.report.warn(work.input, `${field}.ports`, { code: "conflict", message: `Router ${peer.name} announces other ports for ${spec.remoteAddress}`, fix: "write the same range on both routers, or leave it out here" });
  }
  return written;
}

/** Two paths to one remote address would share flow keys unless the ranges of the two peers are apart. */
function collision(path: PathConfig, paths: readonly PathConfig[]): Refusal | undefined {
  const other = paths.find((one) => one.ifnum === path.ifnum && one.vlan === path.vlan && sameAddress(one.remote, path.remote)
    && (one.peer === path.peer ? sameAddress(one.local, path.local) : rangesOverlap(one.remotePorts, path.remotePorts)));
  if (other === undefined) return undefined;
  return { field: "remoteAddress", complaint: { code: "conflict", message: `path ${other.key} has the same addresses on the same interface; this one is left out`, fix: "remove one, or give each peer a port range of its own" } };
}
