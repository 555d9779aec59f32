// Credentials and connections to an API server: kubeconfig, contexts, exec plugins and pod accounts come from the Kubernetes
// client library; connections are kept open and reused here. Called by client.ts and listwatch.ts.
import { Agent, request } from "node:https";
import type { RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";
import { SvrError } from "../base/errors.ts";

/** AccessOptions say which server and who; no file and no pod: the usual places of a kubeconfig. */
export interface AccessOptions {
  kubeconfig?: string;
  /** the account of the pod that this process runs in */
  pod?: boolean;
  context?: string;
  /** user and groups to act for */
  as?: string;
  asGroups?: readonly string[];
}

/** Call is one request; `body` is JSON text, `accept` the form of the answer where it is not plain JSON. */
export interface Call { method: string; path: string; accept?: string; contentType?: string; body?: string; signal: AbortSignal }

/** KubeAccess sends requests with credentials; credentials are read anew for each. */
export interface KubeAccess {
  readonly server: string;
  /** namespace of the context, "default" when it names none */
  readonly namespace: string;
  /** resolves with the head of the answer; rejects with the fault of the connection, or the signal's reason */
  send(call: Call): Promise<IncomingMessage>;
  close(): void;
}

const MAX_SOCKETS = 32;
const INVENTED = "http://localhost:8080"; // what the library says when it finds nothing

/** openAccess reads the configuration; rejects with SVR_KUBE_CONFIG when there is none that can be used. */
export function openAccess(options: AccessOptions): KubeAccess {
  let config = readConfig(options);
  let isRefused = false; // the library keeps tokens, those of plugins for ever if they name no end: after a 401 all is read anew
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw configFault(options, "it has no current context with a cluster");
  if (!URL.canParse(cluster.server)) throw configFault(options, options.pod === true ? "this process runs in no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name no server" : `the server of its cluster is no URL: "${cluster.server}"`);
  const server = new URL(cluster.server);
  if (server.protocol !== "https:") throw configFault(options, `the server of its cluster is ${cluster.server}: only https is spoken`);
  const agents = new Map<string, RequestOptions["agent"]>();
  const agentFor = (given: RequestOptions): RequestOptions["agent"] => {
    if (cluster.proxyUrl !== undefined) return given.agent; // the library knows proxies
    const { ca, cert, key, passphrase, servername, rejectUnauthorized } = given;
    const name = JSON.stringify([text(ca), text(cert), text(key), servername, rejectUnauthorized]);
    const known = agents.get(name) ?? new Agent({ ca, cert, key, passphrase, ...(servername !== undefined && { servername }), ...(rejectUnauthorized !== undefined && { rejectUnauthorized }), keepAlive: true, maxSockets: MAX_SOCKETS });
    if (!agents.has(name)) closeAgents(agents); // a certificate was renewed: what is idle with the old one goes
    agents.set(name, known);
    return known;
  };
  return {
    server: cluster.server, namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? "default",
    async send({ method, path, accept = "application/json", contentType, body, signal }) {
      if (isRefused) config = readConfig(options);
      isRefused = false;
      const given: RequestOptions = {};
      await config.applyToHTTPSOptions(given);
      const headers = { accept, ...given.headers as Record<string, string>, ...impersonation(options), ...(contentType !== undefined && { "content-type": contentType }), ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }) };
      return new Promise((resolve, reject) => {
        const asked = request({ ...given, agent: agentFor(given), host: server.hostname, port: server.port === "" ? 443 : Number(server.port), method, path: `${server.pathname.replace(/\/$/, "")}${path}`, headers, signal }, (answer) => {
          isRefused ||= answer.statusCode === 401;
          resolve(answer);
        });
        asked.once("error", (error) => { reject(signal.aborted ? signal.reason as Error : error); });
        asked.end(body);
      });
    },
    close: () => { closeAgents(agents); },
  };
}

function closeAgents(agents: Map<string, RequestOptions["agent"]>): void {
  for (const agent of agents.values()) if (agent instanceof Agent) agent.destroy();
  agents.clear();
}

/** Asked for each request, so it is cheap: JSON of a Buffer would be a number for each byte. */
function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join("\n");
  if (Buffer.isBuffer(value)) return value.toString("latin1");
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function impersonation({ as, asGroups }: AccessOptions): Record<string, string | string[]> {
  return { ...(as !== undefined && { "impersonate-user": as }), ...(asGroups !== undefined && asGroups.length > 0 && { "impersonate-group": [...asGroups] }) };
}

function readConfig(options: AccessOptions): KubeConfig {
  const config = new KubeConfig();
  try {
    if (options.kubeconfig !== undefined) config.loadFromFile(options.kubeconfig);
    else if (options.pod === true) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (cause) {
    throw configFault(options, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (options.kubeconfig === undefined && config.getCurrentCluster()?.server === INVENTED) throw configFault(options, "there is none");
  if (options.context === undefined) return config;
  if (config.getContextObject(options.context) === null) {
    throw configFault(options, `it has no context "${options.context}"; there are ${config.getContexts().map(({ name }) => name).join(", ") || "none"}`);
  }
  config.setCurrentContext(options.context);
  return config;
}

function configFault({ kubeconfig, pod }: AccessOptions, why: string, cause?: unknown): SvrError {
  const file = kubeconfig ?? (pod === true ? "account of the pod" : "kubeconfig of KUBECONFIG or ~/.kube/config");
  return new SvrError("SVR_KUBE_CONFIG", { object: file, attempted: `${file} cannot be used: ${why}`, fix: "name another with --kubeconfig or --context; kubectl config get-contexts lists them", ...(cause !== undefined && { cause }) });
}
