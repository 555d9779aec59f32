// Payload keys as the ingress says them, and new ones (protocol 8.2): by age, when the peer lost what came with the one before, after a restart of this
// router. Called by relay.ts and say.ts when metadata is due, by shard.ts for what the app knows.
import { SUITE_CLEAR } from "../svr/constants.ts";
import type { Metadata } from "../svr/metadata.ts";
import { securityOf, suiteOf } from "../svr/protected.ts";
import type { SessionSecurity } from "../svr/protected.ts";
import { segmentOf } from "../svr/segmentfields.ts";
import { Flag, Role } from "../svr/session.ts";
import type { Handle } from "./batch.ts";
import { sayableKey } from "./protection.ts";
import { stepSegment } from "./segments.ts";
import type { Turn } from "./turn.ts";

/** PAYLOAD_REKEY is the reason of a modify that brings another payload key (protocol 6.6). */
export const PAYLOAD_REKEY = 4;
const KEY_INDEX_MASK = 0xff;

/** renewKey begins a new key where metadata is due and the one that it said is not here any more, or the peer lost what came with it. */
export function renewKey(turn: Turn, handle: Handle): void {
  const { role, security, flags, uuid } = handle.state;
  if (role !== Role.ingress || suiteOf({ security }) === SUITE_CLEAR || (flags & Flag.fwdMeta) === 0 || turn.protection.kept.of(uuid) !== undefined) return;
  beginKey(turn, handle);
}

/** beginKey has the next forward packet say metadata with a new key. */
export function beginKey(turn: Turn, handle: Handle): void {
  turn.protection.kept.drop(handle.state.uuid);
  stepSegment(turn, handle, 1, { kind: "trigger", reason: PAYLOAD_REKEY });
}

/** saidSecurity is what metadata of a session says of its protection; forward metadata of the ingress with the key, whose number is that of the newest modify. */
export function saidSecurity(turn: Turn, handle: Handle, direction: "forward" | "reverse"): SessionSecurity {
  const security = securityOf(handle.state, direction === "forward" ? 0 : 1);
  if (direction === "reverse" || handle.state.role !== Role.ingress || security.suite === SUITE_CLEAR) return security;
  const index = (segmentOf(handle.state, 1)?.modifyOut ?? 0) & KEY_INDEX_MASK;
  return { ...security, payloadKey: sayableKey(turn, handle, index) };
}

/** lacksKey tells that a transit router cannot pass a new key on: it copies keys from what it relays, and keeps none. */
export function lacksKey({ role }: Handle["state"], { payloadKey, modify }: Pick<Metadata, "payloadKey" | "modify">): boolean {
  return role === Role.transit && payloadKey === undefined && modify?.done === false && modify.reason === PAYLOAD_REKEY;
}
