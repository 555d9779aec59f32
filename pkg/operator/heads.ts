// RouterConfig of one router: pages first, then the head, so that a router never sees half an update; nothing at all when the
// API server has the same already. Called by operator.ts for the queue "heads", key is the router's name.
import { apiVersion } from "../api/names.ts";
import type { Pager } from "../plan/pages.ts";
import type { RouterConfig } from "../plan/config.ts";
import { SvrError } from "../base/errors.ts";
import type { KubeObject, KubePort, KubeStore, Outcome } from "../ports/kube.ts";
import type { Book } from "./book.ts";
import { routerConfigs } from "../api/resources.ts";

/** HeadParts is what writing RouterConfigs needs. */
export interface HeadParts {
  kube: KubePort;
  heads: KubeStore;
  pages: KubeStore;
  /** the Router objects, which own the heads */
  routers: KubeStore;
  configOf: (router: string) => RouterConfig | undefined;
  book: Book;
  /** pages that nothing names: what is named from now on is no more among them */
  unnamed: Map<string, number>;
  leads: () => boolean;
  pager: Pager;
  /** hashes and names of pages of configurations that were looked at before; owned by heads.ts */
  named: WeakMap<RouterConfig, Named>;
  /** of this program; routers of another minor version may refuse */
  version: string;
}

/** Named is a configuration by the names of its pages: texts are made for those that are to be written only. */
export interface Named { hash: string; pages: readonly string[] }

/** HeadSpec is the spec of a head. */
export interface HeadSpec { router: string; nodeName: string; format: number; version: string; hash: string; pages: readonly string[] }

/** reconcileHead makes the RouterConfig of a router what the plan says; a follower only books the hash. */
export async function reconcileHead(parts: HeadParts, router: string): Promise<Outcome> {
  const config = parts.configOf(router);
  const owner = parts.routers.get(router);
  if (config === undefined || owner === undefined) return removeHead(parts, router);
  const named = namedOf(parts, config);
  parts.book.wanted(router, named.hash);
  const spec = specOf(parts, owner, named);
  if (!parts.leads() || (sameHead(headOf(parts.heads.get(router)), spec) && named.pages.every((name) => parts.pages.get(name) !== undefined))) return { done: true };
  for (const page of parts.pager.page(config).pages) await writePage(parts, page);
  if (!parts.leads()) return { done: true };
  await parts.kube.apply(routerConfigs, headObject(router, spec, owner), { manager: "opensvr-operator", force: true });
  return { done: true };
}

/** headOf reads the spec of a head; undefined when there is none. */
export function headOf(object: KubeObject | undefined): HeadSpec | undefined {
  return (object?.["spec"] as { head?: HeadSpec } | undefined)?.head;
}

/** nodeOf gives the node that a Router object names, "" for a branch. */
export function nodeOf(router: KubeObject): string {
  const spec = router["spec"] as { nodeName?: string } | undefined;
  return spec?.nodeName ?? "";
}

/** A new leader looks at every router: what it paged while it followed is not paged again. */
function namedOf({ pager, named }: HeadParts, config: RouterConfig): Named {
  const known = named.get(config);
  if (known !== undefined) return known;
  const { hash, pages } = pager.page(config);
  const found: Named = { hash, pages: pages.map(({ name }) => name) };
  named.set(config, found);
  return found;
}

function specOf(parts: HeadParts, owner: KubeObject, named: Named): HeadSpec {
  return { router: owner.metadata.name, nodeName: nodeOf(owner), format: 1, version: parts.version, ...named };
}

function sameHead(a: HeadSpec | undefined, b: HeadSpec): boolean {
  return a !== undefined && a.hash === b.hash && a.nodeName === b.nodeName && a.version === b.version && a.pages.join() === b.pages.join();
}

function headObject(router: string, head: HeadSpec, owner: KubeObject): KubeObject {
  const { name, uid = "" } = owner.metadata;
  return {
    apiVersion, kind: "RouterConfig", metadata: { name: router, ownerReferences: [{ apiVersion, kind: "Router", name, uid }] },
    spec: { type: "Head", head },
  };
}

/** writePage writes a page that is not there; a page is named by its content, so whatever is there under its name is the same. */
export async function writePage(parts: Pick<HeadParts, "kube" | "pages" | "leads" | "unnamed">, page: { name: string; content: string }): Promise<void> {
  parts.unnamed.delete(page.name);
  if (parts.pages.get(page.name) !== undefined || !parts.leads()) return;
  try {
    await parts.kube.create(routerConfigs, { apiVersion, kind: "RouterConfig", metadata: { name: page.name }, spec: { type: "Page", page: { content: page.content } } });
  } catch (error) {
    if (!(error instanceof SvrError) || error.code !== "SVR_KUBE_CONFLICT") throw error; // somebody else wrote the same
  }
}

async function removeHead(parts: HeadParts, router: string): Promise<Outcome> {
  const head = parts.heads.get(router);
  parts.book.wanted(router, undefined);
  if (headOf(head) !== undefined && parts.leads()) await parts.kube.remove(routerConfigs, { name: router }, head?.metadata.uid);
  return { done: true };
}
