// The app of a router over the model of the data plane: what starts, what a reload may change, what a refused configuration
// leaves in force, and that everything stops in order. Shards run in this thread.
import { randomFillSync } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocuments } from "../../pkg/api/document.ts";
import type { ParseResult } from "../../pkg/api/document.ts";
import type { SessionRecord } from "../../pkg/api/record.ts";
import { SvrError } from "../../pkg/base/errors.ts";
import { writePcapng } from "../../pkg/capture/pcapng.ts";
import { modelDatapath } from "../../pkg/datapath/model.ts";
import type { ModelDatapath } from "../../pkg/datapath/model.ts";
import { createLastGoodFile } from "../../pkg/files/lastgoodfile.ts";
import { compileKeeping } from "../../pkg/plan/compile.ts";
import type { AuditEvent } from "../../pkg/ports/audit.ts";
import { startRouter } from "../../pkg/router/app.ts";
import { compilingSource } from "../../pkg/router/compiling.ts";
import type { RouterOptions, RunningRouter } from "../../pkg/router/app.ts";
import type { FromShard, ShardHost } from "../../pkg/router/messages.ts";
import { Shard, replayMemoryBytes } from "../../pkg/router/shard.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { createOriginKeys } from "../../pkg/security/origin.ts";
import { derivePairKeys } from "../../pkg/security/peerkeys.ts";
import { recordsIn } from "../support/recordlines.ts";
import { waitFor } from "../support/wait.ts";
import { addressOf } from "../support/config/sample.ts";
import { text, udpUp } from "./packets.ts";

const START_UNIX_MS = 1_767_225_600_000;

const yaml = (allow: string, extra = ""): string => `
apiVersion: opensvr.io/v1alpha1
kind: Tenant
metadata: { name: corp }
spec: { members: [{ router: edge, interface: lan0 }] }
---
apiVersion: opensvr.io/v1alpha1
kind: Service
metadata: { name: dns, namespace: shop }
spec:
  addresses: [10.2.0.0/24]
  transports: [{ protocol: UDP, ports: [53] }]
  access: [{ tenant: corp, permission: ${allow} }]
---
apiVersion: opensvr.io/v1alpha1
kind: ServiceRoute
metadata: { name: dns, namespace: shop }
spec: { serviceRef: { name: dns }, routers: [edge], type: Local, local: { interface: dc0 } }
---
apiVersion: opensvr.io/v1alpha1
kind: Router
metadata: { name: edge }
spec:
  shards: 1
  interfaces:
    - { name: lan0, id: 1, type: LAN, addresses: [10.1.0.1/24] }
    - { name: dc0, id: 2, type: LAN, addresses: [10.2.0.1/24] }
${extra}`;

/** One router with everything around it in reach. */
interface Bench {
  audit: AuditEvent[];
  text: string;
  refuse: boolean;
  /** random numbers run out */
  broken: boolean;
  nowMs: number;
  /** messages that the thread of the shard has not read yet; undefined: it reads at once */
  unread: (() => void)[] | undefined;
  logs: { level: string; fields: Record<string, unknown>; message: string }[];
  records: SessionRecord[];
  events: string[];
  datapath: ModelDatapath | undefined;
  shard: Shard | undefined;
  listeners: ((message: FromShard) => void)[];
  /** the thread of the shard comes up */
  rise(listener: (message: FromShard) => void): void;
  /** reads the directory */
  read(): Promise<ParseResult>;
  changed(): void;
  timers: (() => void)[];
  options: RouterOptions;
}

let folder: string;
let running: RunningRouter | undefined;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), "svr-app-")); });
afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function startShard(bench: Bench, counterSecond: number): ShardHost[] {
  const ended = Promise.withResolvers<undefined>();
  const datapath = bench.datapath;
  if (datapath === undefined) throw new Error("shards start after the data plane");
  const shard = new Shard({
    originKeys: createOriginKeys(() => undefined),
    number: 0, count: 1, port: datapath.shard(0), engine: createNodeEngine(), clock: bench.options.clock, counterSecond,
    random: { bytes: (count) => { if (bench.broken) throw new Error("no random bytes"); return randomFillSync(new Uint8Array(count)); } }, replayMemory: new ArrayBuffer(replayMemoryBytes),
  });
  bench.shard = shard;
  const post: ShardHost["post"] = (message) => {
    if (bench.unread !== undefined) return void bench.unread.push(() => { post(message); });
    shard.tell(message);
    for (const answer of shard.answers()) for (const listener of bench.listeners) listener(answer);
    if (!shard.stopped) return;
    bench.events.push("shard");
    ended.resolve(undefined);
  };
  return [{ post, onMessage: (listener) => { bench.listeners.push(listener); bench.rise(listener); }, closed: ended.promise }];
}

function createBench(): Bench {
  const log = (level: string) => (fields: object, message: string) => void bench.logs.push({ level, fields: fields as Record<string, unknown>, message });
  const logs = { info: log("info"), warn: log("warn"), error: log("error") };
  const clock = { monotonicMs: () => bench.nowMs, unixMs: () => START_UNIX_MS + bench.nowMs };
  const source = { watch: (changed: () => void) => { bench.changed = changed; return { stop: () => void bench.events.push("watch") }; } };
  const bench: Bench = {
    text: yaml("Allow"), refuse: false, broken: false, nowMs: 1_000_000, unread: undefined, logs: [], records: [], audit: [], events: [], datapath: undefined, shard: undefined, listeners: [], timers: [], rise: (listener) => { listener({ kind: "started", engine: "node" }); },
    read: async () => parseDocuments([{ path: "edge.yaml", text: bench.text }]), changed: () => { throw new Error("nobody watches"); },
    options: {
      name: "edge", stateDir: join(folder, "state"), pid: process.pid, isAlive: () => true, boot: "b1", version: "0.0.0", origin: "edge.yaml",
      openAudit: () => Promise.resolve({ write: (event) => void bench.audit.push(event), head: () => ({ sequence: bench.audit.length, hash: "0".repeat(64) }), close: async () => void bench.events.push("audit") }),
      source: compilingSource({ name: "edge", compiler: compileKeeping, source: { ...source, read: () => bench.read() }, lastGood: createLastGoodFile(join(folder, "last-good.json")), clock, log: logs }),
      keys: { psk: () => new Uint8Array(32) }, derive: derivePairKeys,
      sink: { write: async (batches) => void bench.records.push(...batches.flatMap(recordsIn)), close: async () => void bench.events.push("sink") },
      clock, log: logs,
      openDatapath: () => {
        const model = modelDatapath({ nowMs: () => bench.nowMs });
        bench.datapath = { ...model, close: () => void bench.events.push("datapath"), program: (config) => { refuseIf(bench.refuse); model.program(config); } };
        return bench.datapath;
      },
      startShards: (_config, counterSecond) => startShard(bench, counterSecond),
      random: { bytes: (count) => randomFillSync(new Uint8Array(count)) }, writeCapture: writePcapng,
      peering: { port: { follow: () => undefined, onDatagram: () => undefined, faults: () => [], close: () => void bench.events.push("peering") }, engine: createNodeEngine() },
      every: (_ms, work) => { bench.timers.push(work); return { stop: () => void bench.events.push("timer") }; },
    },
  };
  return bench;
}

function refuseIf(refused: boolean): void {
  if (refused) throw new SvrError("SVR_INTERFACE_MISSING", { object: "lan9", attempted: "interface lan9 does not exist", fix: "create it" });
}

async function start(bench: Bench): Promise<void> {
  running = await startRouter(bench.options);
}

/** A host asks; the answer is the number of packets that leave toward the server. */
function ask(bench: Bench, sourcePort: number): number {
  const before = bench.datapath?.sent.length ?? 0;
  bench.datapath?.receive(1, 0, udpUp({ client: addressOf("10.1.0.9"), server: addressOf("10.2.0.7") }, text("ask"), { from: sourcePort, to: 53 }));
  bench.shard?.turn(0);
  for (const message of bench.shard?.report() ?? []) for (const listener of bench.listeners) listener(message);
  for (const work of bench.timers) work();
  return (bench.datapath?.sent.length ?? 0) - before;
}

test("a started router carries a session, records it, and stops its parts in reverse order", async () => {
  const bench = createBench();
  await start(bench);
  expect(ask(bench, 4000)).toBe(1);
  expect(existsSync(join(folder, "state", "admin.sock"))).toBe(true);
  expect(Number(readFileSync(join(folder, "state", "metadata-counter"), "utf8"))).toBeGreaterThan(START_UNIX_MS / 1000 + 3600);
  bench.datapath?.tick();
  await running?.stop();
  running = undefined;
  expect(bench.events.filter((event) => event !== "timer")).toEqual(["watch", "shard", "peering", "datapath", "audit", "sink"]);
  expect(bench.records.map((record) => [record.recordType, record.sequence, record.service])).toEqual([["start", 0, "shop/dns"]]);
  expect(existsSync(join(folder, "state", "lock"))).toBe(false);
});

test("a router is up, and its admin API there, only when its shards are", async () => {
  const bench = createBench();
  const rise = Promise.withResolvers<(message: FromShard) => void>();
  bench.rise = rise.resolve;
  const starting = start(bench);
  const listener = await rise.promise;
  await new Promise(setImmediate);
  expect(existsSync(join(folder, "state", "admin.sock"))).toBe(false);
  listener({ kind: "started", engine: "node" });
  await starting;
  expect(bench.logs.map((entry) => entry.message).slice(-2)).toEqual(["shard started", "router started"]);
});

test("a change to deny ends live sessions with reason policy; allowed again, a new one starts", async () => {
  const bench = createBench();
  await start(bench);
  expect(ask(bench, 4000)).toBe(1);
  bench.text = yaml("Deny");
  bench.changed();
  await waitFor("the configuration is in force", () => bench.logs.filter((entry) => entry.message === "configuration applied").length === 2);
  bench.datapath?.tick();
  expect(ask(bench, 4001)).toBe(0);
  expect(bench.logs.at(-1)?.fields).toMatchObject({ ended: 1 });
  await waitFor("the end is recorded", () => { for (const work of bench.timers) work(); return bench.records.some((record) => record.endReason === "policy"); });
  expect(bench.records.filter((record) => record.recordType === "deny").map((record) => record.denyReason)).toEqual(["access"]);
});

test("a session that a busy shard opens by the configuration before is ended too", async () => {
  const bench = createBench();
  await start(bench);
  const unread: (() => void)[] = bench.unread = [];
  bench.text = yaml("Deny");
  bench.changed();
  await waitFor("the configuration is in force", () => bench.logs.filter((entry) => entry.message === "configuration applied").length === 2);
  expect(ask(bench, 4000)).toBe(1);
  bench.unread = undefined;
  for (const read of unread) read();
  bench.nowMs += 4_000;
  for (const work of bench.timers) work();
  bench.datapath?.tick();
  await waitFor("the end is recorded", () => { for (const work of bench.timers) work(); return bench.records.some((record) => record.endReason === "policy"); });
  expect(ask(bench, 4001)).toBe(0);
});

test("a configuration that the data plane refuses leaves the last good one in force, and says so", async () => {
  const bench = createBench();
  await start(bench);
  bench.text = yaml("Deny");
  bench.refuse = true;
  bench.changed();
  await waitFor("the refusal is logged", () => bench.logs.some((entry) => entry.level === "error"));
  expect(bench.logs.find((entry) => entry.level === "error")).toMatchObject({ message: expect.stringContaining("last good"), fields: { error: { code: "SVR_INTERFACE_MISSING" } } });
  bench.refuse = false;
  expect(ask(bench, 4000)).toBe(1);
});

test("changes that follow each other quickly are taken in order: the last one stays, however long a reading takes", async () => {
  const bench = createBench();
  await start(bench);
  const gates: PromiseWithResolvers<void>[] = [];
  bench.read = async () => {
    const read = bench.text;
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    return parseDocuments([{ path: "edge.yaml", text: read }]);
  };
  bench.text = yaml("Deny");
  bench.changed();
  await waitFor("the first reading begins", () => gates.length === 1);
  bench.text = yaml("Allow", "# as it was\n");
  bench.changed();
  await waitFor("both are in force", () => {
    for (const gate of gates.toReversed()) gate.resolve();
    return bench.logs.filter((entry) => entry.message === "configuration applied").length === 3;
  });
  expect(ask(bench, 4000)).toBe(1);
});

test("a fault while a packet is decided costs that packet only: counted, logged, and the next one passes", async () => {
  const bench = createBench();
  await start(bench);
  bench.broken = true;
  expect(ask(bench, 4000)).toBe(0);
  bench.broken = false;
  expect(ask(bench, 4001)).toBe(1);
  expect(bench.shard?.report()[0]).toMatchObject({ kind: "counters", counters: { drops: { fault: 1 } } });
  expect(bench.logs.filter((entry) => entry.level === "error").map((entry) => entry.fields["stack"])).toEqual([expect.stringContaining("no random bytes")]);
});

test("a router that cannot start leaves no lock, and tells why", async () => {
  const bench = createBench();
  bench.refuse = true;
  await expect(startRouter(bench.options)).rejects.toMatchObject({ code: "SVR_INTERFACE_MISSING" });
  expect(existsSync(join(folder, "state", "lock"))).toBe(false);
  expect(bench.events).toContain("datapath");
  const other = createBench();
  other.text = yaml("Allow").replace("name: edge }", "name: egde }");
  await expect(startRouter(other.options)).rejects.toMatchObject({ code: "SVR_CONFIG_EMPTY" });
});

test("two routers never share a state directory", async () => {
  await start(createBench());
  const second = createBench();
  await expect(startRouter({ ...second.options, pid: process.pid + 1 })).rejects.toMatchObject({ code: "SVR_STATE_LOCKED" });
});

test("RB-29 changes that come during a reload are one reload more", async () => {
  const bench = createBench();
  let reads = 0;
  const { read } = bench;
  bench.read = () => { reads += 1; return read(); };
  await start(bench);
  bench.text = yaml("Deny");
  for (let change = 0; change < 9; change++) bench.changed();
  await waitFor("the change is in force", () => bench.logs.filter((line) => line.message === "configuration applied").length === 2);
  expect(reads).toBe(2);
});

test("the audit log has each configuration in force, from where, and the denials when it ends", async () => {
  const bench = createBench();
  await start(bench);
  bench.text = yaml("Deny");
  bench.changed();
  await waitFor("the change is in force", () => bench.audit.length === 2);
  expect(bench.audit).toEqual(Array.from({ length: 2 }, () => ({ kind: "policy", action: "in-force", object: expect.stringMatching(/^configuration [0-9a-f]{16,}$/) as string, detail: { from: "edge.yaml", problems: 0, ended: expect.any(Number) as number } })));
  expect(new Set(bench.audit.map(({ object }) => object)).size).toBe(2);
  expect(ask(bench, 4000)).toBe(0);
  await running?.stop();
  running = undefined;
  expect([bench.audit.at(-1), bench.events.includes("audit")]).toEqual([{ kind: "denial", action: "refused", object: "Service shop/dns", detail: expect.objectContaining({ reason: "access", count: 1 }) as object }, true]);
});
