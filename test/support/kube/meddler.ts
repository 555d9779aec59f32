// A proxy between a client and the real API server that sees what is asked, and does to an answer what it is told: 429 with a time, 500, a
// page of something else, half of the answer, a lost answer to a request that was done, a reset, silence. Everything else passes as it is.
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Kube } from "./server.ts";

/** Question is one request that came. */
export interface Question { method: string; /** without query */ path: string; isWatch: boolean; /** monotonic, when it came */ atMs: number }

/** Meddling is what becomes of a request. */
export type Meddling =
  | { kind: "status"; code: number; retryAfter?: number }
  /** 200 with a page that no API server sends */
  | { kind: "page" }
  /** half of the first piece of the answer, then the end of the connection: half a JSON body, half a line of a watch */
  | { kind: "half" }
  /** the server does it, and the answer is lost */
  | { kind: "lost" }
  | { kind: "reset" }
  | { kind: "silence" };

/** Meddled is one order to the proxy. */
export interface Meddled { readonly hits: number; stop(): void }

/** Meddler is the running proxy. */
export interface Meddler {
  readonly url: string;
  readonly questions: readonly Question[];
  /** from now on, for each request that fits, until it is stopped or has been done so often */
  meddle(fits: (question: Question) => boolean, meddling: Meddling, times?: number): Meddled;
  /** half a line to each open watch, and the end of its connection */
  halfLines(): number;
  close(): Promise<void>;
}

interface Order { fits: (question: Question) => boolean; meddling: Meddling; left: number; hits: number }

const mostQuestions = 100_000;

/** openMeddler proxies with the certificate of the API server, so that a kubeconfig differs in its url only. */
export async function openMeddler(kube: Kube): Promise<Meddler> {
  const cert = (name: string): string => readFileSync(join(kube.run.folder, "certs", name), "utf8");
  const agent = new Agent({ ca: kube.ca, keepAlive: true });
  const questions: Question[] = [];
  const orders = new Set<Order>();
  const watches = new Set<ServerResponse>();
  const server = createServer({ cert: cert("apiserver.crt"), key: cert("apiserver.key") }, (ask, answer) => {
    const question = questionOf(ask);
    questions.push(question);
    if (questions.length > mostQuestions) questions.shift();
    const order = [...orders].find((one) => one.left > 0 && one.fits(question));
    if (order !== undefined) {
      order.left -= 1;
      order.hits += 1;
    }
    const meddling = order?.meddling;
    if (meddling !== undefined && answerInstead(answer, meddling)) return void ask.resume();
    if (question.isWatch) {
      watches.add(answer);
      answer.on("close", () => watches.delete(answer));
    }
    passOn({ ask, answer, agent, kube }, meddling);
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, questions,
    meddle(fits, meddling, times = Infinity) {
      const order: Order = { fits, meddling, left: times, hits: 0 };
      orders.add(order);
      return { get hits() { return order.hits; }, stop: () => void orders.delete(order) };
    },
    halfLines() {
      const open = [...watches].filter((answer) => answer.headersSent);
      for (const answer of open) answer.write('{"type":"MODIFIED","object":{"apiVersion":"opensvr.io/v1al', () => { answer.socket?.destroy(); });
      return open.length;
    },
    async close() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

function questionOf({ method = "", url = "" }: IncomingMessage): Question {
  const { pathname, searchParams } = new URL(url, "https://proxy");
  return { method, path: pathname, isWatch: searchParams.get("watch") === "true", atMs: performance.now() };
}

/** False: the request is passed on. */
function answerInstead(answer: ServerResponse, meddling: Meddling): boolean {
  switch (meddling.kind) {
    case "half": case "lost": return false;
    case "silence": return true;
    case "reset":
      answer.socket?.destroy();
      return true;
    case "page":
      answer.writeHead(200, { "content-type": "text/html" }).end("<html>please log in</html>");
      return true;
    case "status": {
      const { code, retryAfter } = meddling;
      answer.writeHead(code, { "content-type": "application/json", ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }) });
      answer.end(JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code, message: "told so by a test" }));
      return true;
    }
  }
}

interface Passing { ask: IncomingMessage; answer: ServerResponse; agent: Agent; kube: Kube }

function passOn({ ask, answer, agent, kube }: Passing, meddling: Meddling | undefined): void {
  const onward = request({ host: "127.0.0.1", port: kube.port, method: ask.method, path: ask.url, headers: { ...ask.headers, host: `127.0.0.1:${kube.port}` }, agent }, (given) => {
    if (meddling?.kind === "lost") {
      given.resume();
      return void given.on("end", () => { answer.socket?.destroy(); });
    }
    answer.writeHead(given.statusCode ?? 502, given.headers);
    answer.flushHeaders();
    given.on("error", () => { answer.socket?.destroy(); });
    if (meddling?.kind !== "half") return void given.pipe(answer);
    given.once("data", (piece: Buffer) => {
      answer.write(piece.subarray(0, Math.ceil(piece.length / 2)), () => { answer.socket?.destroy(); });
      given.destroy();
    });
  });
  onward.on("error", () => { answer.socket?.destroy(); }); // the server is away: so are we
  answer.on("close", () => { onward.destroy(); });
  ask.pipe(onward);
}
