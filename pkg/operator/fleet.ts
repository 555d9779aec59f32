// How far the routers of the cluster are with what they believe: whether each has what it was told last, and which certificates they have. From
// their own reports. Called by trust.ts.
import type { Held } from "../plan/rotation.ts";
import type { KubeObject, KubeStore } from "../ports/kube.ts";
import type { Book } from "./book.ts";
import type { Silence } from "./silence.ts";

/** FleetParts is what is known of routers. */
export interface FleetParts { routers: KubeStore; book: Pick<Book, "isCurrent">; silence: Pick<Silence, "secondsOf"> }

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
    const { serial, authorityKey, notAfter } = (statusOf(router)["certificate"] ?? {}) as Record<string, unknown>;
    if (typeof serial === "string") yield { authorityKey: typeof authorityKey === "string" ? authorityKey : "", notAfter: typeof notAfter === "string" ? endOf(notAfter) : Infinity };
  }
}

function endOf(text: string): number {
  const time = Date.parse(text);
  return Number.isNaN(time) ? Infinity : time;
}

function statusOf(router: KubeObject): Readonly<Record<string, unknown>> {
  return (router["status"] ?? {}) as Readonly<Record<string, unknown>>;
}
