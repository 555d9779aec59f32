// What kubelets and a scheduler do, for the programs of this checkout: each pod of the API server becomes a process in the network
// namespace of its node, with the arguments, account, files and probe of the pod. Called by tests that have no kubelet; the
// controllers of the real controller manager do the rest. Pods that need a network of their own, or another program, stay Pending.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { openAccess } from "../../../pkg/kube/access.ts";
import { openKubeClient } from "../../../pkg/kube/client.ts";
import type { KubeClient } from "../../../pkg/kube/client.ts";
import type { KubeMetadata, KubeResource } from "../../../pkg/ports/kube.ts";
import type { Net } from "../net.ts";
import type { TestProcess } from "../process.ts";
import { waitFor } from "../wait.ts";
import { swapVolume } from "./pods.ts";
import { insideAddress, insidePort } from "./relay.ts";
import type { Kube } from "./server.ts";

const root = join(import.meta.dirname, "../../..");
const pods: KubeResource = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true };
const secrets: KubeResource = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
const TURN_MS = 500;
const LONGEST_MS = 3_600_000;
const STOP_MS = 20_000;
const accountFolder = "/run/secrets/kubernetes.io/serviceaccount";

interface Container {
  name: string; image: string; args: string[];
  env?: { name: string; value?: string; valueFrom?: { fieldRef?: { fieldPath: string } } }[];
  volumeMounts?: { name: string; mountPath: string }[];
  readinessProbe?: { httpGet: { path: string } };
}
interface PodSpec {
  nodeName?: string; hostNetwork?: boolean; serviceAccountName: string; containers: Container[];
  volumes?: { name: string; hostPath?: { path: string }; secret?: { secretName: string } }[];
  affinity?: { nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: { matchFields?: { values: string[] }[] }[] } } };
}
interface Pod { metadata: KubeMetadata; spec: PodSpec; status?: { phase?: string } }

/** KubeletPlaces says where pods run. */
export interface KubeletPlaces {
  net: Net;
  /** node of the cluster to node of the network: where pods in the network of their node run */
  nodes: Readonly<Record<string, string>>;
  /** nodes of the network for operators, one each */
  apart: readonly string[];
}

/** Kubelet runs what the API server has as pods, until close. */
export class Kubelet {
  readonly #kube: Kube;
  readonly #places: KubeletPlaces;
  readonly #client: KubeClient;
  readonly #running = new Map<string, { process: TestProcess; place: string; isReady: boolean }>();
  readonly #ended: Promise<unknown>;
  #isClosing = false;
  /** why the last turn did not work, or not for one pod: the API server may be away, or a Secret not be there yet */
  trouble: unknown;

  constructor(kube: Kube, places: KubeletPlaces) {
    this.#kube = kube;
    this.#places = places;
    this.#client = openKubeClient({ access: openAccess({ kubeconfig: kube.kubeconfig }), deadlineMs: 5_000 });
    this.#ended = waitFor("the pods are closed", async () => { await this.#turns(); return this.#isClosing; }, { everyMs: TURN_MS, deadlineMs: LONGEST_MS });
  }

  /** log is what the pods of a name said last. */
  log(name: string): string {
    return [...this.#running].filter(([key]) => key.includes(name)).map(([key, { process: one }]) => `${key}: ${one.lines.slice(-5).join("\n")}${one.errors.slice(-1_000)}`).join("\n");
  }

  /** close stops all pods and looks no more. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#ended;
    await Promise.all([...this.#running.values()].map(({ process: one }) => one.stop(STOP_MS)));
    this.#client.close();
  }

  async #turns(): Promise<void> {
    if (this.#isClosing) return;
    try {
      this.trouble = undefined;
      for (const pod of await this.#client.list(pods) as unknown as Pod[]) await this.#turn(pod).catch((error: unknown) => { this.trouble = error; });
    } catch (error) {
      this.trouble = error;
    }
  }

  async #turn(pod: Pod): Promise<void> {
    const key = `${pod.metadata.namespace ?? ""}/${pod.metadata.name}`;
    const running = this.#running.get(key);
    if (pod.metadata.deletionTimestamp !== undefined) return this.#end(pod, key);
    if (running === undefined) return this.#begin(pod, key);
    if (running.process.exit !== undefined) throw new Error(`${key} ended: ${this.log(key)}`);
    if (running.isReady || !await this.#answers(pod, running.place)) return;
    running.isReady = true;
    this.#tell(pod);
  }

  async #begin(pod: Pod, key: string): Promise<void> {
    const [container] = pod.spec.containers;
    const program = /^opensvr\/(operator|router)[:@]/.exec(container?.image ?? "")?.[1];
    const taken = new Set([...this.#running.values()].map(({ place }) => place));
    const node = pod.spec.nodeName ?? nodeFor(pod) ?? Object.keys(this.#places.nodes)[0] ?? "";
    const place = pod.spec.hostNetwork === true ? this.#places.nodes[node] : program === "operator" ? this.#places.apart.find((one) => !taken.has(one)) : undefined;
    if (container === undefined || program === undefined || place === undefined) return;
    const { namespace = "", name } = pod.metadata;
    if (pod.spec.nodeName === undefined) this.#post(`/api/v1/namespaces/${namespace}/pods/${name}/binding`, { apiVersion: "v1", kind: "Binding", metadata: { name, namespace }, target: { apiVersion: "v1", kind: "Node", name: node } });
    const mounts = await this.#mounts(pod, container);
    const env = environmentOf({ ...pod, spec: { ...pod.spec, nodeName: node } }, container);
    const words = container.args.map((word) => word.replaceAll(/\$\((\w+)\)/g, (_all, variable: string) => env[variable] ?? ""));
    const script = `set -e; for one in /etc /run /var/lib; do mount -t tmpfs none $one; done; ${mounts.join("; ")}; exec "$@"`;
    const started = this.#places.net.start(place, ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, name, process.execPath, "--disable-warning=ExperimentalWarning", join(root, `cmd/${program}/main.ts`), ...words], { env });
    this.#running.set(key, { process: started, place, isReady: false });
  }

  /** Its account and volumes, as commands that mount them. */
  async #mounts({ metadata: { namespace = "", name }, spec }: Pod, container: Container): Promise<string[]> {
    const folder = join(this.#kube.run.folder, "pods", name);
    const write = (place: string, files: Readonly<Record<string, string>>): string => {
      swapVolume(join(folder, place), files);
      return join(folder, place);
    };
    const bind = (from: string, to: string): string => `mkdir -p ${to}; mount --bind ${from} ${to}`;
    const found = [bind(write("account", { token: this.#kube.token(namespace, spec.serviceAccountName, name), "ca.crt": this.#kube.ca, namespace }), accountFolder)];
    for (const { name: volume, mountPath } of container.volumeMounts ?? []) {
      const { hostPath, secret } = spec.volumes?.find((one) => one.name === volume) ?? {};
      if (hostPath?.path === "/sys/fs/bpf") found.push(`mount -t bpf bpf ${mountPath}`);
      else if (hostPath !== undefined) {
        mkdirSync(join(folder, volume), { recursive: true });
        found.push(bind(join(folder, volume), mountPath));
      }
      if (secret !== undefined) found.push(bind(write(volume, await this.#secret(namespace, secret.secretName)), mountPath));
    }
    return found;
  }

  async #secret(namespace: string, name: string): Promise<Record<string, string>> {
    const object = await this.#client.get(secrets, { namespace, name });
    if (object === undefined) throw new Error(`there is no Secret ${namespace}/${name} yet`);
    return Object.fromEntries(Object.entries((object["data"] ?? {}) as Record<string, string>).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
  }

  async #answers({ spec: { containers: [container] } }: Pod, place: string): Promise<boolean> {
    const port = container?.args.join(" ").match(/--health-port[= ](\d+)/)?.[1] ?? "";
    return (await this.#places.net.exec(place, ["curl", "-sf", "-m", "2", "-o", "/dev/null", `http://127.0.0.1:${port}${container?.readinessProbe?.httpGet.path ?? ""}`])).code === 0;
  }

  #tell({ metadata: { namespace = "", name }, spec: { containers } }: Pod): void {
    const now = new Date().toISOString();
    const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({ type, status: "True", lastTransitionTime: now }));
    const containerStatuses = containers.map(({ name: one, image }) => ({ name: one, image, imageID: "", ready: true, started: true, restartCount: 0, state: { running: { startedAt: now } } }));
    this.#kube.kubectl(["patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", JSON.stringify({ status: { phase: "Running", startTime: now, conditions, containerStatuses } })]);
  }

  async #end({ metadata: { namespace = "", name } }: Pod, key: string): Promise<void> {
    await this.#running.get(key)?.process.stop(STOP_MS);
    this.#running.delete(key);
    this.#kube.kubectl(["delete", "pod", name, "-n", namespace, "--grace-period=0", "--force", "--ignore-not-found", "--wait=false"]);
  }

  #post(path: string, object: object): void {
    this.#kube.kubectl(["create", "--raw", path, "-f", "-"], JSON.stringify(object));
  }
}

/** The node that a DaemonSet wants its pod on. */
function nodeFor({ spec }: Pod): string | undefined {
  return spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0]?.matchFields?.[0]?.values[0];
}

function environmentOf({ metadata, spec }: Pod, { env = [] }: Container): Record<string, string> {
  const fields: Record<string, string | undefined> = { "spec.nodeName": spec.nodeName, "metadata.name": metadata.name, "metadata.namespace": metadata.namespace };
  const own = env.map(({ name, value, valueFrom }) => [name, value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ""] ?? ""] as const);
  return { ...Object.fromEntries(own), NODE_EXTRA_CA_CERTS: "", KUBERNETES_SERVICE_HOST: insideAddress, KUBERNETES_SERVICE_PORT: String(insidePort) };
}
