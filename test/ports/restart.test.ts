// What outlives a process of the router: sessions, programs, rings, records, names; and what the next one does with it. eBPF only;
// packets are real. Nothing here ends with a pin left.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { addressOfWords } from "../../pkg/base/address.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import { MAP_SUFFIX } from "../../pkg/datapath/pins.ts";
import { slotsFor } from "../../pkg/datapath/settings.ts";
import { openNative } from "../../pkg/native/binding.ts";
import type { Native } from "../../pkg/native/binding.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { SessionOp } from "../../pkg/ports/datapath.ts";
import { ifnum, nexthop, place } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";
import { openInjector } from "../support/inject.ts";
import { insideNamespace } from "../support/namespace.ts";
import { describeNet } from "../support/probe.ts";
import { waitFor } from "../support/wait.ts";
import { keyOf } from "./sessions.ts";
import { gatewayOf, openEbpfWorld, openWires } from "./ebpfworld.ts";
import type { EbpfWorld, Wires } from "./ebpfworld.ts";
import { arriveOn } from "./forwarding.ts";
import { dropped, freshSession, install, punts } from "./world.ts";

const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };
const tcp: FlowKind = { family: 6, proto: "tcp", role: "egress" };

let wires: Wires;
let world: EbpfWorld;

function hostPacket(n: number): Uint8Array {
  return buildPacket({ source: place(4, "host", n), destination: place(4, "server") }, { kind: "udp", sourcePort: 5000, destinationPort: 443 });
}

/** The library, with every call that writes written down: its name and what it returned. */
function watched(calls: [string, number][]): Native {
  const native = openNative();
  const names = ["mapUpdate", "mapDelete", "attachSet", "loadPin", "mapAddRing"] as const;
  const wrapped = names.map((name) => [name, (...args: unknown[]): number => {
    const status = (native[name] as (...all: unknown[]) => number)(...args);
    calls.push([name, status]);
    return status;
  }]);
  return { ...native, ...(Object.fromEntries(wrapped) as Pick<Native, (typeof names)[number]>) };
}

/** Kernel memory in bytes of the maps that this process holds, by id. */
function mapsOfProcess(): Map<string, number> {
  const maps = new Map<string, number>();
  for (const file of readdirSync("/proc/self/fdinfo")) {
    const info = existsSync(`/proc/self/fdinfo/${file}`) ? readFileSync(`/proc/self/fdinfo/${file}`, "utf8") : "";
    const id = /^map_id:\s*(\d+)$/m.exec(info)?.[1];
    if (id !== undefined) maps.set(id, Number(/^memlock:\s*(\d+)$/m.exec(info)?.[1]));
  }
  return maps;
}

beforeAll(async () => { wires = await openWires(); }, 30_000);
afterAll(async () => { await wires.close(); }, 30_000);

describeNet("after the end of a process", () => {
  beforeEach(async () => { world = await openEbpfWorld(wires); });
  afterEach(async () => { await world.close(); });

  test("L-7 sessions forward with no process, and are found by the next one; names and secrets are the same", async () => {
    const sessions = [freshSession(world, udp, 1), freshSession(world, tcp, 2)];
    const refs = sessions.map((session) => install(world, session));
    const id = world.datapath.nameId("tenant/blue"), secret = world.datapath.shardSpec(0).injectMac;
    expect(world.datapath.adopted()).toBe(false);
    world.shut();
    for (const session of sessions) for (const side of [0, 1] as const) await arriveOn(world, session, side);
    expect(await world.left(4)).toHaveLength(4);
    world.reopen();
    expect([world.datapath.adopted(), world.datapath.nameOf(id), world.datapath.nameId("tenant/blue")]).toEqual([true, "tenant/blue", id]);
    expect(world.datapath.shardSpec(0).injectMac).toEqual(secret);
    expect(sessions.map((session) => world.shard(1).find(keyOf(session.side[1]))?.index)).toEqual(refs.map((ref) => ref.index));
    expect(world.datapath.sessions(0, 10).sessions.map(({ state }) => state.packets)).toEqual([[1n, 1n], [1n, 1n]]);
    for (const session of sessions) await arriveOn(world, session, 0);
    expect(await world.left(2)).toHaveLength(2);
  });

  test("names without users are forgotten when there are many; what sessions and unread records carry keeps its meaning", () => {
    const { datapath } = world;
    const [blue, grey, service, late] = ["tenant/blue", "tenant/grey", "service/blue", "tenant/late"].map((name) => datapath.nameId(name)) as [number, number, number, number];
    const session = { ...freshSession(world, udp, 1), tenant: blue, service };
    install(world, session);
    const gone = { ...freshSession(world, tcp, 2), tenant: late };
    world.shard(0).apply([{ kind: "end", ref: install(world, gone), reason: 100, now: true }]);
    world.shut();
    world.reopen({ pruneNamesAt: 1_000 });
    expect(["tenant/blue", "tenant/grey", "tenant/late"]).toEqual([blue, grey, late].map((id) => world.datapath.nameOf(id)));
    world.shut();
    world.reopen({ pruneNamesAt: 1 });
    expect([blue, grey, service, late].map((id) => world.datapath.nameOf(id))).toEqual(["tenant/blue", undefined, "service/blue", "tenant/late"]);
    expect([world.datapath.nameId("tenant/blue"), world.shard(0).nameId("tenant/blue")]).toEqual([blue, blue]);
    expect(world.datapath.nameId("tenant/grey")).toBe(grey);
    expect(world.datapath.names()).toMatchObject({ limit: 65_535 });
  });

  test("signals that come while programs are verified stop nothing", async () => {
    world.shut();
    const storm = spawn("sh", ["-c", `i=0; echo ready; while [ $i -lt 2000000 ] && kill -CHLD ${process.pid}; do i=$((i+1)); done`]); // the one signal that Node always takes
    const ended = new Promise((resolve) => storm.once("exit", resolve));
    try {
      await new Promise((resolve) => storm.stdout.once("data", resolve));
      world.reopen();
    } finally {
      storm.kill();
      await ended;
    }
    expect(world.datapath.adopted()).toBe(true);
  });

  test("first packets that came with no process are there for the next one", async () => {
    world.shut();
    await world.receive({ ifnum: ifnum.lan }, hostPacket(1), hostPacket(2));
    world.reopen();
    expect((await punts(world, 2)).map((punt) => punt.data).toSorted()).toEqual([hostPacket(1), hostPacket(2)].map(toHex).toSorted());
  });

  test("programs are replaced through their links, which stay; what is in force is not written again", () => {
    world.shut();
    const calls: [string, number][] = [];
    world.reopen({ native: watched(calls) });
    expect(calls.filter(([name]) => name === "attachSet")).toEqual(Array(5).fill(["attachSet", 0])); // 0: in place
    expect(calls.filter(([name]) => name !== "attachSet")).toEqual([]);
    calls.length = 0;
    world.datapath.program(world.config);
    expect(calls).toEqual([]);
  });

  test("the sweeper works with no process; its records wait", async () => {
    world.config = { ...world.config, timers: { ...world.config.timers, guardMs: 100, quarantineMs: 200 } }; // each reopening programs it
    world.datapath.program(world.config);
    const session = freshSession(world, udp, 1, { idleMs: 200 });
    install(world, session);
    const swept = world.datapath.gauges().sweeps;
    world.shut();
    await world.until("three walks", () => {
      world.reopen();
      const done = world.datapath.gauges().sweeps >= swept + 3 && world.datapath.gauges().slotsUsed === 0;
      if (!done) world.shut();
      return done;
    });
    const records = world.datapath.records(10);
    expect(records.map((record) => [record.type, toHex(record.session.uuid)])).toEqual(["start", "end", "release"].map((type) => [type, toHex(session.uuid)]));
  });

  test("a lost record is told once, whatever process asks", async () => {
    await world.close();
    world = await openEbpfWorld(wires, { sessions: 4032 }); // nearly full: records do not wait in their slots
    const ops = Array.from({ length: 4000 }, (_, n): SessionOp => ({ kind: "install", session: freshSession(world, udp, n + 1) }));
    expect(world.shard(0).apply(ops).filter((result) => !result.ok)).toEqual([]);
    const swept = world.datapath.gauges().sweeps;
    await world.until("all have been looked at", () => world.datapath.gauges().sweeps >= swept + 2);
    const lost = world.datapath.gauges().recordsLost;
    expect(lost + world.datapath.records(8192).length).toBe(4000);
    expect(lost).toBeGreaterThan(0);
    world.shut();
    world.reopen();
    expect([world.datapath.takeRecordsLost(), world.datapath.takeRecordsLost(), world.datapath.gauges().recordsLost]).toEqual([lost, 0, lost]);
    world.shut();
    world.reopen();
    expect(world.datapath.takeRecordsLost()).toBe(0);
  });

  test("more shards and less: packets follow, sessions too", async () => {
    const session = freshSession(world, udp, 1, { shard: 1, flags: 1 });
    install(world, session);
    world.shut();
    world.reopen({ shards: 4 });
    await world.receive({ ifnum: ifnum.lan }, ...Array.from({ length: 40 }, (_, n) => hostPacket(n + 1)));
    expect(new Set((await punts(world, 40, 4)).map((punt) => punt.shard)).size).toBeGreaterThan(2);
    world.shut();
    world.reopen({ shards: 1 });
    expect(readdirSync(world.options.pinDir!).filter((name) => name.startsWith("ring") && !name.startsWith("rings"))).toEqual([`ring0${MAP_SUFFIX}`]);
    await arriveOn(world, session, 0);
    await world.receive({ ifnum: ifnum.lan }, ...Array.from({ length: 10 }, (_, n) => hostPacket(n + 1)));
    expect((await punts(world, 11, 1)).map((punt) => punt.cause).toSorted((a, b) => a - b)).toEqual([...Array<number>(10).fill(1), 5]);
  });

  test("pinned maps keep their size; a limit of live sessions may change", () => {
    install(world, freshSession(world, udp, 1));
    world.shut();
    world.reopen({ sessions: 1024, liveLimit: 1 });
    expect(world.datapath.gauges()).toMatchObject({ sessionLimit: 64, live: 1 });
    expect(world.shard(0).apply([{ kind: "install", session: freshSession(world, udp, 2) }])).toEqual([{ ok: false, why: "full" }]);
  });

  test("a device that went and came back is taken again, with the same index too", async () => {
    const session = freshSession(world, udp, 1);
    install(world, session);
    const config = { ...world.config, interfaces: [...world.config.interfaces, { ifnum: 9, name: "extra0", shared: false, hosts: true }] };
    for (const [turn, at] of [["index", "4242"], [], ["index", "4242"], ["index", "4242"]].entries()) {
      await wires.net.must("r", "ip", "link", "add", "extra0", ...at, "type", "veth", "peer", "name", "extra1", "netns", wires.net.namespace("far"));
      await wires.net.must("r", "ip", "link", "set", "extra0", "up");
      await wires.net.must("far", "ip", "link", "set", "extra1", "up");
      world.datapath.program(config);
      const injector = await openInjector(wires.net, { node: "far", device: "extra1" }, { node: "r", device: "extra0" });
      await injector.send(hostPacket(turn + 1));
      expect(await punts(world, 1)).toMatchObject([{ ifnum: 9, data: toHex(hostPacket(turn + 1)) }]);
      await injector.close();
      await wires.net.must("r", "ip", "link", "del", "extra0");
    }
    world.datapath.program(world.config);
    expect(readdirSync(world.options.pinDir!).filter((name) => name.startsWith("link_"))).toHaveLength(4);
    await arriveOn(world, session, 0);
    expect(await world.left(1)).toHaveLength(1);
  }, 30_000);

  test("a VLAN with a device of its own is left to that device", async () => {
    const native = openNative();
    const other: Native = { ...native, deviceVlan: (_name, _vlan, out, size) => native.deviceFind("eth4", out, size) };
    world.shut();
    await wires.net.must("r", "ip", "neigh", "replace", gatewayOf(3), "lladdr", "02:00:00:00:00:33", "dev", "eth4", "nud", "permanent");
    world.reopen({ native: other });
    const data = buildPacket({ source: place(4, "waypoint"), destination: addressOfWords(4, 0xcb007109) }, { kind: "udp", sourcePort: 1, destinationPort: 2 });
    expect(world.shard(0).send([{ nexthop: nexthop.shared, data }])).toBe(1);
    expect(await world.left(1)).toMatchObject([{ ifnum: ifnum.farLan, vlan: 0, data }]);
  });

  test("destroy leaves no pin and no program: the kernel has the packets again", async () => {
    install(world, freshSession(world, udp, 1));
    await wires.net.must("r", "ip", "addr", "add", "10.88.0.1/24", "dev", "eth2");
    await wires.net.must("far", "ip", "addr", "add", "10.88.0.2/24", "dev", "f2");
    const ping = async (): Promise<number> => (await wires.net.exec("far", ["ping", "-c", "1", "-W", "1", "10.88.0.1"])).code;
    expect(await ping()).toBe(1);
    await dropped(world, "no-service", 1n);
    const dir = world.options.pinDir!;
    world.datapath.destroy();
    expect(existsSync(dir)).toBe(false);
    await waitFor("the kernel answers", async () => (await ping()) === 0);
    await wires.net.must("r", "ip", "addr", "flush", "dev", "eth2");
    await wires.net.must("far", "ip", "addr", "flush", "dev", "f2");
    world.reopen();
    expect([world.datapath.adopted(), world.datapath.gauges().live]).toEqual([false, 0]);
  });
});

describeNet("threads and memory", () => {
  afterEach(async () => { await world.close(); });

  test("a shard waits in its own thread until it is woken or a packet comes", async () => {
    world = await openEbpfWorld(wires, { shards: 1 });
    const said: Record<string, number>[] = [];
    const worker = insideNamespace(wires.net, "r", () => new Worker(new URL("./processes/shard.ts", import.meta.url), { workerData: world.datapath.shardSpec(0) }));
    worker.on("message", (message: Record<string, number>) => said.push(message));
    const ended = new Promise((resolve, reject) => { worker.once("exit", resolve); worker.once("error", reject); });
    await world.until("it waits", () => said.length === 1);
    world.datapath.wake(0);
    await world.until("it was woken and waits again", () => said.length === 3);
    await world.receive({ ifnum: ifnum.lan }, hostPacket(1));
    await ended;
    expect([said[1]?.["count"], said[3]?.["count"]]).toEqual([0, 1]);
    expect(Math.max(said[1]?.["ms"] ?? 0, said[3]?.["ms"] ?? 0)).toBeLessThan(15_000);
  }, 30_000);

  test("a wake before the wait is not lost, a wait without one takes its time", async () => {
    world = await openEbpfWorld(wires, { shards: 1 });
    const port = world.shard(0);
    world.datapath.wake(0);
    const before = performance.now();
    expect(port.drain(1, 15_000)).toEqual([]);
    const woken = performance.now();
    expect(port.drain(1, 50)).toEqual([]);
    expect([woken - before < 10_000, performance.now() - woken >= 45]).toEqual([true, true]);
  });

  test("threads that number the same names at once agree; a full table of names refuses and keeps what it has", async () => {
    world = await openEbpfWorld(wires, { shards: 2 });
    const names = Array.from({ length: 3000 }, (_, n) => `tenant/${n}`);
    const numbered = await insideNamespace(wires.net, "r", () => Promise.all([names, names.toReversed()].map(async (list, shard) => {
      const worker = new Worker(new URL("./processes/names.ts", import.meta.url), { workerData: { spec: world.datapath.shardSpec(shard), names: list } });
      return new Promise<number[]>((resolve, reject) => { worker.once("message", resolve); worker.once("error", reject); });
    })));
    expect(numbered[1]!.toReversed()).toEqual(numbered[0]);
    expect(new Set(numbered[0]).size).toBe(3000);
    let last = 0;
    for (let n = 3000; n < 70_000 && last === 0; n++) if (world.datapath.nameId(`tenant/${n}`) === 0) last = n;
    expect(last).toBeGreaterThan(50_000);
    expect([names.map((name) => world.datapath.nameId(name)), world.datapath.nameId(`tenant/${last}`)]).toEqual([numbered[0], 0]);
  });

  test("a session costs at most 400 bytes of kernel memory", async () => {
    const sessions = 1_000_000; // the default limit of a router
    const before = mapsOfProcess();
    world = await openEbpfWorld(wires, { sessions: slotsFor(sessions) });
    const maps = [...mapsOfProcess()].filter(([id]) => !before.has(id));
    const bytes = maps.reduce((sum, [, size]) => sum + size, 0) / sessions;
    expect(maps.length).toBeGreaterThan(15);
    expect(bytes).toBeGreaterThan(320);
    expect(bytes).toBeLessThanOrEqual(400);
  }, 30_000);

  test("what a killed process left half done is put right", async () => {
    world = await openEbpfWorld(wires, { sessions: 4096 });
    for (let time = 0; time < 3; time++) {
      const spec = world.datapath.shardSpec(0);
      const child = wires.net.start("r", [process.execPath, "--disable-warning=ExperimentalWarning", new URL("./processes/install.ts", import.meta.url).pathname, JSON.stringify({ ...spec, injectMac: [...spec.injectMac] })]);
      await child.line(/at work/);
      await child.kill();
      world.shut();
      world.reopen();
      const { sessions } = world.datapath.sessions(0, 4096);
      const live = sessions.filter(({ state }) => state.life === 2);
      const found = live.map(({ state }) => [world.shard(0).find(keyOf(state.side[0]))?.index, world.shard(0).find(keyOf(state.side[1]))?.index, world.shard(0).findUuid(state.uuid)?.index]);
      expect(found).toEqual(live.map(({ index }) => [index, index, index]));
      expect(world.datapath.gauges().live).toBe(live.length);
      expect(live.length).toBeGreaterThan(0);
    }
  }, 60_000);
});
