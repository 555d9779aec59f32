// An operator process that a test does bad things to: it must stay the process that it was, and say that it is well. Used by test/kube.
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import type { TestProcess } from "../process.ts";
import { startOperator } from "./operator.ts";
import type { OperatorStart } from "./operator.ts";
import { stopMs } from "./patience.ts";
import type { Kube } from "./server.ts";

/** Watched is an operator with its port of health. */
export interface Watched {
  readonly process: TestProcess;
  /** what GET /healthz says, or how the process ended */
  health(): Promise<string>;
  /** ends it as Kubernetes does; gives how it ended */
  stop(): Promise<string>;
}

/** startWatched starts an operator that answers at a port of its own. */
export async function startWatched(kube: Kube, start: OperatorStart = {}): Promise<Watched> {
  const port = await freePort();
  const child = await startOperator(kube, { ...start, args: ["--health-port", `${port}`, ...start.args ?? []] });
  return {
    process: child,
    async health() {
      if (child.exit !== undefined) return `ended by ${child.exit.signal ?? child.exit.code ?? "nothing"}: ${child.errors.slice(-2000)}`;
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(5_000) });
      return `${answer.status} ${(await answer.text()).trim()}`;
    },
    async stop() {
      const { code, signal } = await child.stop(stopMs);
      return `${signal ?? code ?? "nothing"}`;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}
