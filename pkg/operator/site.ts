// The site endpoint (TCP 9282, TLS 1.3): routers outside of the cluster get their first certificate there with a one-time token. Every replica
// serves it. Sizes, times, connections and rates are bounded. Constructed by cmd/operator; what is answered stands in enrolling.ts.
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseToken } from "../api/sitetoken.ts";
import type { SiteToken } from "../api/sitetoken.ts";
import { SvrError } from "../base/errors.ts";
import type { AuthorityKeys } from "../ports/signer.ts";
import { enroll, siteRefusal } from "./enrolling.ts";
import type { EnrollingParts, SiteAnswer } from "./enrolling.ts";
import { limitConnections } from "./siteconnections.ts";
import { createSiteDoor } from "./sitedoor.ts";
import type { Standing } from "./sitedoor.ts";
import { publishPin } from "./sitestore.ts";

/** SiteOptions are its parts; renewal calls again and again. */
export interface SiteOptions extends EnrollingParts {
  port: number;
  /** whose certificate the endpoint shows; absent: the authority, which is not asked for so early where routers have to know it first */
  shown?(): Promise<AuthorityKeys>;
  every(ms: number, work: () => void): { stop(): void };
}

/** RunningSite is an endpoint that listens. */
export interface RunningSite { readonly port: number; close(): Promise<void> }

const BODY_MOST = 16_384, HEADER_MOST = 8_192;
const HANDSHAKE_MS = 5_000, HEADERS_MS = 5_000, REQUEST_MS = 10_000, LOOK_MS = 1_000;
const CONNECTIONS = { each: 32, all: 64 };
const RENEW_MS = 3_600_000;
const PATH = "/api/v1/enrollments";
const SOON_SECONDS = 5;

/** listenSite publishes the pin, and listens. */
export async function listenSite(options: SiteOptions): Promise<RunningSite> {
  const { log, port } = options;
  const door = createSiteDoor(options);
  const server = createServer({
    ...await credentials(options), minVersion: "TLSv1.3", handshakeTimeout: HANDSHAKE_MS, maxHeaderSize: HEADER_MOST,
    headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: LOOK_MS,
  }, (request, response) => { void respond(serving, request, response); });
  const connections = limitConnections(server, CONNECTIONS), serving: Serving = { options, door, keep: (socket) => { connections.keep(socket); } };
  server.on("tlsClientError", () => undefined); // whoever breaks a handshake is told by TLS
  await listening(server, port);
  const renewing = options.every(RENEW_MS, () => { void renew(options, server); });
  log.info({ port: portOf(server) }, "the site endpoint listens");
  return {
    port: portOf(server),
    close: () => new Promise((resolve) => {
      renewing.stop();
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}

async function credentials(options: SiteOptions): Promise<{ key: string; cert: string }> {
  const authority = await (options.shown ?? options.authority)();
  await publishPin(options, options.signer.pin(authority));
  const { certificate, key } = await options.signer.server(authority, options.clock.unixMs());
  return { key, cert: certificate };
}

async function renew(options: SiteOptions, server: Server): Promise<void> {
  try {
    server.setSecureContext({ ...await credentials(options), minVersion: "TLSv1.3" });
  } catch (error) {
    options.log.error({ error }, "the site endpoint cannot renew its certificate; the one before counts for some days");
  }
}

async function listening(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => { reject(new SvrError("SVR_USAGE", { object: `port ${port}`, attempted: `cannot listen at port ${port}`, fix: "choose another with --site-port", cause })); });
    server.listen(port, resolve);
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

interface Serving { options: SiteOptions; door: (asked: { token: SiteToken | undefined; address: string }) => Promise<Standing>; keep: (socket: IncomingMessage["socket"]) => void }

async function respond(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    end(response, await answerTo(serving, request));
  } catch (error) {
    if (response.destroyed) return; // who asked went away, or was too slow
    serving.options.log.error({ error }, "the site endpoint could not answer");
    end(response, { ...siteRefusal(503, "the cluster does not answer, or its authority cannot be used; the token counts still, unless svrctl site token list says otherwise", "ask again; if it goes on, look at the log of the operator") });
  }
}

async function answerTo({ options, door, keep }: Serving, request: IncomingMessage): Promise<SiteAnswer> {
  const [, text = ""] = /^Bearer (\S{1,256})$/.exec(request.headers.authorization ?? "") ?? [], token = parseToken(text), from = request.socket.remoteAddress ?? "";
  const standing = await door({ token, address: from });
  if (standing === "wait") return siteRefusal(429, "too many ask from this address, or with this token", `wait ${SOON_SECONDS} seconds`);
  if (request.url !== PATH) return siteRefusal(404, "there is nothing here", `ask ${PATH}`);
  if (request.method !== "POST") return siteRefusal(405, "only POST is taken", "ask with svrctl enroll");
  const body = await readBody(request);
  if (body === undefined) return siteRefusal(413, `the body has more than ${BODY_MOST} bytes`, "ask with svrctl enroll");
  if (standing === "holder") keep(request.socket); // all of it is here: it is soon over
  return enroll(options, { token, body, from });
}

/** Undefined: it is too long, and is not read to its end. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_MOST) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function end(response: ServerResponse, { status, body }: SiteAnswer): void {
  if (response.headersSent || response.destroyed) return;
  const type = status < 300 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", "connection": "close", ...((status === 429 || status === 503) && { "retry-after": String(SOON_SECONDS) }) }).end(JSON.stringify(body));
}
