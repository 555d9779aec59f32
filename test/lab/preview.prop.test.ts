// What an edit would do to live sessions, said before and seen after: for random configurations, sessions and edits, the sessions
// that the router predicts to cut are those that end, and the others go on carrying packets (behaviour 1.2; P-8).
import fc from "fast-check";
import { compile } from "../../pkg/plan/compile.ts";
import { explain } from "../../pkg/plan/explain.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import type { PreviewView } from "../../pkg/api/view.ts";
import { uuidHex } from "../../pkg/base/ids.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { buildTables } from "../../pkg/router/build.ts";
import { judgeKind, judgePage } from "../../pkg/router/live.ts";
import type { JudgeBy } from "../../pkg/router/live.ts";
import { numberNames } from "../../pkg/router/names.ts";
import { createUntold } from "../../pkg/router/untold.ts";
import { previewSessions } from "../../pkg/router/preview.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { randomObjects } from "../support/config/random.ts";
import { addressOf } from "../support/config/sample.ts";
import type { ShardConfig } from "../../pkg/router/build.ts";
import { createLab, keysOf } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { content } from "./packets.ts";

/** The lab's interfaces are 1 and 2, those of the random routers 1 to 3: hosts are behind 1 and 2. */
const sources = ["10.1.0.9", "10.1.0.200", "fd00:1::9"], destinations = ["10.2.0.7", "10.2.0.8", "11.0.0.1", "fd00:2::7", "10.1.0.9"], ports = [53, 80, 443, 450];
const packets = sources.flatMap((source) => destinations.flatMap((destination) => ports.flatMap((port) => {
  const [from, to] = [addressOf(source), addressOf(destination)];
  return from.family === to.family && source !== destination ? [buildPacket({ source: from, destination: to }, { kind: "udp", sourcePort: 40_000, destinationPort: port }, content(9))] : [];
})));

const posted = (lab: Lab, config: RouterConfig): ShardConfig => ({
  config, ids: numberNames(config, (name) => lab.routers[0]!.datapath.nameId(name)).ids,
  keys: Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }])),
});

/** A router with sessions of all the packets that it lets in, by each of its host interfaces. */
function opened(config: RouterConfig): Lab {
  const lab = createLab(["one"], { services: [], compiled: new Map([["one", { ...config, shards: 1 }]]), seed: 7 });
  send(lab);
  return lab;
}

function send(lab: Lab): void {
  for (const { ifnum } of lab.routers[0]!.config.interfaces.filter((one) => one.hosts)) for (const data of packets) lab.inject(0, ifnum, data.slice());
  lab.run();
}

/** As the app does it: the data plane, the shards, then what must end. */
function apply(lab: Lab, next: RouterConfig): void {
  const router = lab.routers[0]!;
  const keys = Object.keys(router.config) as (keyof RouterConfig)[];
  for (const key of keys) delete router.config[key];
  Object.assign(router.config, next, { shards: 1 });
  lab.reconfigure(0);
  const by: JudgeBy = { tables: buildTables(posted(lab, router.config), router.datapath), before: [] };
  const { sessions, ended } = router.datapath.sift((session) => judgeKind(by, session)).next(0, 999), untold = createUntold();
  router.shards[0]!.tell({ kind: "moved", refs: judgePage(by, sessions, 0).moved });
  untold.add(ended);
  for (let page = untold.take(); page !== undefined; page = untold.take()) router.shards[0]!.tell({ kind: "ended", ended: page });
  lab.run();
}

const idsOf = (sessions: readonly Session[]): string[] => sessions.map((session) => uuidHex(session.uuid)).toSorted();

async function predicted(lab: Lab, next: RouterConfig): Promise<PreviewView> {
  const router = lab.routers[0]!;
  return previewSessions(router.datapath, { current: posted(lab, router.config), next: { ...next, shards: 1 }, most: 1000, pace: { piece: (work) => Promise.resolve(work()) } });
}

test("P-8 RB-30 the sessions that an edit is said to cut are those that it cuts, on random edits of random configurations", async () => {
  const seen = { cut: 0, left: 0, moved: 0 };
  await fc.assert(fc.asyncProperty(randomObjects, randomObjects, fc.uniqueArray(fc.nat(13), { maxLength: 6 }), fc.nat(40), async (before, edit, taken, dropped) => {
    // an edit takes a few objects over from another configuration, and may leave one out
    const edited = new Map(before.map((one) => [one.id, one]));
    for (const index of taken) if (edit[index] !== undefined) edited.set(edit[index].id, edit[index]);
    if (before[dropped] !== undefined && before[dropped].object.kind !== "Router") edited.delete(before[dropped].id);
    const [old, next] = [compile({ objects: before }), compile({ objects: [...edited.values()] })].map(({ routers }) => routers.get("one"));
    if (old === undefined || next === undefined) return;
    const lab = opened(old);
    const router = lab.routers[0]!;
    const sessions = router.live();
    const names = new Map(sessions.map((session) => [uuidHex(session.uuid), router.datapath.nameOf(session.tenant)?.replace("tenant/", "")]));
    const before32 = JSON.stringify(idsOf(sessions));
    const view = await predicted(lab, next);
    expect([JSON.stringify(idsOf(router.live())), view.sessions, view.cut + view.moved + view.left]).toEqual([before32, sessions.length, sessions.length]); // asking changes nothing
    const cut = new Set(view.named.filter((one) => one.effect === "cut").map((one) => one.sessionId));
    apply(lab, next);
    const left = idsOf(router.live());
    expect(left).toEqual(idsOf(sessions).filter((id) => !cut.has(id)));
    for (const session of sessions) { // and the verdict is what svrctl why says of it
      const question = { tenant: names.get(uuidHex(session.uuid)) ?? "", proto: session.context.proto, destination: session.context.destination, port: session.context.destinationPort };
      const refused = explain({ ...next, staticNats: [] }, question).reason;
      if (refused === "access" || refused === "no-service") expect(cut.has(uuidHex(session.uuid))).toBe(true);
    }
    seen.cut += view.cut;
    seen.left += view.left;
    seen.moved += view.moved;
  }), { numRuns: 400, interruptAfterTimeLimit: 40_000 });
  expect([seen.cut > 5, seen.left > 20]).toEqual([true, true]);
}, 90_000);
