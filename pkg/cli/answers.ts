// Shapes of the admin API's answers as schemas, so that a router of another version, or something that is no router, gives a
// clear message and never half a table. Called by ask.ts; fields that are not known here pass through.
import { z } from "zod";
import type { CountersView, PeerView, ProblemView, SessionList, SessionView, StatusView, TableView } from "../api/view.ts";
import type { RouterConfig } from "../plan/config.ts";

const text = z.string();
const number = z.number();
const optionalText = text.exactOptional();
const optionalNumber = number.exactOptional();

const flowSchema = z.looseObject({
  direction: z.enum(["forward", "reverse"]), interface: text, vlan: number, source: text, destination: text, protocol: number,
  fast: z.boolean(), packets: number, bytes: number,
});

/** sessionSchema is SessionView. */
export const sessionSchema: z.ZodType<SessionView> = z.looseObject({
  sessionId: text, life: z.enum(["live", "guard"]), idle: number, flows: z.array(flowSchema),
  upstream: z.enum(["R-META", "R-QUIET"]).exactOptional(), downstream: z.enum(["I-META", "I-QUIET"]).exactOptional(),
  router: optionalText, role: optionalText, spanId: optionalText, parentSpanId: optionalText, tenant: optionalText, service: optionalText,
  protocol: optionalNumber, sourceAddress: optionalText, sourcePort: optionalNumber, destinationAddress: optionalText, destinationPort: optionalNumber,
  ingressInterface: optionalText, egressInterface: optionalText, trafficClass: optionalText, nextHop: optionalText, endReason: optionalText, natSource: optionalText, natDestination: optionalText,
  waypointLocal: optionalText, waypointRemote: optionalText, peer: optionalText, peerPath: optionalText, security: optionalText, carrier: optionalText,
  startTime: optionalText, duration: optionalNumber, forwardPackets: optionalNumber, forwardBytes: optionalNumber,
  reversePackets: optionalNumber, reverseBytes: optionalNumber, retransmissions: optionalNumber, outOfOrder: optionalNumber,
  tcpState: optionalText, setupTime: optionalNumber,
});

/** sessionListSchema is SessionList. */
export const sessionListSchema: z.ZodType<SessionList> = z.looseObject({ items: z.array(sessionSchema), next: optionalText });

/** countersSchema is CountersView. */
export const countersSchema: z.ZodType<CountersView> = z.looseObject({
  drops: z.record(text, number), peerDrops: z.record(text, z.record(text, number)),
  interfaces: z.array(z.looseObject({ name: text, rxPackets: number, rxBytes: number, txPackets: number, txBytes: number })),
  shards: z.array(z.looseObject({ punts: number, denialsSuppressed: number })), records: z.looseObject({ created: number, lost: number, waiting: number }),
});

/** tablesSchema is the list of TableView. */
export const tablesSchema: z.ZodType<TableView[]> = z.array(z.looseObject({ name: text, entries: number, limit: number, alarm: z.boolean() }));

const stateSchema = z.enum(["up", "down"]);
const pathSchema = z.looseObject({
  name: text, interface: text, local: text, remote: text, mtu: number, state: stateSchema,
  waypoints: z.looseObject({ used: number, free: number, size: number }),
});

/** peersSchema is the list of PeerView. */
export const peersSchema: z.ZodType<PeerView[]> = z.array(z.looseObject({
  name: text, state: stateSchema, hmac: text, metadataEncryption: text, keys: z.looseObject({ send: text, receive: text }),
  allowedTenants: z.array(text), paths: z.array(pathSchema),
}));

/** statusSchema is StatusView. */
export const statusSchema: z.ZodType<StatusView> = z.looseObject({
  name: text, version: text, boot: text, uptime: number, shards: number, sessions: number, adopted: z.boolean(),
  configuration: z.looseObject({ hash: text, appliedAt: text, stale: z.boolean(), problems: z.array(text) }),
});

const lines = z.array(z.looseObject({}));

/** configurationSchema is RouterConfig: its format says what stands in the lists, so another format is refused. */
export const configurationSchema: z.ZodType<RouterConfig> = z.looseObject({
  format: z.literal(1), name: text, interfaces: lines, nexthops: lines, locals: lines, tenants: lines, members: lines, services: lines,
  routes: lines, peers: lines, paths: lines, limits: z.looseObject({}), timers: z.looseObject({}),
}).transform((value) => value as unknown as RouterConfig);

/** problemSchema is ProblemView. */
export const problemSchema: z.ZodType<ProblemView> = z.looseObject({ type: text, title: text, status: number, detail: text, code: text });
