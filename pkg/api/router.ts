// Kind Router: one router, its interfaces, addresses and limits. Cluster scope. Fields only; peers are in peer.ts.
import { z } from "zod";
import { durationField } from "./duration.ts";
import { clusterKind } from "./envelope.ts";
import { choiceField, countField, deviceField, keyedField, listField, patternField, switchField, textField } from "./fields.ts";
import { filterRuleField, ipOptionsField, mostRules } from "./filter.ts";
import { routerNameField, wordField } from "./names.ts";
import { natField } from "./nat.ts";
import { addressField, hasPorts, interfaceAddressField, mtuField, portsField, portsNeedProtocol, protocolField, vlanField, waypointPortsField } from "./network.ts";
import { peerField } from "./peer.ts";
import { ruled } from "./rules.ts";
import { keyRotationField, trustField } from "./trust.ts";

/** highestIfnum is the highest interface number of a router; numbers are part of flow keys. */
export const highestIfnum = 2_047;

const addressesField = listField(interfaceAddressField("Own address with the length of its network."), { description: "Own addresses. The first of a family is the source of source NAT.", example: ["192.0.2.1/24"], max: 32, unique: true }).default([]);
const gatewaysField = listField(addressField("Next hop for what is not on link, at most one a family.", "192.0.2.254"), { description: "Next hops for what is not on link. Default: none.", example: ["192.0.2.254"], max: 2, unique: true }).default([]);

const vlanAddressesField = listField(interfaceAddressField("Own address with the length of its network."), { description: "Own addresses. The first of a family is the source of source NAT.", example: ["192.0.2.1/24"], max: 4, unique: true }).default([]);

const vlanBlock = z.strictObject({ id: vlanField, addresses: vlanAddressesField, gateways: gatewaysField }).meta({ description: "A VLAN on the interface." });

const waypointField = z.strictObject({
  address: addressField("Own address at which peers reach the router; one of the interface's addresses."),
  publicAddress: addressField("Address that peers send to when a 1:1 NAT stands in front. Default: the address itself.", "203.0.113.7").optional(),
  ports: waypointPortsField.optional(),
}).meta({ description: "A waypoint address." });

const interfaceField = z.strictObject({
  name: wordField("The router's own name of the interface.", "wan0"),
  device: ruled(deviceField({ description: "Device name in the kernel. Default: the name.", example: "eth0" }), {
    holds: (name) => name !== "." && name !== "..", cel: "self != '.' && self != '..'", error: "is not a device name", fix: "write a name other than . and ..",
  }).optional(),
  id: countField({ description: "The router's own number of the interface; keeps sessions when the list is edited. Default: the lowest free number, by place in the list.", example: 1, min: 1, max: highestIfnum }).optional(),
  type: choiceField(["LAN", "WAN", "Shared"], { description: "LAN: hosts. WAN: peers and the outside. Shared: both." }),
  neighbourhood: wordField("Neighbourhood that the interface belongs to. Default: none.", "campus").optional(),
  addresses: addressesField,
  gateways: gatewaysField,
  vlans: keyedField(vlanBlock, { description: "VLANs on the interface. Default: untagged only.", max: 1_024, key: "id" }).default([]),
  mtu: mtuField.default(1_500).meta({ description: "Largest IP packet in bytes. Default: 1500.", examples: [1500] }),
  sharedWithHost: switchField({ description: "The host uses the interface too: packets that are not the router's go on to the host. Default: false.", example: false }).default(false),
  filters: listField(filterRuleField, { description: "Rules on packets that arrive here, in order, on first packets and live flows. Default: none.", max: mostRules }).default([]),
  ipOptions: ipOptionsField.prefault({}),
  sourceCheck: choiceField(["Strict", "None"], { description: "Strict: hosts must send from an address of the interface's networks, of a tenant's prefixes there, or of a service routed there. Default: Strict on a LAN, else None.", example: "Strict" }).optional(),
  waypoints: listField(waypointField, { description: "Addresses at which peers reach the router. Default: none.", max: 16 }).default([]),
}).meta({ description: "An interface." });

const rate = { min: 1, max: 10_000_000 };
const limitsField = z.strictObject({
  sessions: countField({ description: "Most live sessions. Default: 1000000.", example: 1_000_000, min: 1, max: 50_000_000 }).default(1_000_000),
  halfOpen: countField({ description: "Most TCP sessions that are not established. Default: unlimited.", example: 100_000, min: 1, max: 50_000_000 }).optional(),
  halfOpenPerSource: countField({ description: "Most of them from one source address of a tenant: the guard against floods of SYN. Default: unlimited.", example: 1_000, min: 1, max: 50_000_000 }).optional(),
  halfOpenPerTenant: countField({ description: "Most of them of one tenant. Default: unlimited.", example: 20_000, min: 1, max: 50_000_000 }).optional(),
  sessionsPerSource: countField({ description: "Most live sessions of one source address of a tenant. Default: unlimited.", example: 10_000, min: 1, max: 50_000_000 }).optional(),
  firstPacketRate: countField({ description: "First packets a second and tenant from hosts. Default: unlimited.", example: 20_000, ...rate }).optional(),
  perRemoteRate: countField({ description: "First packets a second and remote address from peers. Default: unlimited.", example: 50_000, ...rate }).optional(),
}).meta({ description: "What the router keeps at most; at a limit new sessions are refused." });

const timer = { min: "100ms", max: "24h" };
const timersField = z.strictObject({
  tcpIdle: durationField({ description: "Idle timeout of established TCP. Default: 1900s.", example: "1900s", ...timer }).default("1900s"),
  udpIdle: durationField({ description: "Idle timeout of UDP. Default: 180s.", example: "180s", ...timer }).default("180s"),
  udpInitial: durationField({ description: "Idle timeout of UDP until the first reverse packet. Default: that of UDP.", example: "10s", ...timer }).optional(),
  icmpIdle: durationField({ description: "Idle timeout of ICMP queries. Default: 10s.", example: "10s", ...timer }).default("10s"),
  otherIdle: durationField({ description: "Idle timeout of other protocols. Default: 180s.", example: "180s", ...timer }).default("180s"),
  synSent: durationField({ description: "TCP after SYN. Default: 10s.", example: "10s", ...timer }).default("10s"),
  synReceived: durationField({ description: "TCP after SYN-ACK. Default: 10s.", example: "10s", ...timer }).default("10s"),
  halfClosedIdle: durationField({ description: "Idle timeout of TCP after one FIN, at most. Default: 300s.", example: "300s", ...timer }).default("300s"),
  closing: durationField({ description: "TCP after both FINs. Default: 10s.", example: "10s", ...timer }).default("10s"),
  reset: durationField({ description: "TCP after RST, until it counts. Default: 5s.", example: "5s", ...timer }).default("5s"),
  guard: durationField({ description: "Time an ended session holds off late packets. Default: 2s.", example: "2s", ...timer }).default("2s"),
  inactivity: durationField({ description: "Silence of the peer after which a session with inactivity-based recovery asks whether it is still known, or a changed address is taken into use. Default: 5s.", example: "5s", ...timer }).default("5s"),
  interim: durationField({ description: "Time between interim records. Default: 300s.", example: "300s", min: "1s", max: "1800s" }).default("300s"),
}).meta({ description: "Timers of sessions." });

const pathMtuField = z.strictObject({
  enabled: switchField({ description: "Find out the largest packet that each peer path carries. Default: true." }).default(true),
  interval: durationField({ description: "Time between two runs on a path. Default: 600s.", example: "600s", min: "1s", max: "24h" }).default("600s"),
}).meta({ description: "Path MTU discovery." });

const icmpField = z.strictObject({
  match: choiceField(["Identifier", "IdentifierAndType"], { description: "What tells two sessions of ICMP queries between the same addresses apart. Routers at both ends should say the same; after a change sessions of before end by their timeout. Default: Identifier.", example: "IdentifierAndType" }).default("Identifier"),
  asyncReply: switchField({ description: "An answer that nobody asked for may begin a session, where service and access allow it and every router of the path says so; else it is dropped. Default: false.", example: true }).default(false),
}).meta({ description: "Sessions of ICMP queries." });

const sessionTypeField = ruled(z.strictObject({
  name: wordField("Name of the type.", "voice"),
  protocol: protocolField,
  ports: listField(portsField, { description: "Destination ports. Default: every port.", example: [5060], max: 16, unique: true }).default([]),
  service: textField({ description: "Service that it is for, as namespace/name. Default: every service.", example: "shop/web", max: 253 }).optional(),
  idleTimeout: durationField({ description: "Idle timeout; a timeout of the service itself wins. Default: that of the protocol.", example: "60s", ...timer }).optional(),
  initialTimeout: durationField({ description: "Idle timeout until the first reverse packet, for what is not TCP. Default: the idle timeout.", example: "5s", ...timer }).optional(),
  trafficClass: choiceField(["High", "Medium", "Low", "BestEffort"], { description: "Class of the sessions. Default: that of the service.", example: "High" }).optional(),
}), {
  holds: (type) => type.ports.length === 0 || hasPorts(type.protocol), cel: portsNeedProtocol,
  error: "has ports, but the protocol has none", path: "ports", fix: "remove ports, or use TCP, UDP or SCTP",
}).meta({ description: "A kind of traffic with timeouts and class of its own." });

const routerSpec = z.strictObject({
  nodeName: patternField({ description: "Kubernetes node whose router pod this is. Default: none, a branch outside of the cluster.", example: "node-1", max: 253, pattern: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, what: "the name of a node" }).optional(),
  interfaces: keyedField(interfaceField, { description: "Interfaces of the router.", min: 1, max: 64, key: "name" }),
  peers: keyedField(peerField, { description: "Routers that it exchanges sessions with. Default: none.", max: 1_024, key: "name" }).default([]),
  nat: natField.prefault({}),
  limits: limitsField.prefault({}),
  timers: timersField.prefault({}),
  sessionTypes: keyedField(sessionTypeField, { description: "Kinds of traffic with timeouts of their own; the first that matches counts, before the built-in ones (DNS 5s, SSH 1900s). Default: none.", max: 64, key: "name" }).default([]),
  quarantine: durationField({ description: "Rest of a released pair of waypoint ports. Default: 30s.", example: "30s", min: "30s", max: "600s" }).default("30s"),
  mssClamp: z.union([z.enum(["Automatic", "None"]), z.int().min(536).max(8_960)], { error: "is not Automatic, None or 536-8960" }).default("Automatic")
    .meta({ description: "Limit of the TCP MSS option: Automatic from the MTU, None, or bytes. Default: Automatic.", examples: ["Automatic"], "x-kubernetes-int-or-string": true }),
  authentication: choiceField(["PerPeer", "Certificate"], { description: "PerPeer: peers with psk by keys derived from it, the others by certificate. Certificate: every peer by certificate; a psk is mixed into the exchange. Default: PerPeer.", example: "Certificate" }).default("PerPeer"),
  trust: trustField.prefault({}),
  keyRotation: keyRotationField.prefault({}),
  pathMtuDiscovery: pathMtuField.prefault({}),
  icmp: icmpField.prefault({}),
  shards: countField({ description: "Threads for first packets. Default: one a processor.", example: 2, min: 1, max: 64 }).optional(),
}).meta({ description: "One router: its interfaces, peers and limits." });

/** routerSchema is kind Router. */
export const routerSchema = clusterKind("Router", routerNameField, routerSpec);

/** Router is one speaker of the protocol. */
export type Router = z.output<typeof routerSchema>;
/** RouterInterface is one interface of a Router. */
export type RouterInterface = Router["spec"]["interfaces"][number];
