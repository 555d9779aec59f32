// Operator processes of tests: started on a test API server, followed by their log, ended by their id.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { TestProcess } from "../process.ts";
import { noteProcess } from "../run.ts";
import { waitFor } from "../wait.ts";
import { slow } from "./patience.ts";
import type { Kube } from "./server.ts";

const main = join(import.meta.dirname, "../../../cmd/operator/main.ts");

/** operatorNamespace is where operators of tests keep their Lease. */
export const operatorNamespace = "opensvr";

/** OperatorStart says how an operator is started. */
export interface OperatorStart { identity?: string; kubeconfig?: string; args?: readonly string[]; /** how long it may take until it is warm; default as all waits */ startedMs?: number; env?: Record<string, string> }

/** startOperator starts an operator process and waits until it is warm. */
export async function startOperator(kube: Kube, start: OperatorStart = {}): Promise<TestProcess> {
  const child = launchOperator(kube, start);
  await child.line(/"msg":"operator started"/, { deadlineMs: start.startedMs ?? slow.deadlineMs });
  return child;
}

/** launchOperator starts an operator process and waits for nothing: it may never be warm. */
export function launchOperator(kube: Kube, { identity = "operator-1", kubeconfig = kube.kubeconfig, args = [], env = {} }: OperatorStart = {}): TestProcess {
  const child = new TestProcess([process.execPath, main, "--kubeconfig", kubeconfig, "--namespace", operatorNamespace, "--identity", identity, "--health-port", "0", ...args], { env });
  noteProcess(kube.run, child.pid);
  return child;
}

/** leaderOf gives the identity in the Lease, "" when nobody leads. */
export function leaderOf(kube: Kube): string {
  const { status, out } = kube.tryKubectl(["get", "lease", "opensvr-operator", "-n", operatorNamespace, "-o", "jsonpath={.spec.holderIdentity}"]);
  return status === 0 ? out : "";
}

/** Item is an object as kubectl gives it. */
export interface Item { metadata: { name: string; namespace?: string; generation: number; resourceVersion: string; labels?: Record<string, string> }; spec?: Record<string, unknown>; status?: Record<string, unknown> }

/** itemOf reads one object; undefined when there is none. */
export function itemOf(kube: Kube, kind: string, name: string, namespace?: string): Item | undefined {
  const { status, out, err } = kube.tryKubectl(["get", kind, name, ...(namespace === undefined ? [] : ["-n", namespace]), "-o", "json", "--ignore-not-found"]);
  if (status !== 0) throw new Error(err);
  return out === "" ? undefined : JSON.parse(out) as Item;
}

/** itemsOf lists objects of a kind in all namespaces. */
export function itemsOf(kube: Kube, kind: string): Item[] {
  return (JSON.parse(kube.kubectl(["get", kind, "-A", "-o", "json"])) as { items: Item[] }).items;
}

/** conditionOf gives `Status Reason: message` of a condition, "" when it is not there. */
export function conditionOf(item: Item | undefined, type: string): string {
  const list = (item?.status?.["conditions"] ?? []) as { type: string; status: string; reason: string; message: string }[];
  const one = list.find((condition) => condition.type === type);
  return one === undefined ? "" : `${one.status} ${one.reason}: ${one.message}`;
}

/** Head is what the head of a router says. */
export interface Head { hash: string; pages: string[]; nodeName: string }

/** headOf reads the head of a router. */
export function headOf(kube: Kube, router: string): Head | undefined {
  return itemOf(kube, "routerconfigs.opensvr.io", router)?.spec?.["head"] as Head | undefined;
}

/** contentOf reads a page. */
export function contentOf(kube: Kube, page: string): string | undefined {
  return (itemOf(kube, "routerconfigs.opensvr.io", page)?.spec?.["page"] as { content?: string } | undefined)?.content;
}

/** ackAs writes what a router writes when it has programmed its head. */
export function ackAs(kube: Kube, router: string): void {
  const head = headOf(kube, router);
  const status = { acked: { hash: head?.hash ?? "", time: new Date().toISOString() } };
  kube.kubectl(["patch", "routerconfigs.opensvr.io", router, "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);
}

/** headChanges waits for a head with another hash and gives it. */
export async function headChanges(kube: Kube, router: string, from: string | undefined, deadlineMs = slow.deadlineMs): Promise<Head> {
  return waitFor(`a head of ${router} other than ${from ?? "none"}`, () => {
    const head = headOf(kube, router);
    return head === undefined || head.hash === from ? undefined : head;
  }, { everyMs: 100, deadlineMs });
}

/** readText reads a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(import.meta.dirname, "../../..", path), "utf8");
}
