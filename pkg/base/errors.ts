// The one error class of the project and the catalogue of its codes. Lower layers throw or return these; only
// applications (L5, L6) log them. Callers compare `code`, never text.
import type { errorCodes } from "./codes.ts";

/** ErrorCode is a code of the catalogue in codes.ts. */
export type ErrorCode = keyof typeof errorCodes;

/** SvrError is a fault with a stable code, the object it concerns and what to do next. */
export class SvrError extends Error {
  readonly code: ErrorCode;
  readonly object: string;
  readonly fix: string;

  constructor(code: ErrorCode, about: { object: string; attempted: string; fix: string; cause?: unknown }) {
    super(`${code}: ${about.attempted}; ${about.fix}`, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = "SvrError";
    this.code = code;
    this.object = about.object;
    this.fix = about.fix;
  }
}
