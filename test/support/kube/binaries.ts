// Where the Kubernetes programs of the tests are. They are found or built by scripts/kube/get, which the level "kube" runs
// first; here they are only looked up, so that a test never builds for minutes behind its deadline.
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** KubeProgram is one of the programs. */
export type KubeProgram = "etcd" | "kube-apiserver" | "kube-controller-manager" | "kubectl" | "helm";

const modules = join(import.meta.dirname, "../../../scripts/kube");

/** binaryPath gives the path of a program: from KUBEBUILDER_ASSETS, else from the cache; throws with the command that brings it. */
export function binaryPath(name: KubeProgram): string {
  const places = [process.env["KUBEBUILDER_ASSETS"], cacheFolder()].filter((one) => one !== undefined && one !== "");
  const found = places.map((folder) => join(folder ?? "", name)).find((path) => existsSync(path) && statSync(path).isFile());
  if (found === undefined) throw new Error(`${name} is neither in KUBEBUILDER_ASSETS nor in ${cacheFolder()}; run: bash scripts/kube/get`);
  return found;
}

/** cacheFolder is where scripts/kube/get keeps what it made. */
export function cacheFolder(): string {
  const kubernetes = versionIn("kubernetes", "k8s.io/kubernetes"), helm = versionIn("helm", "helm.sh/helm/v3");
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "opensvr", `kube-${kubernetes}-helm-${helm}`);
}

/** kubernetesVersion is the version under test, without a leading v. */
export function kubernetesVersion(): string {
  return versionIn("kubernetes", "k8s.io/kubernetes");
}

function versionIn(module: string, name: string): string {
  const line = readFileSync(join(modules, module, "go.mod"), "utf8").split("\n").find((one) => one.startsWith(`require ${name} v`));
  return line?.slice(`require ${name} v`.length) ?? "";
}
