// Idle timeout and class of a session by what it carries (behaviour 3.5). Called when a session is made.
import type { RouterConfig, ServiceConfig } from "./config.ts";

/** SessionType is what is known of traffic by protocol and port. */
interface SessionType { proto: number; port: number; idleMs: number }

/** Built-in session types: DNS over both, SSH. */
const builtIn: readonly SessionType[] = [
  { proto: 17, port: 53, idleMs: 5_000 },
  { proto: 6, port: 53, idleMs: 5_000 },
  { proto: 6, port: 22, idleMs: 1_900_000 },
];

/** idleTimeout gives milliseconds without packets until a session ends: of the service, else of its session type, else of the protocol. */
export function idleTimeout(config: Pick<RouterConfig, "timers">, service: Pick<ServiceConfig, "idleMs">, packet: { proto: number; port: number }): number {
  if (service.idleMs !== undefined) return service.idleMs;
  const type = builtIn.find((one) => one.proto === packet.proto && one.port === packet.port);
  return type?.idleMs ?? byProtocol(config, packet.proto);
}

function byProtocol({ timers }: Pick<RouterConfig, "timers">, proto: number): number {
  switch (proto) {
    case 6: return timers.tcpIdleMs;
    case 17: return timers.udpIdleMs;
    case 1: case 58: return timers.icmpIdleMs;
    default: return timers.otherIdleMs;
  }
}
