// The authority for who asks the site endpoint, once routers know it. A replica that does not lead hears of it a moment after the one that does, and
// where everything has just begun nobody leads yet: who asks then waits a little, for a refusal would be the end of it. Called by cmd/operator.
import { SvrError } from "../base/errors.ts";
import type { AuthorityKeys } from "../ports/signer.ts";

/** KnownParts is what waiting needs. */
export interface KnownParts {
  namespace: string;
  /** undefined: routers do not know it */
  known: () => Promise<AuthorityKeys | undefined>;
  nowMs: () => number;
  after: (ms: number, work: () => void) => { stop(): void };
}

const EACH_MS = 500;
const MOST_MS = 8_000; // svrctl waits 20 s for an answer

/** knownAuthority rejects when routers do not know it in some seconds, as while one takes over from another. */
export async function knownAuthority({ namespace, known, nowMs, after }: KnownParts): Promise<AuthorityKeys> {
  const endMs = nowMs() + MOST_MS;
  for (;;) {
    const keys = await known();
    if (keys !== undefined) return keys;
    if (nowMs() >= endMs) throw new SvrError("SVR_AUTHORITY", { object: `authority of namespace ${namespace}`, attempted: "nothing is issued yet: routers do not know the authority", fix: "ask again in a minute" });
    await new Promise<void>((resolve) => { after(EACH_MS, resolve); });
  }
}
