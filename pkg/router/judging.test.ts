// Judging live sessions a page at a time: all of them are judged by the newest configuration, each once, wherever it came in between.
import type { RouterConfig } from "../plan/config.ts";
import { chainConfig } from "../../test/lab/config.ts";
import type { Chain } from "../../test/lab/config.ts";
import { createLab, keysOf } from "../../test/lab/lab.ts";
import { content, endsOf, everything, udpUp } from "../../test/lab/packets.ts";
import type { ShardConfig } from "./build.ts";
import { createJudging, SLICE_MS } from "./judging.ts";
import type { Judging } from "./judging.ts";
import type { ToShard } from "./messages.ts";
import { numberNames } from "./names.ts";
import type { Sift, SiftVerdict } from "../ports/datapath.ts";
import { reasonOf } from "../svr/reasons.ts";
import { Role } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { createUntold, PAGE, refsOf } from "./untold.ts";

const names = ["east", "west"];
const tenants = ["corp", "guest"];
const allowed = { ...everything, allow: tenants }, denied = { ...everything, allow: ["guest"], deny: ["corp"] };
const SLOTS = 5;

interface World {
  judging: Judging;
  messages: ToShard[];
  logs: string[];
  nowMs: number;
  /** what a look at the clock takes */
  tickMs: number;
  posted(service: Chain["services"][number], change?: (config: RouterConfig) => void): ShardConfig;
  /** slots of the messages of a kind since this was last asked */
  told(kind: "ended" | "retime" | "raise" | "end"): number[];
}

/** A table of five pages with one session each; every look at the clock is a slice. */
function makeWorld(role?: Role): World {
  const lab = createLab(names, { services: [allowed], tenants });
  lab.fromLeft(udpUp(endsOf(4), content(9)));
  lab.run();
  const { datapath } = lab.routers[0]!;
  const [found] = datapath.sessions(0, 1).sessions;
  if (role !== undefined) found!.state.role = role;
  const world: Omit<World, "judging"> = {
    messages: [], logs: [], nowMs: found!.state.sinceMs, tickMs: SLICE_MS,
    posted(service, change = () => undefined) {
      const config = chainConfig({ services: [service], tenants, names, index: 0 });
      change(config);
      const { ids } = numberNames(config, (name) => datapath.nameId(name));
      return { config, ids, keys: Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }])) };
    },
    told: (kind) => world.messages.splice(0).flatMap((one) => (one.kind !== kind ? [] : one.kind === "ended" ? refsOf(one.ended) : one.kind === "retime" ? one.sessions.map(({ ref }) => ref) : one.kind === "raise" || one.kind === "end" ? one.refs : []).map((ref) => ref.index)),
  };
  const say = (_fields: object, message: string): void => { world.logs.push(message); };
  const judging = createJudging({
    datapath: { ...datapath, sift: (judge) => ({ next: (cursor) => sifted(judge(found!.state), cursor, found!.state) }) },
    shards: [{ post: (message) => void world.messages.push(message), onMessage: () => undefined, closed: Promise.resolve() }],
    nowMs: () => { world.nowMs += world.tickMs / 2; return world.nowMs; }, log: { info: say, warn: say, error: say },
  });
  return Object.assign(world, { judging });
}

function sifted(verdict: SiftVerdict, index: number, state: Session): ReturnType<Sift["next"]> {
  return { sessions: verdict === true ? [{ index, state }] : [], ended: typeof verdict === "object" ? [{ index, uuid: state.uuid }] : [], ...(index < SLOTS - 1 && { next: index + 1 }) };
}

const steps = ({ judging }: World, count: number): void => { for (let step = 0; step < count; step++) judging.step(); };

test("a small table is judged at once", () => {
  const world = makeWorld();
  world.tickMs = 0;
  expect(world.judging.follow(world.posted(denied))).toBe(SLOTS);
  expect([world.told("ended"), world.logs]).toEqual([[0, 1, 2, 3, 4], []]);
});

test("a large table is judged a slice a step, and the end is told", () => {
  const world = makeWorld();
  expect(world.judging.follow(world.posted(denied))).toBe(1);
  expect(world.told("ended")).toEqual([0]);
  steps(world, 2);
  expect([world.told("ended"), world.logs]).toEqual([[1, 2], []]);
  steps(world, 2);
  expect([world.told("ended"), world.logs]).toEqual([[3, 4], ["all live sessions are judged by the configuration"]]);
});

test("a configuration that comes in between goes on where the one before was, and round to there", () => {
  const world = makeWorld();
  world.judging.follow(world.posted(allowed));
  steps(world, 1);
  world.judging.follow(world.posted(denied));
  steps(world, 3);
  expect([world.told("ended"), world.logs]).toEqual([[2, 3, 4, 0], []]);
  steps(world, 1);
  expect([world.told("ended"), world.logs]).toEqual([[1], ["all live sessions are judged by the configuration"]]);
  world.judging.step();
  expect(world.told("ended")).toEqual([]);
});

test("1.2 timeouts that changed and changed back in between are those of the newest configuration", () => {
  const world = makeWorld();
  const short = world.posted(allowed, (config) => { for (const service of config.services) service.idleMs = 90_000; }), long = world.posted(allowed);
  world.judging.follow(short, long);
  steps(world, 1);
  expect(world.told("retime")).toEqual([0, 1]);
  world.judging.follow(long, short);
  steps(world, 4);
  expect(world.told("retime")).toEqual([2, 3, 4, 0, 1]);
});

test("1.2 two seconds later all are judged once more: a busy shard opened some by the configuration before", () => {
  const world = makeWorld();
  world.tickMs = 0;
  world.judging.follow(world.posted(denied));
  world.told("ended");
  world.judging.step();
  expect(world.told("ended")).toEqual([]);
  world.nowMs += 2_000;
  world.judging.step();
  expect([world.told("ended"), world.logs]).toEqual([[0, 1, 2, 3, 4], ["sessions that began by the configuration before are ended"]]);
  world.nowMs += 9_000;
  world.judging.step();
  expect(world.told("ended")).toEqual([]);
});

const secure = (config: RouterConfig): void => { for (const one of config.services) one.security = { suite: 2, everyPacket: false, adaptive: false, rotationMs: 0 }; };
const later = (world: World, ms: number): void => { world.nowMs += ms; steps(world, 1); };

test("1.2 sessions of which a policy asks for more are raised where they began, once more after two seconds, and end nowhere", () => {
  const world = makeWorld();
  world.tickMs = 0;
  world.judging.follow(world.posted(allowed, secure), world.posted(allowed));
  expect(world.told("raise")).toEqual([0, 1, 2, 3, 4]);
  later(world, 2_000);
  expect(world.told("raise")).toEqual([0, 1, 2, 3, 4]);
  later(world, 60_000);
  expect(world.messages).toEqual([]);
});

test.each([Role.transit, Role.egress])("1.2 what the ingress does not raise within 30 s ends by policy elsewhere (role %i)", (role) => {
  const world = makeWorld(role);
  world.tickMs = 0;
  world.judging.follow(world.posted(allowed, secure), world.posted(allowed));
  for (const ms of [2_000, 27_999]) later(world, ms);
  expect(world.messages).toEqual([]);
  later(world, 1);
  expect([world.messages.map((one) => one.kind === "end" && reasonOf(one.reason)?.name), world.told("end"), world.logs.length]).toEqual([["policy", "policy", "policy", "policy", "policy"], [0, 1, 2, 3, 4], 1]);
  later(world, 60_000);
  expect(world.messages).toEqual([]);
});

test("1.2 a policy that asks for less raises nothing, and one that asks for as much as before has nobody looked at; after a restart all are looked at", () => {
  const world = makeWorld();
  world.tickMs = 0;
  world.judging.follow(world.posted(allowed), world.posted(allowed, secure));
  expect(world.told("raise")).toEqual([]);
  const same = makeWorld();
  same.tickMs = 0;
  same.judging.follow(same.posted(allowed, (config) => { secure(config); config.services[0]!.hideTopology = true; }), same.posted(allowed, secure));
  expect(same.told("raise")).toEqual([]);
  const anew = makeWorld();
  anew.tickMs = 0;
  anew.judging.follow(anew.posted(allowed, secure));
  expect(anew.told("raise")).toEqual([0, 1, 2, 3, 4]);
});

test("a change of routes and limits is no reason to look at live sessions; one under way goes on", () => {
  const world = makeWorld();
  const cheaper = world.posted(denied, (config) => { config.limits.sessions = 7; for (const route of config.routes) route.cost = 9; });
  world.judging.follow(world.posted(denied));
  expect(world.judging.follow(cheaper, world.posted(denied))).toBe(0);
  expect(world.told("ended")).toEqual([0]);
  steps(world, 4);
  expect(world.told("ended")).toEqual([1, 2, 3, 4]);
  expect(world.judging.follow(world.posted(denied), cheaper)).toBe(0);
});

test("hosts and peers of many ended sessions are told in pages, the oldest first", () => {
  const untold = createUntold(), refs = Array.from({ length: PAGE + 3 }, (_, index) => ({ index, uuid: new Uint8Array(16).fill(index) }));
  untold.add(refs.slice(0, 5));
  untold.add(refs.slice(5));
  expect(untold.pages()).toBe(2);
  expect(untold.take()).toMatchObject({ indexes: Uint32Array.from(refs.slice(0, PAGE), ({ index }) => index) });
  const rest = untold.take();
  expect(rest === undefined ? [] : refsOf(rest).map(({ index, uuid }) => [index, ...uuid])).toEqual(refs.slice(PAGE).map(({ index, uuid }) => [index, ...uuid]));
  expect(untold.take()).toBeUndefined();
});
