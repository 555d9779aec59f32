// What a router must be able to prove later: whom it believed, which keys it had, what was in force and what it refused. Implemented by
// pkg/security as a hash-chained file; called by whoever decides such a thing, on the main thread.

/** AuditActions lists what can happen, by kind of event. */
export interface AuditActions {
  /** this router's own certificate: the one that it found at its start, a first one, its successor; near its end and past it are alarms */
  identity: "in-use" | "issued" | "renewed";
  /** keys of a peer: after an exchange, in place of older ones, no longer valid, or an exchange that was refused */
  key: "exchanged" | "rotated" | "removed" | "refused";
  /** a configuration: in force, or refused while the last good one stays */
  policy: "in-force" | "refused";
  /** new sessions that were refused, many in one event */
  denial: "refused";
  /** serials that may be believed no more, and the peers that lost their keys by it */
  revocation: "listed" | "peer-removed";
  /** what somebody did through the control socket: a session ended by hand; a capture begun, stopped, read or removed */
  access: "session-deleted" | "capture";
  /** something is wrong, or no longer */
  alarm: "raised" | "cleared";
  /** the log about itself: begun by a process, mended after a crash, events that it could not hold */
  audit: "opened" | "healed" | "lost";
}

/** AuditKind is what an event is about. */
export type AuditKind = keyof AuditActions;

/** AuditDetail is what else is known; never key bytes, tokens or payload. Texts are cut at 512 characters. */
export type AuditDetail = Readonly<Record<string, string | number | boolean>>;

/** AuditEvent is one thing that happened: to which object, and what else is known. */
export type AuditEvent = { [Kind in AuditKind]: {
  kind: Kind;
  action: AuditActions[Kind];
  /** whom or what it happened to: `peer west`, `Router east`, `Service shop/web`, `serial 0a1b` */
  object: string;
  detail?: AuditDetail;
} }[AuditKind];

/** AuditHead is the end of the chain: the sequence of the last event and the hash of its line; 0 and 64 zeros before the first. */
export interface AuditHead { sequence: number; hash: string }

/** AuditLog takes events in the order in which they happened. */
export interface AuditLog {
  /** takes an event and returns at once. What cannot be held or written is counted, and the next line that can be says so. */
  write(event: AuditEvent): void;
  /** what is on the disk; an event that was just taken may come a moment later */
  head(): AuditHead;
  /** after it everything that was taken is on the disk */
  close(): Promise<void>;
}

/** AuditText is one line of a log as it stands in its file, and where: `file:number`. */
export interface AuditText { where: string; text: string }

/** ReadAudit gives the lines of a log and of its older files, the oldest first; rejects with the system's error. */
export type ReadAudit = (path: string) => AsyncIterable<AuditText>;
