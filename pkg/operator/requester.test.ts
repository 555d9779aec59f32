// Who asked: what is known for good is told at once, what may not have been seen here yet is looked at again.
import { createHash } from "node:crypto";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import type { KubeObject, KubeStore } from "../ports/kube.ts";
import { classLabel } from "./daemonset.ts";
import { requesterOf } from "./requester.ts";
import { pods } from "./resources.ts";

const namespace = "opensvr", account = "opensvr-router-edge";
const owner = (more: object = {}): object => ({ apiVersion: "apps/v1", kind: "DaemonSet", name: account, uid: "d1", controller: true, ...more });
const daemonSet = (uid = "d1", className = "edge"): KubeObject => ({ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: account, namespace, uid, labels: { [classLabel]: className } } });
const storeOf = (object: KubeObject | undefined): KubeStore => ({ get: () => object }) as unknown as KubeStore;
const router: KubeObject = { apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "edge-n1" }, spec: { nodeName: "n1" } };

async function asked(of: { owners?: object[]; daemonSet?: KubeObject | undefined; router?: KubeObject | undefined }): Promise<unknown> {
  const { owners = [owner()] } = of, kube = new MemoryKube();
  await kube.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace, ownerReferences: owners as never }, spec: { nodeName: "n1", serviceAccountName: account } });
  const uid = (await kube.get(pods, { namespace, name: "p" }))?.metadata.uid ?? "";
  const extra = { "authentication.kubernetes.io/pod-name": ["p"], "authentication.kubernetes.io/pod-uid": [uid], "authentication.kubernetes.io/node-name": ["n1"] };
  const parts = { kube, routers: storeOf("router" in of ? of.router : router), daemonSets: storeOf("daemonSet" in of ? of.daemonSet : daemonSet()), routerNamespace: namespace, sha256: (text: string) => createHash("sha256").update(text).digest("hex") };
  const told = await requesterOf(parts, { request: "", signerName: "opensvr.io/router", username: `system:serviceaccount:${namespace}:${account}`, extra });
  return told.ok ? told.value : told.error.isEarly ? "early" : "never";
}

test.each<[string, Parameters<typeof asked>[0], string]>([
  ["a pod of the DaemonSet", {}, "edge-n1"],
  ["a DaemonSet that is not seen yet", { daemonSet: undefined }, "early"],
  ["a DaemonSet that was made again and is not seen yet", { owners: [owner({ uid: "d2" })] }, "early"],
  ["a Router that is not seen yet", { router: undefined }, "early"],
  ["a pod that nobody owns", { owners: [] }, "never"],
  ["a pod that nobody owns, before the DaemonSet is seen", { owners: [], daemonSet: undefined }, "never"],
  ["an owner that does not control it", { owners: [owner({ controller: false })] }, "never"],
  ["a pod of another kind of owner", { owners: [owner({ kind: "ReplicaSet" })] }, "never"],
  ["a pod of another DaemonSet", { owners: [owner({ name: "other", uid: "d2" })] }, "never"],
  ["a pod of another DaemonSet, before ours is seen", { owners: [owner({ name: "other" })], daemonSet: undefined }, "never"],
  ["a DaemonSet of that name that is of no class", { daemonSet: daemonSet("d1", "other") }, "never"],
])("%s", async (_what, of, answer) => {
  expect(await asked(of)).toBe(answer);
});
