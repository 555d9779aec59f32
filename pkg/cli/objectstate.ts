// What the status of an API object says: its conditions, whether they are about the object as it is now, and single facts.
// Called by the commands that show objects. Pure and total: a status is written by others and may be anything.
import type { Condition } from "../api/conditions.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { Cell } from "./table.ts";

/** ConditionView is a condition as it is shown. */
export type ConditionView = Pick<Condition, "status"> & { type: string; reason: string; message: string; since: string };

/** ObjectState is what an object's condition Ready says. */
export interface ObjectState {
  ready: Condition["status"];
  reason: string;
  message: string;
}

const unseen: ObjectState = { ready: "Unknown", reason: "NotSeen", message: "no operator has looked at it yet" };

/** conditionsOf reads the conditions, in their order. */
export function conditionsOf(object: KubeObject): ConditionView[] {
  const list = statusOf(object)["conditions"];
  return Array.isArray(list) ? list.flatMap((one: unknown): ConditionView[] => {
    if (!isRecord(one) || typeof one["type"] !== "string") return [];
    const status = one["status"] === "True" || one["status"] === "False" ? one["status"] : "Unknown";
    return [{ type: one["type"], status, reason: textOf(one["reason"]), message: textOf(one["message"]), since: textOf(one["lastTransitionTime"]) }];
  }) : [];
}

/** stateOf reads condition Ready; one that is about an earlier generation says nothing about this one. */
export function stateOf(object: KubeObject): ObjectState {
  const ready = conditionsOf(object).find((one) => one.type === "Ready");
  if (ready === undefined) return unseen;
  const { generation } = object.metadata;
  const seen = Number(statusOf(object)["observedGeneration"] ?? generation);
  if (generation !== undefined && seen < generation) return { ready: "Unknown", reason: "NotSeen", message: `no operator has looked at generation ${generation} yet, the last one was ${seen}` };
  return { ready: ready.status, reason: ready.reason, message: ready.message };
}

/** statusOf gives the status, empty when there is none. */
export function statusOf(object: KubeObject): Readonly<Record<string, unknown>> {
  return isRecord(object["status"]) ? object["status"] : {};
}

/** factOf gives one text or number of the status as text, undefined when it is not there. */
export function factOf(object: KubeObject, field: string): string | undefined {
  const value = statusOf(object)[field];
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
}

/** countOf gives one number of the status. */
export function countOf(object: KubeObject, field: string): number | undefined {
  const value = statusOf(object)[field];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** readyCell shows a state with its tone. */
export function readyCell(status: Condition["status"]): Cell {
  return { text: status, tone: status === "True" ? "good" : status === "False" ? "bad" : "warn" };
}

/** isRecord tells whether a value has fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
