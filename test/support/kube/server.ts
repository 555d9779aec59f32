// A real API server for tests: etcd and kube-apiserver as processes on loopback, an administrator's kubeconfig, kubectl. No
// pod runs. One a test file; everything is in a run folder, so that an interrupted run is swept like any other.
import { spawnSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { TestProcess } from "../process.ts";
import { leftovers, noteProcess, openRun, removeFolders } from "../run.ts";
import type { Run } from "../run.ts";
import { waitFor } from "../wait.ts";
import { binaryPath } from "./binaries.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Access } from "./kubeconfig.ts";
import { slow, stopMs } from "./patience.ts";

const KUBECTL_MS = 200_000;

/** KubeOptions of a server. */
export interface KubeOptions {
  /** address to listen at besides what kubeconfigs name; default 127.0.0.1 */
  bind?: string;
  /** runs kube-controller-manager too: namespaces are emptied, owned objects go with their owners, pods of DaemonSets are made */
  controllers?: boolean;
  /** more arguments of kube-apiserver */
  arguments?: readonly string[];
}

/** Ran is what a command printed. */
export interface Ran { status: number | null; out: string; err: string }

/** Kube is a running API server; made by openKube. */
export interface Kube {
  readonly run: Run;
  /** https://127.0.0.1:PORT */
  readonly url: string;
  readonly port: number;
  /** path of the administrator's kubeconfig */
  readonly kubeconfig: string;
  /** PEM of the server's certificate chain */
  readonly ca: string;
  /** runs kubectl as the administrator; rejects on a status that is not 0 */
  kubectl(args: readonly string[], input?: string): string;
  /** runs kubectl and gives what came of it */
  tryKubectl(args: readonly string[], input?: string, kubeconfig?: string): Ran;
  /** applies every CRD of the repository and waits until each is served */
  applyCrds(): void;
  /** a kubeconfig for somebody else: `url` may be that of a proxy, `serverName` the name in the certificate then */
  configFor(name: string, access: Partial<Access> & { token: string }): string;
  /** token of a service account, bound to a pod when one is named */
  token(namespace: string, account: string, pod?: string): string;
  stopApi(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  startApi(): Promise<void>;
  close(): Promise<void>;
}

interface Parts { run: Run; port: number; etcdPort: number; adminToken: string; options: KubeOptions }

/** openKube starts etcd and the API server and waits until it is ready, about 5 s. */
export async function openKube(options: KubeOptions = {}): Promise<Kube> {
  const run = openRun();
  const [port = 0, etcdPort = 0, peerPort = 0] = await freePorts(3);
  const parts: Parts = { run, port, etcdPort, adminToken: randomBytes(16).toString("hex"), options };
  writeSecrets(parts);
  const stops: (() => Promise<unknown>)[] = [];
  const start = (words: readonly string[]): TestProcess => {
    const child = new TestProcess(words, { errorFile: join(run.folder, `${basename(words[0] ?? "")}.log`) });
    noteProcess(run, child.pid);
    return child;
  };
  const etcd = start(etcdWords(parts, peerPort));
  stops.push(() => etcd.stop(stopMs));
  let api = start(apiWords(parts));
  stops.unshift(() => api.stop(stopMs));
  const close = async (): Promise<void> => {
    for (const stop of stops) await stop();
    removeFolders(run);
    const left = leftovers(run);
    if (left.length > 0) throw new Error(`the API server left ${left.join(", ")}`);
  };
  try {
    await isReady(parts, api);
    const kube = kubeOf(parts, close, {
      async stopApi(signal = "SIGTERM") { await (signal === "SIGTERM" ? api.stop(stopMs) : api.kill()); },
      async startApi() { api = start(apiWords(parts)); await isReady(parts, api); },
    });
    if (options.controllers === true) {
      const manager = start(managerWords(parts, kube.kubeconfig));
      stops.unshift(() => manager.stop(stopMs));
    }
    return kube;
  } catch (error) {
    await close();
    throw error;
  }
}

function kubeOf(parts: Parts, close: () => Promise<void>, power: Pick<Kube, "stopApi" | "startApi">): Kube {
  const { run, port } = parts;
  const url = `https://127.0.0.1:${port}`;
  const ca = readFileSync(join(run.folder, "certs/apiserver.crt"), "utf8");
  const configFor: Kube["configFor"] = (name, access) => writeKubeconfig(join(run.folder, `${name}.kubeconfig`), { url, ca, ...access });
  const kubeconfig = configFor("admin", { token: parts.adminToken });
  const tryKubectl: Kube["tryKubectl"] = (args, input, as = kubeconfig) => {
    const { status, stdout, stderr } = spawnSync(binaryPath("kubectl"), ["--kubeconfig", as, "--cache-dir", join(run.folder, "kubectl-cache"), ...args], { encoding: "utf8", input: input ?? "", timeout: KUBECTL_MS, maxBuffer: 1 << 28 });
    return { status, out: stdout, err: stderr };
  };
  const kubectl: Kube["kubectl"] = (args, input) => {
    const { status, out, err } = tryKubectl(args, input);
    if (status !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${status ?? "a signal"}: ${err}${out}`);
    return out;
  };
  return {
    run, url, port, kubeconfig, ca, kubectl, tryKubectl, configFor, ...power, close,
    applyCrds() {
      kubectl(["apply", "--server-side", "-f", join(import.meta.dirname, "../../../crds")]);
      kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
    },
    token: (namespace, account, pod) => kubectl(["create", "token", account, "-n", namespace, ...(pod === undefined ? [] : ["--bound-object-kind", "Pod", "--bound-object-name", pod])]).trim(),
  };
}

function writeSecrets({ run, adminToken }: Parts): void {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding: { type: "pkcs8", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } });
  mkdirSync(join(run.folder, "certs"));
  writeFileSync(join(run.folder, "sa.key"), privateKey, { mode: 0o600 });
  writeFileSync(join(run.folder, "sa.pub"), publicKey);
  writeFileSync(join(run.folder, "tokens.csv"), `${adminToken},admin,admin,"system:masters"\n`, { mode: 0o600 });
}

function etcdWords({ run, etcdPort }: Parts, peerPort: number): string[] {
  const [client, peer] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${peerPort}`];
  return [
    binaryPath("etcd"), "--name", "test", "--data-dir", join(run.folder, "etcd"), "--log-level", "error", "--listen-client-urls", client, "--advertise-client-urls", client,
    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `test=${peer}`, "--quota-backend-bytes", "4294967296", "--snapshot-count", "10000",
  ];
}

function apiWords({ run, port, etcdPort, options }: Parts): string[] {
  const file = (name: string): string => join(run.folder, name);
  return [
    binaryPath("kube-apiserver"), `--etcd-servers=http://127.0.0.1:${etcdPort}`, `--secure-port=${port}`, `--bind-address=${options.bind ?? "127.0.0.1"}`, "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none", `--cert-dir=${file("certs")}`, `--token-auth-file=${file("tokens.csv")}`, "--authorization-mode=Node,RBAC", "--allow-privileged=true",
    "--service-account-issuer=https://opensvr.test", `--service-account-key-file=${file("sa.pub")}`, `--service-account-signing-key-file=${file("sa.key")}`,
    "--service-cluster-ip-range=10.96.0.0/16", "--profiling=false", ...(options.arguments ?? []),
  ];
}

function managerWords({ run }: Parts, kubeconfig: string): string[] {
  return [
    binaryPath("kube-controller-manager"), `--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0", `--service-account-private-key-file=${join(run.folder, "sa.key")}`,
    "--use-service-account-credentials=true", `--root-ca-file=${join(run.folder, "certs/apiserver.crt")}`,
  ];
}

/** The certificate is made at the first start, so nothing can be verified before /readyz has answered. */
async function isReady({ run, port, adminToken }: Parts, api: TestProcess): Promise<void> {
  const options = { host: "127.0.0.1", port, path: "/readyz", rejectUnauthorized: false, headers: { authorization: `Bearer ${adminToken}` }, timeout: 2_000 };
  const look = (): Promise<boolean> => new Promise((resolve, reject) => {
    if (api.exit !== undefined) return reject(new Error(`kube-apiserver ended: ${api.errors.slice(-2000)}`));
    request(options, (answer) => { answer.resume(); resolve(answer.statusCode === 200); }).on("error", () => { resolve(false); }).on("timeout", function (this: { destroy(): void }) { this.destroy(); }).end();
  });
  await waitFor(`the API server of ${run.prefix} is ready`, look, { deadlineMs: slow.deadlineMs, everyMs: 100, show: () => api.errors.slice(-1000) });
}

/** Ports that were free a moment ago; all held at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); })));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve); })));
  return ports;
}
