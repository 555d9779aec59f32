// What routers should have now, by the compiler and the objects on the API server, against the heads and pages that are there. The compiler
// knows what was in force before, as the operator does. Used by tests that do bad things to the operator.
import { createHash } from "node:crypto";
import type { ParsedObject } from "../../../pkg/api/document.ts";
import { checkObject } from "../../../pkg/api/objectcheck.ts";
import { canonicalJson } from "../../../pkg/plan/canonical.ts";
import type { RouterConfig } from "../../../pkg/plan/config.ts";
import { assembleConfig } from "../../../pkg/plan/pages.ts";
import { createPlanner } from "../../../pkg/plan/planner.ts";
import { waitFor } from "../wait.ts";
import { itemsOf } from "./operator.ts";
import type { Head, Item } from "./operator.ts";
import { slow } from "./patience.ts";
import type { Kube } from "./server.ts";

const kinds = ["tenants", "services", "serviceroutes", "servicepolicies", "securitypolicies", "routers"];
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** objectsOn reads every object that is compiled. */
export function objectsOn(kube: Kube): ParsedObject[] {
  const { items } = JSON.parse(kube.kubectl(["get", kinds.map((kind) => `${kind}.opensvr.io`).join(), "-A", "-o", "json"])) as { items: (Item & { kind: string; apiVersion: string })[] };
  return items.flatMap(({ apiVersion, kind, metadata: { name, namespace }, spec }) => {
    const checked = checkObject({ apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, ...(spec !== undefined && { spec }) });
    return checked.ok ? [{ id: `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`, object: checked.object }] : [];
  });
}

/** headsAreRight waits until each router has what the compiler gives, and no other router has anything; gives the hashes by router. */
export async function headsAreRight(kube: Kube, before: readonly ParsedObject[], deadlineMs = slow.deadlineMs): Promise<Record<string, string>> {
  const planner = createPlanner({ previous: before });
  const namespaces = new Map(itemsOf(kube, "namespaces").map(({ metadata: { name, labels } }) => [name, labels ?? {}]));
  planner.update({ put: objectsOn(kube), remove: [], namespaces });
  const wanted = planner.configs();
  const look = (): string => differencesOf(kube, wanted).join("; ");
  await waitFor("each router has what the compiler gives, and nobody else has anything", () => look() === "", { deadlineMs, everyMs: 250, show: look });
  return Object.fromEntries([...headsOn(kube).heads].map(([router, { hash }]) => [router, hash]));
}

function headsOn(kube: Kube): { heads: Map<string, Head>; pages: Map<string, string> } {
  const items = itemsOf(kube, "routerconfigs.opensvr.io");
  const specs = items.map(({ metadata, spec }) => [metadata.name, spec as { head?: Head; page?: { content: string } }] as const);
  return {
    heads: new Map(specs.flatMap(([name, { head }]) => (head === undefined ? [] : [[name, head]]))),
    pages: new Map(specs.flatMap(([name, { page }]) => (page === undefined ? [] : [[name, page.content]]))),
  };
}

function differencesOf(kube: Kube, wanted: ReadonlyMap<string, RouterConfig>): string[] {
  const { heads, pages } = headsOn(kube);
  const textOf = (head: Head): string => {
    const back = assembleConfig({ ...head, format: 1 }, (name) => pages.get(name), sha256);
    return back.ok ? canonicalJson(back.value) : back.error;
  };
  const others = [...heads.keys()].filter((router) => !wanted.has(router)).map((router) => `${router} has a head`);
  return [...others, ...[...wanted].flatMap(([router, config]) => {
    const head = heads.get(router);
    const text = head === undefined ? "no head" : textOf(head);
    return text === canonicalJson(config) ? [] : [`${router}: ${text.slice(0, 200)}`];
  })];
}
