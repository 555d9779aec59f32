// What a kubelet gives the container of a router, for processes that are no containers: volumes whose files are swapped all at once, and the
// account of the pod where programs look for it. Called by tests that run routers as pods; the API server knows the pods by their objects.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { insideAddress, insidePort } from "./relay.ts";
import type { Kube } from "./server.ts";

/** swapVolume makes or replaces the files of a volume as a kubelet does: a new folder, then one link that leads to it. */
export function swapVolume(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  const version = `..${process.hrtime.bigint()}`;
  mkdirSync(join(folder, version));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, version, name), text, { mode: 0o400 });
  symlinkSync(version, join(folder, "..data_tmp"));
  renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  for (const name of Object.keys(files)) {
    symlinkSync(`..data/${name}`, join(folder, `.${name}.new`));
    renameSync(join(folder, `.${name}.new`), join(folder, name));
  }
}

/** PodPlace is whose pod it is, and where; the owner is the DaemonSet that made it. */
export interface PodPlace { namespace: string; account: string; node: string; owner?: { name: string; uid: string } }

/** addPod makes the object of a pod; nobody starts it. */
export function addPod(kube: Kube, name: string, { namespace, account, node, owner }: PodPlace): void {
  const spec = { nodeName: node, serviceAccountName: account, containers: [{ name: "router", image: "none" }] };
  kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, ...(owner !== undefined && { ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", ...owner, controller: true }] }) }, spec }));
}

/** PodAccount is the account as a process sees it. */
export class PodAccount {
  readonly #kube: Kube;
  readonly #place: PodPlace;
  readonly #folder: string;

  constructor(kube: Kube, folder: string, place: PodPlace) {
    [this.#kube, this.#folder, this.#place] = [kube, folder, place];
  }

  /** become gives the account the token of a pod, which is made when there is none. */
  become(pod: string): void {
    const { namespace, account } = this.#place;
    addPod(this.#kube, pod, this.#place);
    swapVolume(this.#folder, { token: this.#kube.token(namespace, account, pod), "ca.crt": this.#kube.ca, namespace });
  }

  /** words start a program that sees the account where Kubernetes puts it, and nobody else does. */
  get words(): string[] {
    const at = "/var/run/secrets/kubernetes.io/serviceaccount";
    return ["unshare", "--mount", "sh", "-c", `mount -t tmpfs none /var/run && mkdir -p ${at} && mount --bind "$0" ${at} && exec "$@"`, this.#folder];
  }

  /** environment of the process. */
  get environment(): Record<string, string> {
    return { KUBERNETES_SERVICE_HOST: insideAddress, KUBERNETES_SERVICE_PORT: String(insidePort) };
  }
}
