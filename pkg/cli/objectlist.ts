// One kind of API objects as a table, or each named one in detail. Called by tenants.ts, services.ts and routers.ts, which say what
// a row and a detail hold. Reads with the caller's own rights; one thing that may not be read never hides another.
import { suggestWord } from "../api/suggest.ts";
import type { KubeName, KubeObject, KubeResource, KubeSelection } from "../ports/kube.ts";
import { finish } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import type { Asked } from "./cluster.ts";
import type { Context, Style } from "./context.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { renderFacts } from "./facts.ts";
import type { Fact } from "./facts.ts";
import { conditionsOf, readyCell, stateOf } from "./objectstate.ts";
import type { ConditionView, ObjectState } from "./objectstate.ts";
import { resourceName } from "./resources.ts";
import { renderTable } from "./table.ts";
import type { Cell, Column } from "./table.ts";
import { durationWord } from "./wording.ts";

/** ObjectItem is what every kind shows of an object. */
export interface ObjectItem extends ObjectState {
  name: string;
  namespace?: string;
  /** RFC 3339 */
  created: string;
  conditions: ConditionView[];
}

/** ItemColumn is a column of a table of objects. */
export interface ItemColumn<T> extends Column {
  wide?: true;
  cell(item: T, style: Style): Cell;
}

/** ItemDetail is what is told of one object beside its row: facts, a text below them, and what could not be read. */
export interface ItemDetail<T> { item: T; facts: readonly Fact[]; text: (style: Style) => string; failures: readonly Failure[] }

/** Listing says how one kind is shown. */
export interface Listing<T extends ObjectItem> {
  resource: KubeResource;
  /** for people: "services" */
  what: string;
  columns: readonly ItemColumn<T>[];
  /** items in the order of the objects; what is beside the objects is read here */
  itemsOf(asked: Asked, objects: readonly KubeObject[]): Promise<{ items: T[]; failures: Failure[] }>;
  detailOf(asked: Asked, object: KubeObject, item: T): Promise<ItemDetail<T>>;
}

/** baseItem gives what every kind shows. */
export function baseItem(object: KubeObject): ObjectItem {
  const { name, namespace, creationTimestamp = "" } = object.metadata;
  return { name, ...(namespace !== undefined && { namespace }), ...stateOf(object), created: creationTimestamp, conditions: conditionsOf(object) };
}

/** readyColumns are those that every table begins with behind the name, and ageColumn the one that it ends with. */
export const readyColumns: readonly ItemColumn<ObjectItem>[] = [
  { header: "NAME", cell: (item) => item.name }, { header: "READY", cell: (item) => readyCell(item.ready) }, { header: "REASON", cell: (item) => item.reason },
];
/** ageColumn is how long an object exists. */
export const ageColumn: ItemColumn<ObjectItem> = { header: "AGE", cell: (item, style) => ageWord(item.created, style) };
/** messageColumn has what condition Ready says, with what to do about it. */
export const messageColumn: ItemColumn<ObjectItem> = { header: "MESSAGE", wide: true, cell: (item) => item.message };

/** ageWord is how long ago a time was; empty when there is none. */
export function ageWord(time: string | undefined, style: Style): string {
  return time === undefined || time === "" ? "" : durationWord(style.nowMs - Date.parse(time));
}

/** listObjects shows all objects, or those that are named. */
export async function listObjects<T extends ObjectItem>(context: Context, listing: Listing<T>, names: readonly string[]): Promise<ExitCode> {
  return withCluster(context, (asked) => (names.length === 0 ? showAll({ context, asked, listing }) : showNamed({ context, asked, listing }, names)));
}

interface Show<T extends ObjectItem> { context: Context; asked: Asked; listing: Listing<T> }

async function showAll<T extends ObjectItem>({ context, asked, listing }: Show<T>): Promise<ExitCode> {
  const { resource, what } = listing;
  const selection = selectionOf(context, asked, resource);
  const found = await asked.ask(`the ${what}`, (kube) => kube.list(resource, selection));
  if (!found.ok) return finish(context, [found.error]);
  const { items, failures } = await listing.itemsOf(asked, found.value);
  await context.show({ data: { items }, text: (style) => (items.length === 0 ? "" : itemsTable(listing, items, { style, all: selection.namespace === undefined && resource.namespaced })), names: items.map((item) => resourceName(resource, item.name)) });
  if (items.length === 0) await context.note(`there are no ${what}${selection.namespace === undefined ? "" : ` in namespace ${selection.namespace}; -A shows all namespaces`}`);
  return finish(context, failures);
}

/** selectionOf chooses the namespace of a list. */
export function selectionOf({ options }: Context, asked: Asked, resource: KubeResource): KubeSelection {
  return resource.namespaced && !options.allNamespaces ? { namespace: asked.namespace } : {};
}

function itemsTable<T extends ObjectItem>(listing: Listing<T>, items: readonly T[], { style, all }: { style: Style; all: boolean }): string {
  const shown: ItemColumn<T>[] = [...(all ? [{ header: "NAMESPACE", cell: (item: T) => item.namespace ?? "" }] : []), ...listing.columns.filter((column) => style.wide || column.wide !== true)];
  return renderTable(shown, items.map((item) => shown.map((column) => column.cell(item, style))), style);
}

async function showNamed<T extends ObjectItem>(show: Show<T>, names: readonly string[]): Promise<ExitCode> {
  const { context, listing } = show;
  const details: ItemDetail<T>[] = [];
  const failures: Failure[] = [];
  for (const name of new Set(names)) {
    const detail = await readNamed(show, name);
    if ("code" in detail) failures.push(detail);
    else details.push(detail);
  }
  if (details.length > 0) {
    const items = details.map(({ item }) => item);
    await context.show({ data: { items }, text: (style) => details.map((detail) => detailText(detail, style)).join("\n"), names: items.map((item) => resourceName(listing.resource, item.name)) });
  }
  return finish(context, [...failures, ...details.flatMap((detail) => detail.failures)]);
}

async function readNamed<T extends ObjectItem>({ context, asked, listing }: Show<T>, name: string): Promise<ItemDetail<T> | Failure> {
  const { resource, what } = listing;
  const at: KubeName = placeOf(name, resource, asked);
  const found = await asked.ask(`the ${what}`, (kube) => kube.get(resource, at));
  if (!found.ok) return found.error;
  if (found.value === undefined) return absentFailure({ context, asked, listing }, at);
  const { items: [item], failures } = await listing.itemsOf(asked, [found.value]);
  if (item === undefined) throw new TypeError("an object without an item");
  const detail = await listing.detailOf(asked, found.value, item);
  return { ...detail, failures: [...failures, ...detail.failures] };
}

/** Names are written as the tables show them; `namespace/name` is understood too. */
function placeOf(name: string, { namespaced }: KubeResource, asked: Asked): KubeName {
  if (!namespaced) return { name };
  const [first = "", second] = name.split("/", 2);
  return second === undefined ? { name: first, namespace: asked.namespace } : { name: second, namespace: first };
}

async function absentFailure<T extends ObjectItem>({ asked, listing }: Show<T>, at: KubeName): Promise<Failure> {
  const { resource, what } = listing;
  const others = await asked.ask(`the ${what}`, (kube) => kube.list(resource, at.namespace === undefined ? {} : { namespace: at.namespace }));
  const known = others.ok ? others.value.map(({ metadata }) => metadata.name) : [];
  const near = suggestWord(at.name, known);
  const place = at.namespace === undefined ? "" : ` in namespace ${at.namespace}`;
  return {
    code: "SVR_NOT_FOUND", attempted: `cannot show ${resource.kind} ${at.name}`, reason: `there is none${place}`,
    next: near === undefined ? `list what there is with "svrctl ${what}${at.namespace === undefined ? "" : ` -n ${at.namespace}`}"` : `did you mean "${near}"?`,
  };
}

function detailText<T extends ObjectItem>({ item, facts, text }: ItemDetail<T>, style: Style): string {
  const own: Fact[] = [["name", item.name], ["namespace", item.namespace], ["age", ageWord(item.created, style)]];
  const conditions = item.conditions.map((one): Cell[] => [one.type, readyCell(one.status), one.reason, ageWord(one.since, style), one.message]);
  const table = conditions.length === 0 ? `${item.message}\n` : renderTable(["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"].map((header) => ({ header })), conditions, style);
  return [renderFacts([...own, ...facts], style), table, text(style)].filter((part) => part !== "").join("\n");
}
