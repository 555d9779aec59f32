// Metadata of a session: what this router says toward the next one, forward and reverse (protocol 4, 5, 6.2). Pure;
// called by relay.ts and control.ts. Encoding and signing are pkg/svr's.
import { transitTlvs } from "../svr/metadata.ts";
import type { Metadata } from "../svr/metadata.ts";
import type { Modify } from "../svr/segment.ts";
import type { Session, SessionContext } from "../svr/session.ts";
import { Role } from "../svr/session.ts";
import { securityTlvs } from "../svr/protected.ts";
import type { SessionSecurity } from "../svr/protected.ts";
import type { Tables } from "./tables.ts";

/** Saying is what changes from packet to packet. */
export interface Saying {
  modify?: Modify | undefined;
  /** seconds of idle time that remain, told when metadata is re-triggered */
  remainingSeconds?: number | undefined;
  /** how the session is protected; of forward metadata the ingress says it, with the key (protocol 8.2) */
  security?: SessionSecurity | undefined;
  /** of a capture that this router began (TLV 0x8005) */
  captureTag?: Uint8Array | undefined;
  /** metadata of the packet being relayed: its S-scoped TLVs are copied (protocol 5) */
  copied?: Metadata | undefined;
}

/** forwardMetadata is the mandatory list of protocol 6.2 and what the session adds. */
export function forwardMetadata(tables: Tables, session: Session, saying: Saying): Metadata {
  return joined(saying.copied, {
    forwardContext: session.context,
    uuid: session.uuid,
    tenant: nameText(tables, session.tenant),
    service: nameText(tables, session.service),
    sourceRouter: nameText(tables, session.sourceRouter),
    traceContext: { flags: session.traceFlags, parentSpan: session.span },
    modify: saying.modify, remainingSeconds: saying.remainingSeconds, captureTag: saying.captureTag ?? saying.copied?.captureTag,
    ...(saying.security === undefined ? {} : securityTlvs(saying.security)),
  });
}

/** reverseMetadata answers toward the ingress; the egress reports a service other than the one it was told. */
export function reverseMetadata(tables: Tables, session: Session, saying: Saying): Metadata {
  const egress = session.role === Role.transit ? session.handshake.egressRouter : tables.routerId;
  const service = session.handshake.reverseService;
  return joined(saying.copied, {
    reverseContext: reverseContext(session),
    uuid: session.uuid,
    tenant: nameText(tables, session.tenant),
    service: service === 0 ? saying.copied?.service : nameText(tables, service),
    sourceRouter: nameText(tables, egress),
    traceContext: { flags: session.traceFlags, parentSpan: session.span },
    modify: saying.modify, remainingSeconds: saying.remainingSeconds,
    ...(saying.security === undefined ? {} : securityTlvs(saying.security, true)),
  });
}

/** reverseContext runs from the address that answers at the egress to the client of the forward context. */
export function reverseContext(session: Session): SessionContext {
  const { context } = session;
  return {
    source: session.answer, destination: context.source, sourcePort: context.destinationPort, destinationPort: context.sourcePort,
    proto: context.proto, family: context.family,
  };
}

/** What a transit router copies, and what each router says itself. */
function joined(copied: Metadata | undefined, own: Metadata): Metadata {
  return copied === undefined ? own : { ...transitTlvs(copied), ...own };
}

function nameText(tables: Tables, id: number): string {
  return tables.plainNameOf(id) ?? "unknown";
}
