// Session types of a Router, one for each port range (behaviour 3.5). Called by graph.ts.
import { millisOf } from "../api/duration.ts";
import { protocolNumber } from "../api/network.ts";
import type { Router } from "../api/router.ts";
import { acceptedPorts } from "./accepted.ts";
import type { SessionTypeConfig } from "./config.ts";
import type { Input, PlanInputs } from "./inputs.ts";
import type { Report } from "./report.ts";

/** compileSessionTypes keeps the order of the list; a service that does not exist is reported, and its type matches nothing. */
export function compileSessionTypes(input: Input<"Router">, inputs: PlanInputs, report: Report): SessionTypeConfig[] {
  return input.object.spec.sessionTypes.flatMap((type, index) => {
    if (type.service !== undefined && !inputs.Service.has(type.service)) report.warn(input, `spec.sessionTypes[${index}].service`, report.unknown("Service", type.service, inputs.Service));
    return type.ports.length === 0 ? [typeOf(type)] : type.ports.map((ports) => ({ ...typeOf(type), ports: acceptedPorts(ports) }));
  });
}

function typeOf(type: Router["spec"]["sessionTypes"][number]): SessionTypeConfig {
  return {
    name: type.name, protocol4: protocolNumber(type.protocol, 4), protocol6: protocolNumber(type.protocol, 6),
    ...(type.service !== undefined && { service: type.service }), ...(type.idleTimeout !== undefined && { idleMs: millisOf(type.idleTimeout) }),
    ...(type.initialTimeout !== undefined && { initialMs: millisOf(type.initialTimeout) }), ...(type.trafficClass !== undefined && { trafficClass: type.trafficClass }),
  };
}
