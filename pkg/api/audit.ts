// Lines of the audit log as a chain: each line has the hash of the one before and its own. Written by pkg/security, verified by svrctl. Pure:
// SHA-256 is passed in. The hash is of the text before it, so nobody has to agree on how an object is written.

/** auditKinds lists what events are about. */
export const auditKinds = ["identity", "key", "policy", "denial", "revocation", "access", "alarm", "audit"] as const;

/** noHash is the hash before the first line. */
export const noHash = "0".repeat(64);

/** Sha256 gives the digest of UTF-8 text in lower-case hex. */
export type Sha256 = (text: string) => string;

/** AuditEntry is one event in its place; RFC 3339 with milliseconds. */
export interface AuditEntry {
  sequence: number;
  time: string;
  /** hash of the line before */
  previous: string;
  kind: string;
  action: string;
  object: string;
  detail: Readonly<Record<string, string | number | boolean>>;
}

/** AuditLine is a line as it was read: what its hash is of, and the hash that it has. */
export interface AuditLine { entry: AuditEntry; signed: string; hash: string }

/** AuditEnd is where a chain ends. */
export interface AuditEnd { sequence: number; hash: string }

const closing = ',"hash":"';
const tail = /,"hash":"([0-9a-f]{64})"\}$/;

/** auditLine writes an entry with its hash, without a line feed. */
export function auditLine({ sequence, time, previous, kind, action, object, detail }: AuditEntry, sha256: Sha256): { text: string; hash: string } {
  const signed = JSON.stringify({ sequence, time, previous, kind, action, object, detail }).slice(0, -1);
  const hash = sha256(signed);
  return { text: `${signed}${closing}${hash}"}`, hash };
}

/** readAuditLine takes a line apart; undefined when it is none. The hash is not checked. */
export function readAuditLine(text: string): AuditLine | undefined {
  const found = tail.exec(text);
  if (found === null) return undefined;
  const signed = text.slice(0, found.index);
  const value = parsed(`${signed}}`);
  return isEntry(value) ? { entry: value, signed, hash: found[1] ?? "" } : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the line is told as one that cannot be read
  }
}

function isEntry(value: unknown): value is AuditEntry {
  if (typeof value !== "object" || value === null) return false;
  const { sequence, time, previous, kind, action, object, detail } = value as Record<string, unknown>;
  return Number.isSafeInteger(sequence) && [time, previous, kind, action, object].every((one) => typeof one === "string") && typeof detail === "object" && detail !== null;
}

/** AuditFault is what does not fit: where, which kind (never renamed), and in words. */
export interface AuditFault { where: string; kind: "unreadable" | "changed" | "missing" | "misplaced" | "unchained" | "cut" | "rewritten"; text: string }

/** AuditVerdict is what a whole log says. */
export interface AuditVerdict {
  lines: number;
  /** sequence of the first line; above 1 when older files are gone */
  first: number;
  last: AuditEnd;
  faults: AuditFault[];
  /** faults that are not listed */
  more: number;
}

/** AuditVerifier takes the lines of a log, the oldest first. */
export interface AuditVerifier {
  line(where: string, text: string): void;
  verdict(): AuditVerdict;
}

const mostFaults = 100;

/** createAuditVerifier follows a chain; `head` is where it ends by the word of the router. After a fault it goes on with what stands there. */
export function createAuditVerifier(sha256: Sha256, head?: AuditEnd): AuditVerifier {
  const faults: AuditFault[] = [];
  let lines = 0, first = 0, more = 0;
  let last: AuditEnd | undefined, atHead: string | undefined;
  const fault = (where: string, kind: AuditFault["kind"], text: string): void => {
    if (faults.length < mostFaults) faults.push({ where, kind, text });
    else more += 1;
  };
  return {
    line(where, text) {
      lines += 1;
      const line = readAuditLine(text);
      if (line === undefined) return fault(where, "unreadable", "this is no line of an audit log");
      const { sequence, previous } = line.entry;
      if (sha256(line.signed) !== line.hash) fault(where, "changed", `event ${sequence} is not as it was written: its hash is another`);
      const misfit = misfitOf(line, last);
      if (misfit !== undefined) fault(where, misfit.kind, misfit.text);
      if (misfit?.kind === "misplaced") return;
      if (last === undefined) first = sequence;
      if (last === undefined && sequence === 1 && previous !== noHash) fault(where, "unchained", "event 1 names an event before it");
      last = { sequence, hash: line.hash };
      if (sequence === head?.sequence) atHead = line.hash;
    },
    verdict() {
      const end = last ?? { sequence: 0, hash: noHash };
      const wrong = head === undefined ? undefined : endFault(end, head, { first, atHead });
      return { lines, first, last: end, faults: wrong === undefined ? faults : [...faults, wrong], more };
    },
  };
}

/** How a line does not follow the one before. */
function misfitOf({ entry: { sequence, previous } }: AuditLine, last: AuditEnd | undefined): Pick<AuditFault, "kind" | "text"> | undefined {
  if (last === undefined) return undefined;
  if (sequence <= last.sequence) return { kind: "misplaced", text: `event ${sequence} stands behind event ${last.sequence}: it was moved or put in` };
  if (sequence > last.sequence + 1) return { kind: "missing", text: `${eventsText(last.sequence + 1, sequence - 1)} missing before event ${sequence}` };
  if (previous !== last.hash) return { kind: "unchained", text: `event ${sequence} was written behind another event ${last.sequence} than the one that stands here` };
  return undefined;
}

function eventsText(from: number, to: number): string {
  return from === to ? `event ${from} is` : `events ${from} to ${to} are`;
}

function endFault(end: AuditEnd, head: AuditEnd, seen: { first: number; atHead: string | undefined }): AuditFault | undefined {
  if (end.sequence < head.sequence) return { where: "end", kind: "cut", text: `${eventsText(end.sequence + 1, head.sequence)} missing at the end: the router wrote up to event ${head.sequence}` };
  if (head.sequence < seen.first || head.sequence === 0 || seen.atHead === head.hash) return undefined;
  return { where: "end", kind: "rewritten", text: `event ${head.sequence} is not the one that the router wrote` };
}
