// The site endpoint of an operator for tests without a cluster: the product's own endpoint over an API server in memory, and routers that enroll
// there as processes. Keeps everything that the endpoint says, for tests that look for secrets in it. Called by test/net/secrets.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { siteTokensName } from "../../pkg/api/sitetoken.ts";
import { authorityKeys } from "../../pkg/operator/authority.ts";
import { secrets } from "../../pkg/operator/resources.ts";
import { listenSite } from "../../pkg/operator/site.ts";
import { createRouterSigner } from "../../pkg/security/routersigner.ts";
import { createSiteSigner } from "../../pkg/security/sitesigner.ts";
import { runCli } from "./cli.ts";
import { MemoryKube } from "./kube/memory.ts";
import { TestProcess } from "./process.ts";

const namespace = "opensvr", main = join(import.meta.dirname, "../../cmd/svrctl/main.ts");
const ENROLL_MS = 30_000;

/** Enrolled is how `svrctl enroll` ended, what it wrote, and what others of the machine saw of it meanwhile. */
export interface Enrolled { code: number | null; out: string; err: string; seen: Buffer }

/** EnrollingSite is an endpoint that listens. */
export interface EnrollingSite {
  /** makes a token of a router, which counts for an hour */
  token(router: string): Promise<string>;
  /** runs `svrctl enroll` with what is written to a token file */
  enroll(router: string, text: string, stateDir: string): Promise<Enrolled>;
  /** what operators and the cluster keep: log, events, the Secret with its base64 taken off, the list of tokens */
  kept(): Promise<string>;
  close(): Promise<void>;
}

/** openEnrollingSite listens at a free port; token files are written to `folder`. */
export async function openEnrollingSite(folder: string): Promise<EnrollingSite> {
  const kube = new MemoryKube(), said: object[] = [], say = (...all: unknown[]): void => { said.push(all); };
  const clock = { monotonicMs: () => performance.now(), unixMs: () => Date.now() };
  const site = await listenSite({
    kube, namespace, port: 0, signer: createSiteSigner(), authority: () => authorityKeys({ kube, namespace, signer: createRouterSigner(), nowMs: clock.unixMs }), clock,
    events: { emit: say }, log: { info: say, warn: say, error: say }, every: () => ({ stop: () => undefined }),
  });
  const ask = (words: string): ReturnType<typeof runCli> => runCli(`${words} --operator-namespace ${namespace}`, { kube, atMs: Date.now() });
  let files = 0;
  return {
    token: async (router) => (await ask(`site token create ${router}`)).out.trim(),
    async enroll(router, text, stateDir) {
      const file = join(folder, `${++files}.token`);
      writeFileSync(file, `${text}\n`, { mode: 0o600 });
      const child = new TestProcess([process.execPath, "--disable-warning=ExperimentalWarning", main, "enroll", router, "--token-file", file, "--to", `127.0.0.1:${site.port}`, "--state-dir", stateDir]);
      const seen = Buffer.concat(["cmdline", "environ"].map((name) => readFileSync(`/proc/${child.pid}/${name}`)));
      const { code } = await child.end(ENROLL_MS);
      return { code, out: child.lines.join("\n"), err: child.errors, seen };
    },
    async kept() {
      const data = ((await kube.get(secrets, { namespace, name: siteTokensName }))?.["data"] ?? {}) as Record<string, string>;
      const { out, err } = await ask("site token list -o json");
      return [JSON.stringify([said, data]), ...Object.values(data).map((text) => Buffer.from(text, "base64").toString()), out, err].join("\n");
    },
    close: () => site.close(),
  };
}
