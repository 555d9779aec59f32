// The objects in force over a restart: pages named by their content, listed in a ConfigMap of the operator's namespace. Read before
// the first compile, so that an object that somebody broke while no operator ran has its last good version; written soon after
// each compile. Called by operator.ts.
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import { SvrError } from "../base/errors.ts";
import { cutLines } from "../plan/pages.ts";
import type { KubeObject, KubePort, Outcome } from "../ports/kube.ts";
import { writePage } from "./heads.ts";
import type { HeadParts } from "./heads.ts";
import { configMaps, routerConfigs } from "./resources.ts";

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

/** writeSnapshot writes pages that are not there yet, then the list. */
export async function writeSnapshot(parts: SnapshotParts & Pick<HeadParts, "pages" | "leads" | "unnamed">, accepted: Iterable<ParsedObject>): Promise<Outcome> {
  const { kube, namespace, sha256, leads } = parts;
  const lines = [...accepted].sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ object }) => `${JSON.stringify(object)}\n`);
  const pages = cutLines(lines).map((content) => ({ name: sha256(content), content }));
  for (const { name, content } of pages) {
    await writePage(parts, { name, content });
  }
  if (!leads()) return { done: true };
  const data = { pages: pages.map(({ name }) => name).join("\n") };
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
