// Routers under test: the real process in a namespace of the topology, with its configuration directory, key files, log,
// records and admin API. Called by tests that send real packets. Stops and kills by pid only.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { stringify } from "yaml";
import { formatAddress } from "../../pkg/base/addresstext.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import type { SessionRecord } from "../../pkg/api/record.ts";
import type { CountersView, PeerView, SessionList, SessionView, StatusView, TableView, VerifyView } from "../../pkg/api/view.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Net } from "./net.ts";
import type { Exit, TestProcess } from "./process.ts";
import { neighboursOf, objectsOf, pskFile, pskOf, routersOf } from "./site.ts";
import type { ConfigObject, Site } from "./site.ts";
import { waitFor } from "./wait.ts";
import { pairKeys } from "./wire.ts";
import type { PairKeys } from "./wire.ts";

const START_MS = 30_000;
const STOP_MS = 20_000;

/** LogLine is one line of a router's JSON log. */
export interface LogLine { level: number; msg: string; [field: string]: unknown }

/** ConfigDirectory is what one router reads: one file per object, keys beside. */
export class ConfigDirectory {
  readonly folder: string;
  #written = 0;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, "keys"), { recursive: true });
  }

  /** put writes objects, each in its file, in place of the earlier ones of that name. */
  put(...objects: ConfigObject[]): void {
    for (const object of objects) this.write(fileOf(object), stringify(object));
  }

  /** remove removes an object. */
  remove(object: ConfigObject): void {
    rmSync(join(this.folder, fileOf(object)));
  }

  /** write puts any text under a name of the directory, at once. */
  write(name: string, text: string): void {
    const aside = join(this.folder, `.new-${++this.#written}`);
    writeFileSync(aside, text, { mode: 0o600 });
    renameSync(aside, join(this.folder, name));
  }
}

/** fileOf is the file name of an object in a ConfigDirectory. */
export function fileOf(object: ConfigObject): string {
  return `${object.kind.toLowerCase()}-${object.metadata.name}.yaml`;
}

/** Router is one router process, which may be started again. */
export class Router {
  readonly name: string;
  readonly config: ConfigDirectory;
  readonly stateDir: string;
  /** of the process, when it starts the next time */
  readonly environment: Record<string, string> = {};
  /** where the process takes its configuration from, and who it is, when it starts the next time */
  from: string[];
  identity: string[];
  /** the program */
  main = join(import.meta.dirname, "../../cmd/router/main.ts");
  /** words that start the program, when it is not started as it is */
  wrapper: string[] = [];
  readonly #net: Net;
  #process: TestProcess | undefined;

  constructor(net: Net, name: string) {
    this.#net = net;
    this.name = name;
    this.config = new ConfigDirectory(join(net.folder, "config", name));
    this.from = ["--config-dir", this.config.folder];
    this.identity = ["--name", name];
    this.stateDir = join(net.folder, "state", name);
    mkdirSync(this.stateDir, { recursive: true });
  }

  get process(): TestProcess {
    if (this.#process === undefined) throw new Error(`router ${this.name} was never started`);
    return this.#process;
  }

  /** launch starts the process without waiting for anything. */
  launch(): TestProcess {
    const words = [...this.from, ...this.identity, "--state-dir", this.stateDir, "--pin-dir", this.#net.pinFolder(this.name), "--records", this.#recordFile];
    this.#process = this.#net.start(this.name, [...this.wrapper, process.execPath, "--disable-warning=ExperimentalWarning", this.main, ...words], { env: this.environment });
    return this.#process;
  }

  /** start starts the process and waits until its admin API answers. */
  async start(): Promise<void> {
    this.launch();
    await this.up();
  }

  /** up waits until the admin API of the process that was launched last answers. */
  async up(): Promise<void> {
    const started = this.process;
    await waitFor(`router ${this.name} answers`, async () => {
      if (started.exit !== undefined) return "ended";
      return (await this.get<StatusView>(`/api/v1/routers/${this.name}`)).name === this.name;
    }, { deadlineMs: START_MS, show: () => this.#lastWords() });
    if (started.exit !== undefined) throw new Error(`router ${this.name} ended at start: ${this.#lastWords()}`);
  }

  #lastWords(): string {
    return `${this.process.lines.slice(-5).join("\n")}\n${this.process.errors.slice(-4000)}`;
  }

  /** stop sends SIGTERM and waits for the end; established sessions stay in the pinned maps. */
  async stop(): Promise<Exit> { return this.process.stop(STOP_MS); }

  /** kill sends SIGKILL. */
  async kill(): Promise<Exit> { return this.process.kill(); }

  /** get asks the admin API over its Unix socket; rejects unless the answer is 200. */
  async get<T>(path: string): Promise<T> {
    const { status, text } = await this.ask("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** ask sends a request to the admin API and gives status and text, whatever they are. */
  async ask(method: string, path: string, body?: string): Promise<{ status: number; text: string; type: string }> {
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: join(this.stateDir, "admin.sock"), method, path, timeout: 10_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk)).once("end", () => {
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString(), type: response.headers["content-type"] ?? "" });
        });
      });
      sent.once("timeout", () => { sent.destroy(new Error(`no answer to ${method} ${path}`)); }).once("error", reject).end(body);
    });
  }

  /** sessions lists all sessions that match, whatever their number. */
  async sessions(filter: Record<string, string> = {}): Promise<SessionView[]> {
    const items: SessionView[] = [];
    for (let cursor: string | undefined = "0"; cursor !== undefined;) {
      const query = new URLSearchParams({ ...filter, limit: "1000", cursor }).toString();
      const page: SessionList = await this.get(`/api/v1/routers/${this.name}/sessions?${query}`);
      items.push(...page.items);
      cursor = page.next;
    }
    return items;
  }

  /** live lists the sessions that are live. */
  async live(filter: Record<string, string> = {}): Promise<SessionView[]> { return this.sessions({ ...filter, life: "live" }); }

  async status(): Promise<StatusView> { return this.get(`/api/v1/routers/${this.name}`); }
  async counters(): Promise<CountersView> { return this.get(`/api/v1/routers/${this.name}/counters`); }
  async tables(): Promise<TableView[]> { return this.get(`/api/v1/routers/${this.name}/tables`); }
  async verify(): Promise<VerifyView> { return this.get(`/api/v1/routers/${this.name}/verify`); }
  async peers(): Promise<PeerView[]> { return this.get(`/api/v1/routers/${this.name}/peers`); }

  /** drops gives the counters of drops that are not zero. */
  async drops(): Promise<Record<string, number>> {
    return Object.fromEntries(Object.entries((await this.counters()).drops).filter(([, count]) => count > 0));
  }

  get #recordFile(): string { return join(this.stateDir, "records.jsonl"); }

  /** records gives all session records written so far, over all starts of the process. */
  records(): SessionRecord[] {
    let text: string;
    try {
      text = readFileSync(this.#recordFile, "utf8");
    } catch {
      return []; // nothing was written yet
    }
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as SessionRecord]));
  }

  /** denials waits until a deny record tells of each of these packets, and gives them, the last of each tuple and reason. */
  async denials(reason: string, packets: readonly Uint8Array[]): Promise<SessionRecord[]> {
    const tuple = ({ sourceAddress, sourcePort, destinationAddress, destinationPort }: SessionRecord): string => `${sourceAddress} ${sourcePort} ${destinationAddress} ${destinationPort}`;
    const wanted = packets.map((data) => {
      const read = parsePacket(data);
      if (!read.ok) throw new Error("a packet without a tuple is not told");
      const { source, destination, sourcePort, destinationPort } = read.value;
      return `${formatAddress(source)} ${sourcePort} ${formatAddress(destination)} ${destinationPort}`;
    });
    return waitFor(`${reason} is told of ${wanted.join(", ")}`, () => {
      const found = new Map(this.records().filter((one) => one.recordType === "deny" && one.denyReason === reason).map((one) => [tuple(one), one]));
      const all = wanted.flatMap((one) => found.get(one) ?? []);
      return all.length === wanted.length && all;
    });
  }

  /** log gives the lines of the JSON log of the last start. */
  log(): LogLine[] {
    return this.process.lines.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as LogLine] : []));
  }
}

/** Fabric is a network with its running routers and their configuration. */
export class Fabric {
  readonly net: Net;
  readonly objects: ConfigObject[];
  readonly #routers: Map<string, Router>;

  constructor(net: Net, site: Site) {
    this.net = net;
    this.objects = objectsOf(net.topology, site);
    this.#routers = new Map(routersOf(net.topology).map((name) => [name, new Router(net, name)]));
    for (const { name, config } of this.routers) for (const peer of neighboursOf(net.topology, name)) config.write(pskFile(name, peer.name), toHex(pskOf(name, peer.name)));
    this.put(...this.objects);
  }

  /** put gives objects to every router. */
  put(...objects: ConfigObject[]): void {
    for (const { config } of this.routers) config.put(...objects);
  }

  get routers(): Router[] { return [...this.#routers.values()]; }

  /** router gives a router by name. */
  router(name: string): Router {
    const found = this.#routers.get(name);
    if (found === undefined) throw new Error(`the topology has no router ${name}`);
    return found;
  }

  /** object gives a copy of a configuration object as it was at the start, with other fields of spec. */
  object(kind: string, name: string, change: Record<string, unknown> = {}): ConfigObject {
    const found = this.objects.find((one) => one.kind === kind && one.metadata.name === name);
    if (found === undefined) throw new Error(`the site has no ${kind} ${name}`);
    return { ...structuredClone(found), spec: { ...structuredClone(found.spec), ...change } };
  }

  /** keys are those of a router pair. */
  keys(a: string, b: string): PairKeys { return pairKeys(pskOf(a, b), [a, b]); }

  /** close stops the routers and takes the network down. */
  async close(): Promise<void> {
    await Promise.all(this.routers.map((router) => router.process.stop(STOP_MS)));
    await this.net.close();
  }
}

/** startFabric configures a network and starts all its routers side by side; takes everything down again when one does not start. */
export async function startFabric(net: Net, site: Site): Promise<Fabric> {
  const fabric = new Fabric(net, site);
  const started = await Promise.allSettled(fabric.routers.map((router) => router.start()));
  const failed = started.find((one) => one.status === "rejected");
  if (failed === undefined) return fabric;
  await net.close();
  throw failed.reason;
}
