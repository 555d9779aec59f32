// The admin API over HTTP on a Unix socket. Constructed by cmd/svrctl; one connection a request, bounded in time and size.
// Knows nothing of resources.
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { fail, ok } from "../base/result.ts";
import type { AdminLimits, AdminPort, AdminReply, AdminTrouble } from "./surroundings.ts";

const largestBody = 67_108_864; // 1,000 sessions are about 1.5 MB, the packets of a capture up to 48 MB
const kinds: Readonly<Record<string, AdminTrouble["kind"]>> = { ENOENT: "absent", ENOTDIR: "absent", ECONNREFUSED: "refused", EACCES: "forbidden", EPERM: "forbidden" };

/** createAdminPort asks the router that listens on `socketPath`. */
export function createAdminPort(socketPath: string): AdminPort {
  return {
    async ask(path, limits, body) {
      const deadline = AbortSignal.timeout(limits.timeoutMs);
      try {
        return ok(await exchange(socketPath, { path, body }, AbortSignal.any([deadline, limits.signal])));
      } catch (error) {
        return fail(troubleOf(error, limits, deadline));
      }
    },
  };
}

async function exchange(socketPath: string, { path, body }: { path: string; body: unknown }, signal: AbortSignal): Promise<AdminReply> {
  const method = body === undefined ? "GET" : "POST";
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, path, method, agent: false, signal, headers: { host: "router", accept: "application/json, application/problem+json" } }, resolve)
      .once("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
  const bytes = await readAll(response);
  return { status: response.statusCode ?? 0, body: response.headers["content-type"] === "application/octet-stream" ? new Uint8Array(bytes) : jsonOf(bytes.toString("utf8")) };
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) throw new Error(`the answer exceeds ${largestBody} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function troubleOf(error: unknown, limits: AdminLimits, deadline: AbortSignal): AdminTrouble {
  const { code, message } = error as NodeJS.ErrnoException;
  if (limits.signal.aborted) return { kind: "interrupted", detail: "interrupted" };
  if (deadline.aborted) return { kind: "timeout", detail: `no answer in ${limits.timeoutMs} ms` };
  return { kind: kinds[code ?? ""] ?? "broken", detail: code ?? message };
}
