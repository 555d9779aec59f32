// Answers of the API server: bodies read with a bound, refusals as errors with a code, the object, and what to do. Called by
// client.ts and listwatch.ts.
import type { IncomingMessage } from "node:http";
import { SvrError } from "../base/errors.ts";
import type { ErrorCode } from "../base/errors.ts";

/** KubeStatus is the part of a Status object that is read. */
export interface KubeStatus { message?: string; reason?: string; code?: number; details?: { retryAfterSeconds?: number; causes?: { field?: string; message?: string; reason?: string }[] } }

/** largestAnswer is the most bytes of one answer; a page of a list of large objects is below it. */
export const largestAnswer = 268_435_456;

/** AnswerTooLarge is the fault of a body that is longer than any may be. */
export class AnswerTooLarge extends Error {}

/** readBody reads a whole body; rejects when it is cut off, and with AnswerTooLarge. */
export async function readBody(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > largestAnswer) throw new AnswerTooLarge(`the answer has more than ${largestAnswer} bytes`); // leaving the loop ends the connection
    parts.push(part);
  }
  if (!answer.complete) throw new Error("the answer was cut off");
  return Buffer.concat(parts).toString("utf8");
}

/** retryAfterMs gives how long the server asks to wait, undefined when it does not. */
export function retryAfterMs(answer: IncomingMessage): number | undefined {
  const seconds = Number(answer.headers["retry-after"]);
  return Number.isFinite(seconds) && seconds >= 0 && answer.headers["retry-after"] !== undefined ? seconds * 1000 : undefined;
}

/** statusFault is the error of a refusal; `about` names the object, `body` is the text of the answer. */
export function statusFault(code: number, about: { object: string; attempted: string }, body: string): SvrError {
  const status = statusOf(body);
  const { errorCode, fix } = meaningOf(code, status);
  const causes = (status?.details?.causes ?? []).slice(0, 5).map(({ field, message }) => `${field === undefined || field === "<nil>" ? "" : `${field}: `}${message ?? ""}`);
  const why = causes.length > 0 ? causes.join("; ") : (status?.message ?? body.slice(0, 200)).trim();
  return new SvrError(errorCode, { object: about.object, attempted: `${about.attempted} (${code}): ${why}`, fix });
}

/** connectionFault is the error of a connection that failed or took too long. */
export function connectionFault(about: { object: string; attempted: string; server: string }, cause: unknown): SvrError {
  const why = cause instanceof Error ? (cause as NodeJS.ErrnoException).code ?? cause.message : String(cause);
  return new SvrError("SVR_KUBE_UNREACHABLE", { object: about.object, attempted: `${about.attempted}: ${about.server} does not answer (${why})`, fix: "check the address in the kubeconfig and that the API server runs", cause });
}

/** statusOf reads a Status object; undefined for any other text. */
export function statusOf(body: string): KubeStatus | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined; // the caller shows the text
  }
}

function meaningOf(code: number, status: KubeStatus | undefined): { errorCode: ErrorCode; fix: string } {
  switch (code) {
    case 401: return { errorCode: "SVR_KUBE_DENIED", fix: "log in again: the credentials are not known or have expired" };
    case 403: return { errorCode: "SVR_KUBE_DENIED", fix: "ask for the right; kubectl auth can-i shows what an account may do" };
    case 404: return { errorCode: "SVR_NOT_FOUND", fix: "check the name, and that the CRDs are installed" };
    case 409: return { errorCode: "SVR_KUBE_CONFLICT", fix: "look at the object again: somebody else changed or owns it" };
    case 400: case 405: case 413: case 415: case 422: return { errorCode: "SVR_KUBE_REFUSED", fix: "correct the fields named" };
    case 429: case 503: return { errorCode: "SVR_KUBE_BUSY", fix: "try again later" };
    default: return { errorCode: "SVR_KUBE_ANSWER", fix: status === undefined ? "see whether something else answers at this address" : "see the log of the API server" };
  }
}
