// Shapes of the admin API's answers as schemas, so that a router of another version, or something that is no router, gives a
// clear message and never half a table. Called by ask.ts and by the generator of the reference; fields that are not known
// here pass through. The shapes are those of pkg/api/view.ts; what is said about a field here is published.
import { z } from "zod";
import type { ApiObject } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import { traceStages } from "../api/view.ts";
import type { AuditView, CaptureView, CountersView, PeerView, PreviewView, ProblemView, SessionList, SessionView, StatusView, TableView, TraceView, VerifyView } from "../api/view.ts";
import type { RouterConfig } from "../plan/config.ts";

const text = (meaning: string): z.ZodString => z.string().meta({ description: meaning });
const number = (meaning: string): z.ZodNumber => z.number().meta({ description: meaning });
const flag = (meaning: string): z.ZodBoolean => z.boolean().meta({ description: meaning });
const maybe = (meaning: string): z.ZodExactOptional<z.ZodString> => z.string().exactOptional().meta({ description: meaning });
const maybeNumber = (meaning: string): z.ZodExactOptional<z.ZodNumber> => z.number().exactOptional().meta({ description: meaning });

const flowSchema = z.looseObject({
  direction: z.enum(["forward", "reverse"]).meta({ description: "forward: from the host that opened the session" }),
  interface: text("interface where packets of this direction arrive"), vlan: number("VLAN there; 0 untagged"),
  source: text("source address:port as received"), destination: text("destination address:port as received"), protocol: number("IP protocol as received"),
  fast: flag("established packets are handled by eBPF alone"), packets: number("packets so far"), bytes: number("bytes so far, from the inner IP header on"),
});

/** sessionSchema is SessionView. */
export const sessionSchema: z.ZodType<SessionView> = z.looseObject({
  sessionId: text("UUID as 32 hexadecimal digits; the trace id"),
  life: z.enum(["live", "guard"]).meta({ description: "guard: ended, late packets are held off" }),
  idle: number("milliseconds since the last packet of either direction"), flows: z.array(flowSchema).meta({ description: "forward flow, then reverse flow" }),
  upstream: z.enum(["R-META", "R-QUIET"]).exactOptional().meta({ description: "metadata state toward the ingress; absent on a host side" }),
  downstream: z.enum(["I-META", "I-QUIET"]).exactOptional().meta({ description: "metadata state toward the egress; absent on a host side" }),
  role: maybe("ingress, transit, egress or single"),
  spanId: maybe("span of this router, 16 hexadecimal digits"), parentSpanId: maybe("span of the router before; absent at the first one"),
  tenant: maybe("tenant of the source"), service: maybe("namespace/name"), trafficClass: maybe("BestEffort, Low, Medium or High"),
  protocol: maybeNumber("IP protocol of the hosts"), sourceAddress: maybe("as the host sent it"), sourcePort: maybeNumber("of ICMP: the identifier"),
  destinationAddress: maybe("as the host sent it"), destinationPort: maybeNumber("0 for ICMP"),
  ingressInterface: maybe("interface of forward packets"), egressInterface: maybe("interface of reverse packets"), vlan: maybeNumber("VLAN of forward packets"),
  natSource: maybe("source address:port after NAT; empty without"), natDestination: maybe("destination address:port after NAT; empty without"),
  waypointLocal: maybe("own waypoint address:port"), waypointRemote: maybe("waypoint address:port of the peer"),
  peer: maybe("neighbouring router"), peerPath: maybe("peer/path"), nextHop: maybe("where forward packets leave"),
  security: maybe("payload between routers: clear, encrypted, adaptive-tls or adaptive-ipsec (hosts encrypt it themselves)"), carrier: maybe("tcp or udp between routers; absent without a peer"),
  startTime: maybe("RFC 3339"), duration: maybeNumber("milliseconds"), setupTime: maybeNumber("milliseconds until data flowed; absent before"),
  forwardPackets: maybeNumber("packets of the host that opened the session"), forwardBytes: maybeNumber("bytes of them"),
  reversePackets: maybeNumber("packets of the answering host"), reverseBytes: maybeNumber("bytes of them"),
  retransmissions: maybeNumber("TCP segments seen again"), outOfOrder: maybeNumber("TCP segments seen out of order"),
  tcpState: maybe("syn-sent, syn-rcvd, established, half-closed, closing or reset"), endReason: maybe("why it ended; only in guard"),
});

/** sessionListSchema is SessionList. */
export const sessionListSchema: z.ZodType<SessionList> = z.looseObject({ items: z.array(sessionSchema), next: maybe("cursor of the next page; absent at the end") });

const interfaceSchema = z.looseObject({
  name: text("name in the configuration"), rxPackets: number("packets received"), rxBytes: number("bytes received"), txPackets: number("packets sent"), txBytes: number("bytes sent"),
});

/** countersSchema is CountersView. */
export const countersSchema: z.ZodType<CountersView> = z.looseObject({
  drops: z.record(z.string(), z.number()).meta({ description: "dropped packets by reason; all reasons are there" }),
  peerDrops: z.record(z.string(), z.record(z.string(), z.number())).meta({ description: "by peer, then reason; those of user space" }),
  interfaces: z.array(interfaceSchema),
  filtered: z.array(z.looseObject({ interface: text("its name"), rule: number("place of the rule in the filter, from 0"), packets: number("packets that the rule denied") })),
  shards: z.array(z.looseObject({ punts: number("first packets and others that eBPF passed up"), denialsSuppressed: number("denials not reported because one like them just was") })),
  refusalsSuppressed: z.record(z.string(), z.number()).default({}).meta({ description: "packets that eBPF refused and that have no deny record of their own, by reason" }),
  healthChecks: z.looseObject({
    sent: number("requests sent"), received: number("requests answered"), exists: number("answers in time"), timeout: number("sessions whose peer did not answer four requests"),
    stale: number("answers that nobody waited for"),
  }),
  records: z.looseObject({ created: number("session records of this boot"), lost: number("those that nobody will get"), waiting: number("those not delivered yet") }),
});

/** tableSchema is TableView. */
export const tableSchema: z.ZodType<TableView> = z.looseObject({ name: text("what is bounded"), entries: number("entries in use"), limit: number("most entries; 0 unlimited"), alarm: flag("at or above 85 %") });

/** tablesSchema is the list of TableView. */
export const tablesSchema: z.ZodType<TableView[]> = z.array(tableSchema);

const stateSchema = z.enum(["up", "down"]).meta({ description: "up: may carry new sessions" });
const pathSchema = z.looseObject({
  name: text("peer/path"), interface: text("own interface"), local: text("own waypoint address"), remote: text("address of the peer"), mtu: number("largest IP packet in force, bytes"), state: stateSchema,
  mtuDiscovery: z.enum(["off", "searching", "found", "silent", "below-floor"]).default("searching").meta({ description: "how the MTU is known: searching: no result yet, packets leave with DF=0; found; silent: nobody answers probes and the last value stays; below-floor: 1,280 bytes do not pass" }),
  waypoints: z.looseObject({ used: number("port pairs of sessions"), free: number("port pairs that a session may take now"), size: number("all port pairs; the rest is in quarantine") }),
});

/** certificateSchema is CertificateView. */
export const certificateSchema = z.looseObject({ subject: text("whom it names, a URI").optional(), serial: text("serial number, hexadecimal"), notAfter: text("its end, RFC 3339") });
/** alarmSchema is AlarmView. */
export const alarmSchema = z.looseObject({
  severity: z.enum(["critical", "major", "minor"]).meta({ description: "how bad it is" }), name: text("what it is, in one word"), object: text("router or peer"), text: text("what is wrong"),
});

/** peerSchema is PeerView. */
export const peerSchema: z.ZodType<PeerView> = z.looseObject({
  name: text("router"), state: stateSchema, reason: text("why it is down").optional(), authentication: z.enum(["psk", "certificate"]).meta({ description: "how keys come about" }).optional(),
  certificate: certificateSchema.optional(), keyAge: number("seconds since the newest keys of an exchange came").optional(),
  exchange: z.looseObject({ state: z.enum(["none", "running", "done"]).meta({ description: "of the exchange of keys" }), refusal: text("why the last one came to nothing, until one completes").optional() }).optional(), hmac: text("Disabled, Regular or TimeBased"), metadataEncryption: text("CBC, GCM or off"),
  keys: z.looseObject({ send: text("id of the key that we sign with, hexadecimal"), receive: text("id of the key that the peer signs with, hexadecimal") }),
  allowedTenants: z.array(z.string()).meta({ description: "tenants that the peer may assert, with their children" }), paths: z.array(pathSchema),
});

/** peersSchema is the list of PeerView. */
export const peersSchema: z.ZodType<PeerView[]> = z.array(peerSchema);

/** statusSchema is StatusView. */
export const statusSchema: z.ZodType<StatusView> = z.looseObject({
  name: text("router"), version: text("version of the program"), boot: text("id of this start"), uptime: number("seconds"), shards: number("threads for first packets"),
  sessions: number("live sessions"), adopted: flag("it went on with sessions of the process before"),
  alarms: z.array(alarmSchema).optional(), certificate: certificateSchema.optional(), protection: text("what seals and opens packets of protected sessions, and why it is not faster").optional(),
  configuration: z.looseObject({
    hash: text("of the compiled configuration and key ids"), appliedAt: text("RFC 3339"), stale: flag("the source says something that is not in force"),
    problems: z.array(z.string()).meta({ description: "file:line:column, object, what is wrong, how to fix it" }),
  }),
});

const lines = z.array(z.looseObject({}));

/** configurationSchema is RouterConfig: its format says what stands in the lists, so another format is refused. */
export const configurationSchema: z.ZodType<RouterConfig> = z.looseObject({
  format: z.literal(1), name: z.string(), interfaces: lines, nexthops: lines, locals: lines, tenants: lines, members: lines, services: lines,
  routes: lines, peers: lines, paths: lines, natPools: lines.default([]), staticNats: lines.default([]), limits: z.looseObject({}), timers: z.looseObject({}),
}).transform((value) => value as unknown as RouterConfig);

/** objectsSchema is a list of configuration objects: those of a kind or field that is not known here are refused. */
export const objectsSchema: z.ZodType<ApiObject[]> = z.array(z.unknown().transform((value, context) => {
  const checked = checkObject(value);
  if (checked.ok) return checked.object;
  context.issues.push({ code: "custom", input: value, message: checked.findings[0]?.message ?? "not an object of this version" });
  return z.NEVER;
}));

/** previewSchema is PreviewView. */
export const previewSchema: z.ZodType<PreviewView> = z.looseObject({
  sessions: number("live sessions that were judged"), cut: number("sessions that would end"), moved: number("sessions that would get other waypoints"), left: number("sessions that would go on as they are"),
  reasons: z.record(z.string(), z.number()).meta({ description: "how many would end for which reason" }),
  named: z.array(z.looseObject({
    sessionId: text("UUID as 32 hexadecimal digits"), effect: z.enum(["cut", "moved"]), reason: maybe("end reason of a cut one"), tenant: maybe("tenant of the source"), service: maybe("namespace/name"),
  })).meta({ description: "the first ones that are not left" }),
});

/** problemSchema is ProblemView. */
export const problemSchema: z.ZodType<ProblemView> = z.looseObject({ type: z.string(), title: z.string(), status: z.number(), detail: z.string(), code: z.string() });

/** auditEnd is where a log ends. */
export const auditEnd = z.looseObject({ sequence: number("number of the last event"), hash: text("SHA-256 of its line, hexadecimal") });

/** auditSchema is AuditView. */
export const auditSchema: z.ZodType<AuditView> = z.looseObject({ path: text("file of the log"), head: auditEnd });

/** verifySchema is VerifyView. */
export const verifySchema: z.ZodType<VerifyView> = z.looseObject({
  ok: flag("everything fits together"), duration: number("milliseconds that it took"),
  checked: z.looseObject({ slots: number("session slots"), sessions: number("slots in use"), entries: number("entries of the flow index"), pairs: number("waypoint pairs") }),
  gauges: z.array(z.looseObject({ name: text("slotsUsed, live, halfOpen or quarantined"), told: number("as the router counts along"), counted: number("as they were counted one by one") })),
  pools: z.array(z.looseObject({
    path: text("peer/path"), used: number("pairs of sessions"), resting: number("pairs that may not be used again yet"), free: number("pairs to give out"),
    moving: number("pairs on their way from one to another"), size: number("all of them"),
  })),
  faults: z.array(z.looseObject({ kind: text("what kind of fault, never renamed"), object: text("where"), text: text("what does not fit") })),
  more: number("faults that are not listed"),
});

/** traceSchema is TraceView. */
export const traceSchema: z.ZodType<TraceView> = z.looseObject({
  verdict: z.enum(["allow", "existing", "deny"]).meta({ description: "allow: it opens a session; existing: it belongs to one" }), reason: maybe("why it is refused"),
  interface: text("where it arrives"), vlan: number("VLAN there; 0 untagged"), tenant: text("tenant of the source"), service: maybe("service that fits"), shard: number("shard that would decide"),
  stages: z.array(z.looseObject({ stage: z.enum(traceStages).meta({ description: "step of behaviour 3.1" }), result: z.enum(["pass", "refuse", "not reached"]).meta({ description: "what it says" }), text: text("more about it, may be empty") })),
  leaves: z.looseObject({
    interface: text("where it leaves"), vlan: number("VLAN there; 0 untagged"), source: text("source address:port as it leaves"), destination: text("destination address:port as it leaves"), protocol: number("IP protocol as it leaves"),
    nextHop: text("next hop"), peerPath: maybe("peer/path; absent toward hosts"), bytes: z.array(z.number()).meta({ description: "packets that would leave, bytes of each" }),
  }).exactOptional(),
  sessionId: maybe("of an existing session"),
});

/** captureSchema is CaptureView. */
export const captureSchema: z.ZodType<CaptureView> = z.looseObject({
  id: text("the same on all routers of a capture"), state: z.enum(["running", "done"]).meta({ description: "done: nothing is added any more" }),
  origin: z.enum(["user", "peer"]).meta({ description: "peer: begun by another router, for sessions that came with its tag" }),
  filter: z.record(z.string(), z.string()).meta({ description: "which sessions; empty: all, or those with the tag" }),
  limits: z.looseObject({ packets: number("at each point of a session"), sessions: number("in all") }), begun: text("RFC 3339"), ends: text("RFC 3339, when it ended or will at the latest"),
  sessions: z.array(z.looseObject({
    sessionId: text("UUID as 32 hexadecimal digits"), forwardIn: number("packets as they came, of the host that opened the session"), forwardOut: number("as they left"),
    reverseIn: number("packets of the answering host as they came"), reverseOut: number("as they left"),
  })),
  packets: number("packets that are kept"), bytes: number("bytes of them"), lost: number("packets that were wanted and could not be kept"),
});

/** captureListSchema is the list of them. */
export const captureListSchema: z.ZodType<{ items: CaptureView[] }> = z.looseObject({ items: z.array(captureSchema) });

/** bytesSchema is an answer that is no JSON. */
export const bytesSchema: z.ZodType<Uint8Array> = z.instanceof(Uint8Array);
