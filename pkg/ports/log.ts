// Structured log lines. Implemented in cmd/ by pino; only applications (L5, L6) log.

/** Log writes one JSON line with a message and fields; fields never hold key bytes. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
