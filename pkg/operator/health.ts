// Health of the operator over HTTP: /healthz answers while the event loop moves, /readyz once this replica is warm. Called by
// cmd/operator. Readiness depends neither on being the leader nor on anything outside.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SvrError } from "../base/errors.ts";

/** Health is what answers. */
export interface Health {
  readonly port: number;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 32;

/** listenHealth answers at a port, 0 picks one; rejects with SVR_USAGE when the port is taken. */
export async function listenHealth(port: number, isReady: () => boolean): Promise<Health> {
  const server = createServer((request, response) => {
    const ok = request.url === "/healthz" || (request.url === "/readyz" && isReady());
    const status = ok ? 200 : request.url === "/readyz" ? 503 : 404;
    response.writeHead(status, { "content-type": "text/plain", "cache-control": "no-store" }).end(ok ? "ok\n" : status === 503 ? "not ready: the first compilation is not done\n" : "not found\n");
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => { reject(new SvrError("SVR_USAGE", { object: `port ${port}`, attempted: `cannot listen at port ${port}`, fix: "choose another with --health-port", cause })); });
    server.listen(port, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}
