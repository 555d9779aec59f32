// Session types (behaviour 3.5): idle timeouts and class of a session by what it carries. User types win over built-in ones, and a
// timeout of the service over both. Called when a session is made, and when a reload changes timeouts.
import type { RouterConfig, ServiceConfig, SessionTypeConfig } from "./config.ts";

/** Carried is the traffic of a session: its IP protocol and destination port. */
export interface Carried { proto: number; port: number }

/** Timeouts are milliseconds without packets until a session ends; `initialMs` until the first reverse packet, 0: the same. */
export interface Timeouts { idleMs: number; initialMs: number }

/** Built-in session types: DNS over both, SSH. */
const builtIn: readonly (Carried & { idleMs: number })[] = [
  { proto: 17, port: 53, idleMs: 5_000 },
  { proto: 6, port: 53, idleMs: 5_000 },
  { proto: 6, port: 22, idleMs: 1_900_000 },
];

type Types = Pick<RouterConfig, "timers" | "sessionTypes">;
type Owner = Pick<ServiceConfig, "name" | "idleMs">;

/** sessionTypeOf gives the user type of traffic: the first in the list that matches. */
export function sessionTypeOf({ sessionTypes }: Pick<RouterConfig, "sessionTypes">, service: Pick<ServiceConfig, "name">, { proto, port }: Carried): SessionTypeConfig | undefined {
  return sessionTypes?.find((type) => (type.protocol4 === proto || type.protocol6 === proto)
    && (type.service === undefined || type.service === service.name) && (type.ports === undefined || (port >= type.ports.first && port <= type.ports.last)));
}

/** timeoutsOf gives both timeouts of a session; the initial one is for what is not TCP. */
export function timeoutsOf(config: Types, service: Owner, packet: Carried): Timeouts {
  const type = sessionTypeOf(config, service, packet);
  const idleMs = service.idleMs ?? type?.idleMs ?? builtIn.find((one) => one.proto === packet.proto && one.port === packet.port)?.idleMs ?? byProtocol(config, packet.proto);
  const initialMs = packet.proto === 6 ? 0 : type?.initialMs ?? (packet.proto === 17 ? config.timers.udpInitialMs ?? 0 : 0);
  return { idleMs, initialMs };
}

function byProtocol({ timers }: Pick<RouterConfig, "timers">, proto: number): number {
  switch (proto) {
    case 6: return timers.tcpIdleMs;
    case 17: return timers.udpIdleMs;
    case 1: case 58: return timers.icmpIdleMs;
    default: return timers.otherIdleMs;
  }
}
