// Surroundings of svrctl for tests: routers that answer from a table, a directory of files in memory, a terminal of chosen
// width, and everything that was written. Imported by tests only.
import { parseDocuments } from "../../pkg/api/document.ts";
import { joinPcapng } from "../../pkg/capture/join.ts";
import { SvrError } from "../../pkg/base/errors.ts";
import { fail, ok } from "../../pkg/base/result.ts";
import type { AdminReply, AdminTrouble, ClusterOptions, Connection, ProgramName, Surroundings } from "../../pkg/cli/surroundings.ts";
import { runProgram } from "../../pkg/cli/program.ts";
import type { AuditText } from "../../pkg/ports/audit.ts";
import { openAuthorityFolder } from "../../pkg/security/authorityfolder.ts";
import { openEnrollment } from "../../pkg/security/enrollment.ts";
import { makeToken } from "../../pkg/security/sitesigner.ts";
import type { KubePort } from "../../pkg/ports/kube.ts";

/** nowMs is the time of the tests: 2026-01-01T00:10:00Z. */
export const nowMs = Date.parse("2026-01-01T00:10:00Z");

/** CannedReply is what a router answers: a body with status 200, a whole reply, or a trouble. */
export type CannedReply = AdminReply | AdminTrouble | { body: unknown };

/** CannedRouters are routers by the path of their socket: replies by the path and query that is asked, or why there is none at all. */
export type CannedRouters = Record<string, Record<string, CannedReply> | AdminTrouble>;

/** CliWorld is what the tests say about the world. */
export interface CliWorld {
  sockets?: CannedRouters;
  /** found on this machine; absent: every socket above */
  found?: string[];
  forbidden?: string[];
  files?: Record<string, string>;
  /** files of directories that are told apart by name */
  folders?: Record<string, Record<string, string>>;
  /** what keeps the directory from being read */
  folderTrouble?: string;
  /** lines of audit logs by their path; a text in place of them is the system's word for why they cannot be read */
  audits?: Record<string, readonly string[] | string>;
  /** what comes of a TCP connection; absent: nobody answers */
  connected?: Connection;
  /** text files by their path */
  texts?: Record<string, string>;
  /** the time, when it is another one than nowMs */
  atMs?: number;
  columns?: number;
  colour?: boolean;
  /** the reader of the standard output has gone after this many writes */
  goneAfter?: number;
  interrupted?: boolean;
  /** no file can be written */
  fullDisk?: boolean;
  called?: ProgramName;
  /** the API server of the cluster; absent: no kubeconfig can be used */
  kube?: KubePort;
  /** namespace of its context; default "default" */
  kubeNamespace?: string;
  /** called at each wait */
  paused?: () => Promise<void>;
}

/** CliOutcome is what a run left behind. */
export interface CliOutcome { exit: number; out: string; err: string; asked: string[]; written: Map<string, Uint8Array>; /** clusters that were opened and closed */ opened: ClusterOptions[]; closed: number }

/** runCli runs svrctl with these words in this world; words with spaces come as a list. */
export async function runCli(words: string | readonly string[], world: CliWorld = {}): Promise<CliOutcome> {
  const outcome: CliOutcome = { exit: -1, out: "", err: "", asked: [], written: new Map(), opened: [], closed: 0 };
  let writes = 0;
  const interrupt = new AbortController();
  if (world.interrupted === true) interrupt.abort();
  const around: Surroundings = {
    admin: (socketPath) => ({ ask: (path, limits) => Promise.resolve(limits.signal.aborted ? fail({ kind: "interrupted", detail: "interrupted" }) : answer(world, { socketPath, path }, outcome)) }),
    sockets: {
      roots: ["/state"],
      list: () => Promise.resolve({ sockets: world.found ?? Object.keys(world.sockets ?? {}).filter((path) => path.endsWith("/admin.sock")), forbidden: world.forbidden ?? [] }),
      of: (router) => Promise.resolve(`/state/${router}/admin.sock`),
    },
    readConfig: (directory) => (world.folderTrouble === undefined
      ? Promise.resolve(parseDocuments(Object.entries(world.folders?.[directory] ?? world.files ?? {}).map(([path, text]) => ({ path, text }))))
      : Promise.reject(folderError(directory, world.folderTrouble))),
    connect: () => Promise.resolve(world.connected ?? "ECONNREFUSED"),
    readAudit: (path) => auditTexts(world, path),
    authority: (folder) => Promise.resolve(openAuthorityFolder(folder, { unixMs: () => world.atMs ?? nowMs })),
    enrollment: (of) => Promise.resolve(openEnrollment(of, { unixMs: () => world.atMs ?? nowMs })),
    siteToken: (pin) => Promise.resolve(makeToken(pin)),
    readText: (path) => Promise.resolve(world.texts?.[path] === undefined ? fail("ENOENT") : ok(world.texts[path])),
    called: world.called ?? "svrctl", cluster: (options) => openCluster(world, options, outcome),
    pause: () => world.paused?.() ?? Promise.resolve(), joinCaptures: joinPcapng,
    writeFile: (path, bytes) => Promise.resolve(world.fullDisk === true ? "ENOSPC" : void outcome.written.set(path, bytes)),
    clock: { monotonicMs: () => 0, unixMs: () => world.atMs ?? nowMs },
    out: { isGone: () => writes >= (world.goneAfter ?? Infinity), write: (text) => { writes++; outcome.out += text; return Promise.resolve(); } },
    err: { isGone: () => false, write: (text) => { outcome.err += text; return Promise.resolve(); } },
    terminal: { colour: world.colour ?? false, ...(world.columns === undefined ? {} : { columns: world.columns }) },
    version: "0.1.0", signal: interrupt.signal,
  };
  outcome.exit = await runProgram(typeof words === "string" ? words.split(" ").filter((word) => word !== "") : words, around);
  return outcome;
}

async function openCluster(world: CliWorld, options: ClusterOptions, outcome: CliOutcome): ReturnType<Surroundings["cluster"]> {
  const { kube, kubeNamespace = "default" } = world;
  outcome.opened.push(options);
  await Promise.resolve();
  if (kube === undefined) throw new SvrError("SVR_KUBE_CONFIG", { object: "kubeconfig", attempted: "the kubeconfig cannot be used: there is none", fix: "name one with --kubeconfig" });
  return {
    server: "https://cluster.test", namespace: kubeNamespace, close: () => { outcome.closed += 1; },
    get: kube.get.bind(kube), list: kube.list.bind(kube), apply: kube.apply.bind(kube), create: kube.create.bind(kube), replace: kube.replace.bind(kube), remove: kube.remove.bind(kube), read: kube.read.bind(kube),
  };
}

function answer(world: CliWorld, at: { socketPath: string; path: string }, outcome: CliOutcome): ReturnType<typeof ok<AdminReply>> | ReturnType<typeof fail<AdminTrouble>> {
  outcome.asked.push(`${at.socketPath} ${at.path}`);
  const router = world.sockets?.[at.socketPath];
  if (router === undefined) return fail({ kind: "absent", detail: "ENOENT" });
  if (isTrouble(router)) return fail(router);
  const reply = router[at.path];
  if (reply === undefined) return ok({ status: 404, body: problemBody(404, "SVR_NOT_FOUND", `no resource ${at.path}`) });
  if (isTrouble(reply)) return fail(reply);
  return ok("status" in reply ? reply : { status: 200, body: reply.body });
}

function isTrouble(value: object): value is AdminTrouble {
  return "kind" in value && "detail" in value && typeof value.kind === "string";
}

/** problemBody is an error of the admin API. */
export function problemBody(status: number, code: string, detail: string): object {
  return { type: "about:blank", title: code, status, detail, code };
}

async function* auditTexts(world: CliWorld, path: string): AsyncGenerator<AuditText> {
  const lines = await Promise.resolve(world.audits?.[path] ?? "ENOENT");
  if (typeof lines === "string") throw Object.assign(new Error(lines), { code: lines });
  for (const [index, text] of lines.entries()) yield { where: `${path}:${index + 1}`, text };
}

function folderError(directory: string, code: string): SvrError {
  return new SvrError("SVR_CONFIG_INVALID", { object: directory, attempted: `${directory} cannot be read`, fix: "make it readable", cause: Object.assign(new Error(code), { code }) });
}

/** statusBody is the answer of a router about itself. */
export function statusBody(name: string, change: object = {}): { body: object } {
  return {
    body: {
      name, version: "0.1.0", boot: "b1", uptime: 192, shards: 2, sessions: 3, adopted: false, protection: "libipsec-mb",
      configuration: { hash: "0123456789abcdef", appliedAt: "2026-01-01T00:05:00.000Z", stale: false, problems: [] }, ...change,
    },
  };
}

/** self is the path of a router's own state. */
export const self = "/api/v1/routers/self";

/** socketOf is where the router of this name listens in these tests. */
export function socketOf(router: string): string {
  return `/state/${router}/admin.sock`;
}
