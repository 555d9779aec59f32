// The session record (behaviour 13.1): one JSON object per start, interim, end, deny and loss. Written by routers,
// read by the console and by svrctl. Fields are added, never re-used.

/** RecordType tells what a record reports (behaviour 13.1). */
export type RecordType = "start" | "interim" | "end" | "modify" | "deny" | "loss";

/** SessionRecord is one telemetry record; (router, boot, sequence) is unique and gap-free, times are RFC 3339 with ms. */
export interface SessionRecord {
  recordType: RecordType;
  boot: string;
  sequence: number;
  time: string;
  router: string;
  role?: string;
  /** 32 hex digits, the trace id; absent on loss and on denials before a session existed */
  sessionId?: string;
  spanId?: string;
  /** absent at the first router of a session */
  parentSpanId?: string;
  tenant?: string;
  service?: string;
  /** BestEffort, Low, Medium or High */
  trafficClass?: string;
  protocol?: number;
  sourceAddress?: string;
  sourcePort?: number;
  destinationAddress?: string;
  destinationPort?: number;
  ingressInterface?: string;
  egressInterface?: string;
  vlan?: number;
  /** address:port after NAT, empty without */
  natSource?: string;
  natDestination?: string;
  waypointLocal?: string;
  waypointRemote?: string;
  peer?: string;
  peerPath?: string;
  /** where forward packets leave: key of the next hop in the router's configuration */
  nextHop?: string;
  security?: string;
  /** tcp or udp: what carries packets between routers; absent when no peer takes part */
  carrier?: string;
  startTime?: string;
  /** milliseconds */
  duration?: number;
  forwardPackets?: number;
  forwardBytes?: number;
  reversePackets?: number;
  reverseBytes?: number;
  retransmissions?: number;
  outOfOrder?: number;
  tcpState?: string;
  /** milliseconds */
  setupTime?: number;
  endReason?: string;
  denyReason?: string;
  /** deny, of packets that the data plane refused: how many others it refused for this reason since the last such record, without one of their own */
  suppressed?: number;
  /** loss: number of records that could not be delivered */
  lost?: number;
}
