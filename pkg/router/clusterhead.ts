// What a router reads of a cluster: its head and the pages, as objects of the API server, and what makes them a configuration that may
// be put in force. Pure but for the reading of pages; called by clustersource.ts.
import { createHash } from "node:crypto";
import { apiGroup } from "../api/names.ts";
import { namings, servedVersion } from "../api/served.ts";
import { SvrError } from "../base/errors.ts";
import { fail } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { minorsApart } from "../base/version.ts";
import type { RouterConfig } from "../plan/config.ts";
import { assembleConfig, pageBounds } from "../plan/pages.ts";
import type { CompiledHead } from "../ports/config.ts";
import type { KubeObject, KubePort, KubeResource } from "../ports/kube.ts";

/** routerConfigs is the resource of heads and pages. */
export const routerConfigs: KubeResource = { group: apiGroup, version: servedVersion, plural: namings.RouterConfig.plural, kind: "RouterConfig", namespaced: false };

/** routerResource is the resource of Routers. */
export const routerResource: KubeResource = { group: apiGroup, version: servedVersion, plural: namings.Router.plural, kind: "Router", namespaced: false };

/** sha256 is the digest that names pages. */
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const AT_ONCE = 4; // pages that are read side by side

/** headOf reads a head; undefined when the object is none. The API server has checked its fields. */
export function headOf(object: KubeObject): CompiledHead | undefined {
  const head = (object["spec"] as { head?: Partial<CompiledHead> } | undefined)?.head;
  const { router, format, version, hash, pages } = head ?? {};
  if (typeof router !== "string" || typeof format !== "number" || typeof version !== "string" || typeof hash !== "string") return undefined;
  return { router, format, version, hash, pages: Array.isArray(pages) ? pages.filter((one) => typeof one === "string") : [] };
}

/** headRefusal says why this version of the program must not even read the pages of a head (conventions 16). */
export function headRefusal(head: CompiledHead, of: { name: string; version: string }): string | undefined {
  if (head.format !== 1) return `format ${head.format} is not one that this version reads (1)`;
  if (!((minorsApart(head.version, of.version) ?? Infinity) <= 1)) return `it was compiled by version ${head.version}, more than one minor version from this router's ${of.version}`;
  return head.router === of.name ? undefined : `it is for router ${head.router}`;
}

/** configOf makes the configuration; the error says what is missing or not what it should be. */
export function configOf(head: CompiledHead, pages: ReadonlyMap<string, string>, of: { name: string; version: string }): Result<RouterConfig, string> {
  const refusal = headRefusal(head, of);
  if (refusal !== undefined) return fail(refusal);
  const result = assembleConfig(head, (name) => pages.get(name), sha256);
  if (!result.ok || result.value.name === of.name) return result;
  return fail(`the pages are of router ${result.value.name}`);
}

/** configFault is the error of a head that is not put in force. */
export function configFault(name: string, why: string): SvrError {
  return new SvrError("SVR_ROUTER_CONFIG", { object: `RouterConfig ${name}`, attempted: `RouterConfig ${name} is not put in force: ${why}`, fix: "look at the operator: kubectl svr check; the last good configuration stays in force" });
}

/** readPages gives the pages that are not known yet, checked by their names; undefined once isOver. Rejects with the first fault. */
export async function readPages(kube: Pick<KubePort, "get">, want: { head: CompiledHead; known: ReadonlyMap<string, string>; isOver: () => boolean }): Promise<Map<string, string> | undefined> {
  const { head, known, isOver } = want;
  const names = [...new Set(head.pages)].filter((name) => !known.has(name)).slice(0, pageBounds.pages);
  const found = new Map<string, string>();
  let characters = 0, isFailed = false;
  const work = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined && !isOver() && !isFailed; name = names.pop()) {
      const content = pageOf(await kube.get(routerConfigs, { name }));
      if (content === undefined) throw configFault(head.router, `page ${name} is missing`);
      if (sha256(content) !== name) throw configFault(head.router, `page ${name} is not what its name says`);
      characters += content.length;
      if (characters > pageBounds.characters) throw configFault(head.router, `the pages have more than ${pageBounds.characters} characters`);
      found.set(name, content);
    }
  };
  const failing = (error: unknown): never => { isFailed = true; throw error; };
  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => work().catch(failing)));
  if (isOver()) return undefined;
  const failed = outcomes.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return found;
}

function pageOf(object: KubeObject | undefined): string | undefined {
  const content = (object?.["spec"] as { page?: { content?: unknown } } | undefined)?.page?.content;
  return typeof content === "string" ? content : undefined;
}
