// Kubeconfig files of tests. Written by server.ts and by tests that want another user, a proxy or a broken file.
import { writeFileSync } from "node:fs";

/** Access is one way to a server. */
export interface Access {
  url: string;
  /** PEM */
  ca: string;
  token: string;
  /** name in the server's certificate, when it is not that of the url */
  serverName?: string;
  namespace?: string;
}

/** writeKubeconfig writes a kubeconfig with one context, readable for its owner only, and gives its path. */
export function writeKubeconfig(path: string, access: Access): string {
  const cluster = { server: access.url, "certificate-authority-data": Buffer.from(access.ca).toString("base64"), ...(access.serverName !== undefined && { "tls-server-name": access.serverName }) };
  const config = {
    apiVersion: "v1", kind: "Config", "current-context": "test", preferences: {},
    clusters: [{ name: "test", cluster }], users: [{ name: "test", user: { token: access.token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", ...(access.namespace !== undefined && { namespace: access.namespace }) } }],
  };
  writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  return path;
}
