// The counts and words of a status that printer columns show; a column is one value, so n/m and lists are text. Pure; called by
// statuses.ts. Sessions and peers are facts of the routers and come from elsewhere.
import type { ApiObject } from "../api/kinds.ts";
import { parentOf } from "../api/names.ts";
import type { Facts } from "./verdicts.ts";

const mostNamed = 3;
const longestText = 256; // of a status

/** countsOf gives the fields beside the conditions, for an object as it is in force. */
export function countsOf({ kind, progress }: Facts, object: ApiObject | undefined): Record<string, unknown> {
  const programmed = `${progress.done}/${progress.all}`;
  if (kind === "ServicePolicy" || kind === "SecurityPolicy") return { routers: programmed };
  if (kind === "Router") return { programmed };
  if (object?.kind === "Service") return { programmed, tenants: shortList(object.spec.access.filter((one) => one.permission === "Allow").map((one) => one.tenant)) };
  if (object?.kind === "Tenant") return { routers: programmed, members: object.spec.members.length, parent: parentOf(object.metadata.name) ?? "" };
  return kind === "Tenant" ? { routers: programmed } : { programmed }; // of one that is not in force nothing else is known; its schema has no more
}

/** shortList names the first few, as far as they fit, and counts the rest. */
export function shortList(names: readonly string[]): string {
  let shown = Math.min(mostNamed, names.length);
  const text = (): string => `${names.slice(0, shown).join(",")}${names.length > shown ? `,+${names.length - shown}` : ""}`;
  while (shown > 1 && text().length > longestText) shown -= 1;
  return text().length <= longestText ? text() : `${names[0]?.slice(0, longestText - 16) ?? ""}...,+${names.length - 1}`;
}
