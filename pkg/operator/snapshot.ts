// The objects in force over a restart: pages named by their content, listed in a ConfigMap of the operator's namespace. Read before
// the first compile, so that an object that somebody broke while no operator ran has its last good version; written soon after
// each compile. Called by operator.ts.
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import { SvrError } from "../base/errors.ts";
import { cutLines, isBorder } from "../plan/pages.ts";
import type { KubeObject, KubePort, Outcome } from "../ports/kube.ts";
import { writePage } from "./heads.ts";
import type { HeadParts } from "./heads.ts";
import { routerConfigs } from "../api/resources.ts";
import { configMaps } from "./resources.ts";

/** snapshotName is the ConfigMap that lists the pages. */
export const snapshotName = "opensvr-accepted";

/** SnapshotParts is what reading needs. */
export interface SnapshotParts {
  kube: KubePort;
  namespace: string;
  sha256: (text: string) => string;
}

/** readSnapshot gives the objects that were in force; none when nothing was kept. A page that is gone, or not what its name says, is an error: nothing may be taken for missing. */
export async function readSnapshot({ kube, namespace, sha256 }: SnapshotParts): Promise<ParsedObject[]> {
  const names = pagesOf(await kube.get(configMaps, { namespace, name: snapshotName }));
  let text = "";
  for (const name of names) {
    const page = await kube.get(routerConfigs, { name });
    const content = (page?.["spec"] as { page?: { content?: unknown } } | undefined)?.page?.content;
    if (typeof content !== "string" || sha256(content) !== name) {
      throw new SvrError("SVR_ROUTER_CONFIG", { object: `RouterConfig ${name}`, attempted: `page ${name} of the objects in force is missing or not what its name says`, fix: `delete ConfigMap ${namespace}/${snapshotName} to begin without them` });
    }
    text += content;
  }
  return text.split("\n").flatMap(parsedLine);
}

/** pagesOf reads the list of pages. */
export function pagesOf(list: KubeObject | undefined): string[] {
  const data = list?.["data"] as { pages?: string } | undefined;
  return (data?.pages ?? "").split("\n").filter((name) => name !== "");
}

/** Cutting gives the pages of the objects in force, some at a time; what did not change since the last time is not made again. */
export interface Cutting { cut(accepted: Iterable<ParsedObject>): Iterable<Neighbours> }

/** Neighbours are objects that follow one another, and the names of their pages. */
interface Neighbours { objects: readonly ParsedObject[]; pages: readonly string[] }

/** createCutting makes a cutting that remembers names, not texts. */
export function createCutting(sha256: SnapshotParts["sha256"]): Cutting {
  let before = new Map<string, Neighbours>();
  let order: string[] = [];
  return {
    * cut(accepted) {
      const byId = new Map(Array.from(accepted, (one) => [one.id, one]));
      if (byId.size !== order.length || order.some((id) => !byId.has(id))) order = [...byId.keys()].sort();
      const now = new Map<string, Neighbours>();
      for (const objects of neighbourhoods(order.flatMap((id) => byId.get(id) ?? []))) {
        const first = objects[0]?.id ?? "", old = before.get(first);
        const isSame = old?.objects.length === objects.length && objects.every((one, index) => one === old.objects[index]);
        const found = isSame ? old : { objects, pages: textsOf(objects).map(sha256) };
        now.set(first, found);
        yield found;
      }
      before = now;
    },
  };
}

/** Cuts where an id says so, so that an object that is new or gone moves no border but its own. */
function neighbourhoods(sorted: readonly ParsedObject[]): ParsedObject[][] {
  const found: ParsedObject[][] = [[]];
  for (const one of sorted) {
    found.at(-1)?.push(one);
    if (isBorder(one.id)) found.push([]);
  }
  return found.filter((objects) => objects.length > 0);
}

function textsOf(objects: readonly ParsedObject[]): string[] {
  return cutLines(objects.map(({ object }) => `${JSON.stringify(object)}\n`));
}

/** writeSnapshot writes pages that are not there yet, then the list. */
export async function writeSnapshot(parts: SnapshotParts & Pick<HeadParts, "pages" | "leads" | "unnamed"> & { cutting: Cutting; turn: () => Promise<void> }, accepted: Iterable<ParsedObject>): Promise<Outcome> {
  const { kube, namespace, sha256, leads, unnamed, cutting, turn } = parts;
  const names: string[] = [];
  for (const { objects, pages } of cutting.cut(accepted)) {
    names.push(...pages);
    for (const name of pages) unnamed.delete(name);
    await turn();
    if (pages.every((name) => parts.pages.get(name) !== undefined)) continue;
    for (const content of textsOf(objects)) await writePage(parts, { name: sha256(content), content });
  }
  if (!leads()) return { done: true };
  const data = { pages: names.join("\n") };
  await kube.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: snapshotName, namespace }, data }, { manager: "opensvr-operator", force: true });
  return { done: true };
}

/** An object of an earlier version that this one does not accept is left out. */
function parsedLine(line: string): ParsedObject[] {
  const checked = line === "" ? undefined : checkObject(parsed(line));
  return checked?.ok === true ? [{ id: objectId(checked.object), object: checked.object }] : [];
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // checkObject refuses it; the hash of the page was right, so an earlier version wrote it so
  }
}
