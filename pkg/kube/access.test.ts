// What cannot be a way to an API server is told with the file and a fix, before anything is asked.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openAccess } from "./access.ts";

test.each([
  ["no URL", "https://api server", 'the server of its cluster is no URL: "https://api server"'],
  ["no https", "http://127.0.0.1:8080", "the server of its cluster is http://127.0.0.1:8080: only https is spoken"],
])("a kubeconfig whose server is %s is refused by its name", (_what, server, why) => {
  const folder = mkdtempSync(join(tmpdir(), "opensvr-access-")), path = join(folder, "config");
  const config = { apiVersion: "v1", kind: "Config", "current-context": "c", clusters: [{ name: "c", cluster: { server } }], users: [{ name: "c", user: {} }], contexts: [{ name: "c", context: { cluster: "c", user: "c" } }] };
  try {
    writeFileSync(path, JSON.stringify(config));
    expect(() => openAccess({ kubeconfig: path })).toThrow(`SVR_KUBE_CONFIG: ${path} cannot be used: ${why}; name another with --kubeconfig`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without any kubeconfig there is no server, whatever the library makes up", () => {
  const { HOME, KUBECONFIG, KUBERNETES_SERVICE_HOST: host } = process.env;
  for (const name of ["KUBECONFIG", "KUBERNETES_SERVICE_HOST"]) Reflect.deleteProperty(process.env, name);
  process.env["HOME"] = "/nonexistent";
  try {
    for (const options of [{}, { context: "lab" }]) expect(() => openAccess(options)).toThrow("SVR_KUBE_CONFIG: kubeconfig of KUBECONFIG or ~/.kube/config cannot be used: there is none; name another with --kubeconfig");
  } finally {
    for (const [name, value] of Object.entries({ HOME, KUBECONFIG, KUBERNETES_SERVICE_HOST: host })) if (value !== undefined) process.env[name] = value;
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
