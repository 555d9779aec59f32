// How a command ends: the exit codes of conventions 5 and the failure that people read on stderr. Called by every command;
// prints nothing itself.
import type { errorCodes } from "../base/codes.ts";

/** Exit holds the exit codes of svrctl. */
export const Exit = { ok: 0, fault: 1, usage: 2, no: 3, notFound: 4, notPermitted: 5, unreachable: 6, interrupted: 130 } as const;

/** ExitCode is one of the exit codes. */
export type ExitCode = (typeof Exit)[keyof typeof Exit];

const exits = {
  SVR_USAGE: Exit.usage,
  SVR_NOT_FOUND: Exit.notFound,
  SVR_NOT_PERMITTED: Exit.notPermitted,
  SVR_ADMIN_UNREACHABLE: Exit.unreachable,
  SVR_ADMIN_ANSWER: Exit.fault,
  SVR_INTERRUPTED: Exit.interrupted,
  SVR_AUTHORITY: Exit.fault,
  SVR_IDENTITY_FILE: Exit.fault,
  SVR_ENROLL_REFUSED: Exit.notPermitted,
  SVR_SITE_UNREACHABLE: Exit.unreachable,
  SVR_SITE_NOT_TRUSTED: Exit.fault,
  SVR_CONFIG_INVALID: Exit.fault,
  SVR_KUBE_CONFIG: Exit.usage,
  SVR_KUBE_UNREACHABLE: Exit.unreachable,
  SVR_KUBE_BUSY: Exit.unreachable,
  SVR_KUBE_DENIED: Exit.notPermitted,
  SVR_KUBE_CONFLICT: Exit.fault,
  SVR_KUBE_REFUSED: Exit.fault,
  SVR_KUBE_ANSWER: Exit.fault,
} as const satisfies Partial<Record<keyof typeof errorCodes, ExitCode>>;

/** FailureCode is a code of the catalogue that svrctl itself reports. */
export type FailureCode = keyof typeof exits;

/** isFailureCode tells whether a code of the catalogue is one that svrctl reports. */
export function isFailureCode(code: keyof typeof errorCodes): code is FailureCode {
  return Object.hasOwn(exits, code);
}

/** Failure says what failed and on what (`attempted`), why (`reason`), and what to do next. */
export interface Failure {
  code: FailureCode;
  attempted: string;
  reason: string;
  next: string;
}

/** exitOf gives the exit code of a failure. */
export function exitOf(failure: Failure): ExitCode {
  return exits[failure.code];
}

/** worstExit gives the code of several failures: that of the first, or `otherwise` without any. */
export function worstExit(failures: readonly Failure[], otherwise: ExitCode = Exit.ok): ExitCode {
  const first = failures[0];
  return first === undefined ? otherwise : exitOf(first);
}

/** formatFailure writes a failure on one line: `CODE: attempted: reason; next`. */
export function formatFailure(failure: Failure): string {
  return `${failure.code}: ${failure.attempted}: ${failure.reason}; ${failure.next}`;
}

/** readFailure is a file that cannot be read, by the code of the system. */
export function readFailure(attempted: string, code: string, next: string): Failure {
  if (code === "EACCES" || code === "EPERM") return { code: "SVR_NOT_PERMITTED", attempted, reason: code, next: "run svrctl as a user who may read it, for example with sudo" };
  const reasons: Readonly<Record<string, string>> = { ENOENT: "there is no such file (ENOENT)", EISDIR: "it is a folder (EISDIR)", ENOTDIR: "a part of its path is no folder (ENOTDIR)" };
  return { code: "SVR_NOT_FOUND", attempted, reason: reasons[code] ?? code, next };
}

/** usageFailure is a failure of the command line; `command` is the command whose help explains it. */
export function usageFailure(reason: string, command: string): Failure {
  return { code: "SVR_USAGE", attempted: "cannot read the command line", reason, next: `run "${command} --help"` };
}
