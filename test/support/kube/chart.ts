// The chart in tests: the real helm with folders of its own below the run folder, and what it renders as objects. Called by test/kube.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { parseAllDocuments } from "yaml";
import { binaryPath, kubernetesVersion } from "./binaries.ts";
import type { Kube, Ran } from "./server.ts";

/** chartFolder is the chart of the repository. */
export const chartFolder = join(import.meta.dirname, "../../../charts/opensvr");

const HELM_MS = 60_000;

/** Rendered is one object of a rendered chart. */
export interface Rendered {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** Helm runs helm against a server. */
export interface Helm {
  /** throws on a status that is not 0 */
  run(args: readonly string[], input?: string): string;
  attempt(args: readonly string[], input?: string): Ran;
}

/** openHelm makes a helm that knows no repositories, plugins or settings of whoever runs the tests. */
export function openHelm(kube: Kube): Helm {
  const home = join(kube.run.folder, "helm");
  const env = { PATH: process.env["PATH"], HOME: home, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home, KUBECONFIG: kube.kubeconfig };
  const attempt: Helm["attempt"] = (args, input = "") => {
    const { status, stdout, stderr } = spawnSync(binaryPath("helm"), args, { encoding: "utf8", env, input, timeout: HELM_MS, maxBuffer: 1 << 27 });
    return { status, out: stdout, err: stderr };
  };
  return {
    attempt,
    run(args, input) {
      const { status, out, err } = attempt(args, input);
      if (status !== 0) throw new Error(`helm ${args.join(" ")} ended with ${status ?? "a signal"}: ${err}${out}`);
      return out;
    },
  };
}

/** templateWords are the arguments that render the chart for release "opensvr" in namespace "opensvr"; values come on the standard input. */
export function templateWords(chart = chartFolder): string[] {
  return ["template", "opensvr", chart, "--namespace", "opensvr", "--kube-version", kubernetesVersion(), "--values", "-"];
}

/** objectsIn reads the objects of a rendered chart. */
export function objectsIn(text: string): Rendered[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`the render is no YAML: ${String(document.errors[0])}`);
    const object = document.toJS() as Rendered | null;
    return object === null ? [] : [object];
  });
}
