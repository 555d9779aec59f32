// Health of this process for a kubelet: /healthz answers while the event loop moves, /readyz once a configuration is in force; neither
// asks the API server. Started by cmd/router before anything else; tells nothing else.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SvrError } from "../base/errors.ts";

/** Probes is a listening server. */
export interface Probes { readonly port: number; ready(is: boolean): void; close(): Promise<void> }

const MAX_PROBES = 16;

/** listenProbes listens on all addresses of a TCP port, 0 for any; rejects with SVR_USAGE when it is taken. */
export async function listenProbes(port: number): Promise<Probes> {
  let isReady = false;
  const server = createServer((request, response) => {
    const status = request.url === "/healthz" || (request.url === "/readyz" && isReady) ? 200 : request.url === "/readyz" ? 503 : 404;
    response.writeHead(status, { "content-type": "text/plain", "cache-control": "no-store", connection: "close" });
    response.end(status === 200 ? "ok\n" : status === 503 ? "no configuration is in force yet\n" : "there is /healthz and /readyz\n");
  });
  server.maxConnections = MAX_PROBES;
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve).once("error", (cause: NodeJS.ErrnoException) => {
      reject(new SvrError("SVR_USAGE", { object: `port ${port}`, attempted: `health cannot be served on TCP port ${port} (${cause.code ?? cause.message})`, fix: "name another with --health-port", cause }));
    });
    server.listen(port);
  });
  return {
    port: (server.address() as AddressInfo).port,
    ready(is) { isReady = is; },
    async close() {
      const closed = new Promise((resolve) => { server.close(resolve); });
      server.closeAllConnections();
      await closed;
    },
  };
}
