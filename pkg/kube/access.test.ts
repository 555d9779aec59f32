// What cannot be a way to an API server is told with the file and a fix, before anything is asked.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openAccess } from "./access.ts";

test("a kubeconfig whose server is no URL is refused by its name", () => {
  const folder = mkdtempSync(join(tmpdir(), "opensvr-access-")), path = join(folder, "config");
  const config = { apiVersion: "v1", kind: "Config", "current-context": "c", clusters: [{ name: "c", cluster: { server: "https://api server" } }], users: [{ name: "c", user: {} }], contexts: [{ name: "c", context: { cluster: "c", user: "c" } }] };
  try {
    writeFileSync(path, JSON.stringify(config));
    expect(() => openAccess({ kubeconfig: path })).toThrow(`SVR_KUBE_CONFIG: ${path} cannot be used: the server of its cluster is no URL: "https://api server"; name another with --kubeconfig`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the account of a pod is refused where there is no pod", () => {
  const { KUBERNETES_SERVICE_HOST: host } = process.env;
  delete process.env["KUBERNETES_SERVICE_HOST"];
  try {
    expect(() => openAccess({ pod: true })).toThrow("SVR_KUBE_CONFIG: account of the pod cannot be used: this process runs in no pod");
  } finally {
    if (host !== undefined) process.env["KUBERNETES_SERVICE_HOST"] = host;
  }
});
