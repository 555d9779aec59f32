// How far the routers of the cluster are with what they believe: whether each has what it was told last, and which certificates they have. From
// their own reports. Called by trust.ts.
import type { Held } from "../plan/rotation.ts";
import type { KubeObject, KubeStore } from "../ports/kube.ts";
import type { Book } from "./book.ts";
import type { Silence } from "./silence.ts";

/** FleetParts is what is known of routers. */
export interface FleetParts { routers: KubeStore; book: Pick<Book, "isCurrent">; silence: Pick<Silence, "secondsOf"> }

const KEYS_KEPT = 2;

/** isTold: routers that were never heard of, or are not any more, keep nobody waiting. */
export function isTold({ routers, book, silence }: FleetParts): boolean {
  for (const router of routers.list()) {
    const { name } = router.metadata;
    if (statusOf(router)["time"] !== undefined && silence.secondsOf(name) === undefined && !book.isCurrent(name)) return false;
  }
  return true;
}

/** heldCertificates are those that routers said last that they have, also those that are silent now: they may come back with them. */
export function* heldCertificates({ routers }: Pick<FleetParts, "routers">): Iterable<Held> {
  for (const router of routers.list()) {
    const { serial, authorityKey, notAfter } = certificateOf(router);
    if (typeof serial === "string") yield { authorityKey: typeof authorityKey === "string" ? authorityKey : "", notAfter: typeof notAfter === "string" ? endOf(notAfter) : Infinity };
  }
}

/**
 * createOriginKeys gives the Ed25519 keys that routers report, of those that some Router lists as origins without a key, and the one before: a
 * router signs with a new one when others know it.
 */
export function createOriginKeys({ routers }: Pick<FleetParts, "routers">): () => ReadonlyMap<string, readonly string[]> {
  let before = new Map<string, readonly string[]>();
  return () => {
    const wanted = keylessOrigins(routers);
    before = new Map([...wanted].flatMap((name) => {
      const reported = certificateOf(routers.get(name))["ed25519"], kept = before.get(name) ?? [];
      const keys = isKey(reported) && !kept.includes(reported) ? [reported, ...kept].slice(0, KEYS_KEPT) : kept;
      return keys.length === 0 ? [] : [[name, keys] as const];
    }));
    return before;
  };
}

function keylessOrigins(routers: KubeStore): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { spec } of routers.list() as Iterable<{ spec?: { trust?: { origins?: readonly { router: string; ed25519?: string }[] } } }>) {
    for (const { router, ed25519 } of spec?.trust?.origins ?? []) if (ed25519 === undefined) names.add(router);
  }
  return names;
}

function isKey(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9+/]{43}=$/.test(value);
}

function endOf(text: string): number {
  const time = Date.parse(text);
  return Number.isNaN(time) ? Infinity : time;
}

function certificateOf(router: KubeObject | undefined): Readonly<Record<string, unknown>> {
  return (router === undefined ? {} : statusOf(router)["certificate"] ?? {}) as Readonly<Record<string, unknown>>;
}

function statusOf(router: KubeObject): Readonly<Record<string, unknown>> {
  return (router["status"] ?? {}) as Readonly<Record<string, unknown>>;
}
