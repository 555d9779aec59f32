// The admin API of a lab router without a socket: its resources asked by path, its shards answering at once. Used by tests only.
import { adminRoutes } from "../../pkg/router/adminroutes.ts";
import type { AdminRoute } from "../../pkg/router/admin.ts";
import { createCounters } from "../../pkg/router/counters.ts";
import { createFill } from "../../pkg/router/fill.ts";
import { withoutExchange } from "../../pkg/router/keying.ts";
import type { ToShard } from "../../pkg/router/messages.ts";
import { createRecordPump } from "../../pkg/router/pump.ts";
import { createQuestions } from "../../pkg/router/questions.ts";
import type { Questions } from "../../pkg/router/questions.ts";
import { capturesOf } from "./captureof.ts";
import { keysOf } from "./lab.ts";
import type { Lab, LabRouter } from "./lab.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** adminOf gives the resources of one router, asked by path as the server does. */
export function adminOf(lab: Lab, router: LabRouter): (path: string) => unknown {
  const clock = { monotonicMs: () => lab.now(), unixMs: () => lab.unixMs() };
  const counters = createCounters();
  for (const message of router.reports()) if (message.kind === "counters") counters.take({ post: () => undefined, onMessage: () => undefined, closed: Promise.resolve() }, message.counters);
  const pump = createRecordPump({ name: router.name, boot: "b1", clock, log: quiet, sink: { write: () => Promise.resolve(), close: () => Promise.resolve() } }, router.datapath, () => undefined);
  pump.follow(router.config);
  const keys = Object.fromEntries(router.config.peers.map((peer) => [peer.name, { send: keysOf(router.name, peer.name), receive: [keysOf(peer.name, router.name)] }]));
  const applied = { config: router.config, objects: [], keys, problems: [], hash: "0123456789abcdef", at: "2026-01-01T00:00:00.000Z", isPartial: false, number: () => ({}) };
  const keying = withoutExchange();
  keying.follow({ config: router.config, ids: {} }, keys);
  const { captures } = capturesOf(lab, router);
  const fill = createFill({ datapath: router.datapath, counters, pump, captures, mtus: { held: () => [] }, config: () => router.config, log: quiet });
  const routes = adminRoutes({
    fill, keying, alarms: { list: () => [] }, mtus: { mtuOf: (path) => path.mtu, verdictOf: () => "off", refused: () => ({ drops: { rate: 2 }, peerDrops: { west: { "hmac-failure": 3 } }, skews: {} }) },
    options: { name: router.name, version: "0.1.0", boot: "b1", clock, stateDir: `/state/${router.name}` }, audit: { head: () => ({ sequence: 7, hash: "a".repeat(64) }) }, datapath: router.datapath, counters, pump, shards: router.shards, captures, startedMs: lab.now() - 5_400,
    questions: questionsOf(router), pace: { piece: (work) => Promise.resolve(work()) }, pause: (ms) => Promise.resolve(ms < 1 ? undefined : lab.wait(ms)),
    intake: { current: () => applied, stale: () => false, first: () => Promise.resolve(applied), again: () => Promise.resolve(undefined), programmed: () => undefined, refused: () => undefined, retry: () => Promise.resolve(), troubles: () => [] },
  });
  return (path) => answerOf(routes, path);
}

/** Shards answer at once. */
function questionsOf(router: LabRouter): Questions {
  const posts = router.shards.map((shard) => ({
    post: (message: ToShard) => {
      shard.tell(message);
      for (const answer of shard.answers()) if (answer.kind === "answer") questions.take(answer.number, answer.answer);
    },
  }));
  const questions = createQuestions(posts, () => ({ stop: () => undefined }));
  return questions;
}

function answerOf(routes: readonly AdminRoute[], path: string): unknown {
  const url = new URL(path, "http://router");
  for (const route of routes) {
    const match = new RegExp(`^${route.pattern.replaceAll(/:\w+/g, "([^/]+)")}$`).exec(url.pathname);
    if (match === null) continue;
    const plain = (answer: unknown): unknown => JSON.parse(JSON.stringify(answer)) as unknown;
    const answer = route.answer({ query: url.searchParams, body: undefined }, match.slice(1));
    return answer instanceof Promise ? answer.then(plain) : plain(answer);
  }
  throw new Error(`no route ${path}`);
}
