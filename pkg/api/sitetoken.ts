// One-time tokens by which a router outside of the cluster gets its first certificate: the text that is handed over, and what is kept of it in
// Secret opensvr-site-tokens, which never has the secret itself. Used by the operator, which takes them, and by svrctl, which makes them.
import { z } from "zod";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";

/** siteTokensName is the Secret beside the operator that holds them. */
export const siteTokensName = "opensvr-site-tokens";
/** siteServerName is the DNS name in the certificate of the endpoint, whatever address it is reached at. */
export const siteServerName = "site.opensvr.io";
/** pinKey is the key of the Secret with the pin of the authority, put there by the operator that serves the endpoint. */
export const pinKey = "pin";
/** tokensMost is how many tokens there may be at once, used ones whose time has not ended included. */
export const tokensMost = 256;

/** SiteToken is a token as it is handed over. */
export interface SiteToken {
  /** public: names it in lists and logs */
  id: string;
  secret: string;
  /** SHA-256 of the certificate of the authority, DER, in hexadecimal: who answers must be of it */
  pin: string;
}

/** TokenRecord is what is kept of a token; times are unix milliseconds. */
export interface TokenRecord {
  router: string;
  /** SHA-256 of the secret, hexadecimal */
  hash: string;
  endsMs: number;
  used?: { atMs: number; serial: string } | undefined;
}

const recordSchema: z.ZodType<TokenRecord> = z.strictObject({ router: z.string(), hash: z.string(), endsMs: z.number(), used: z.strictObject({ atMs: z.number(), serial: z.string() }).optional() });

/** formatToken writes a token on one line. */
export function formatToken({ id, secret, pin }: SiteToken): string {
  return `svr1.${id}.${secret}.${pin}`;
}

/** parseToken reads it; undefined when it is none, or was cut. */
export function parseToken(text: string): SiteToken | undefined {
  const [, id, secret, pin] = /^svr1\.([0-9a-f]{16})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})$/.exec(text) ?? [];
  return id === undefined || secret === undefined || pin === undefined ? undefined : { id, secret, pin };
}

/** tokenKey is the key of a token in the Secret. */
export function tokenKey(id: string): string {
  return `token.${id}`;
}

/** readRecords reads the texts of the Secret, by the id of the token; what cannot be read is no token. */
export function readRecords(texts: Readonly<Record<string, string>>): Map<string, TokenRecord> {
  const records = new Map<string, TokenRecord>();
  for (const [key, text] of Object.entries(texts)) {
    const [, id] = /^token\.([0-9a-f]{16})$/.exec(key) ?? [];
    const record = id === undefined ? undefined : readRecord(text);
    if (id !== undefined && record !== undefined) records.set(id, record);
  }
  return records;
}

function readRecord(text: string): TokenRecord | undefined {
  try {
    const read = recordSchema.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined; // somebody wrote it by hand
  }
}

/** TokenProblem is why a token is not taken. */
export type TokenProblem = "unknown" | "ended" | "other-name" | "used";

/** judgeToken says whether a token counts for a router; who does not know its secret learns nothing else about it. */
export function judgeToken(record: TokenRecord | undefined, of: { router: string; nowMs: number; isSecret(hash: string): boolean }): Result<TokenRecord, TokenProblem> {
  if (record === undefined || !of.isSecret(record.hash)) return fail("unknown");
  if (record.used !== undefined) return fail("used");
  if (record.endsMs <= of.nowMs) return fail("ended");
  return record.router === of.router ? ok(record) : fail("other-name");
}
