// The app's side of protect workers, and the loop of their threads, with a store that only writes down what it is told.
import type { Datapath, DatapathRecord } from "../ports/datapath.ts";
import type { ProtectCounts, ProtectKeys, ProtectPeer, ProtectSession } from "../ports/protect.ts";
import { Protect } from "../svr/session.ts";
import { flowSession } from "../../test/support/flows.ts";
import type { ShardConfig } from "./build.ts";
import { runProtector } from "./protectorloop.ts";
import { createProtectors } from "./protectors.ts";
import type { ProtectHost } from "./protectors.ts";

const PATH = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1).side[1].path;
const none: ProtectCounts = { opened: 0, sealed: 0, openedBytes: 0, sealedBytes: 0, drops: {}, missing: [] };
const key = (n: number): { keyId: number; hmac: Uint8Array } => ({ keyId: n, hmac: new Uint8Array(32).fill(n) });

function posted(peers: readonly string[], keys: Record<string, unknown>): ShardConfig {
  const ids = Object.fromEntries([...peers.map((name, i) => [`router/${name}`, 20 + i]), ["path/to-west", PATH]]);
  return { config: { peers: peers.map((name) => ({ name, hmac: { mode: "TimeBased", window: 1 } })), paths: [{ key: "to-west", peer: "west" }], services: [{ name: "s", security: { rotationMs: 1_000 } }] }, ids: { ...ids, "service/s": 7 }, keys } as unknown as ShardConfig;
}

function world(protect: number): { told: { peers: ProtectPeer[]; sessions: ProtectSession[]; ended: number[]; lost: number[]; old: number[] }; tell(counts: ProtectCounts): void; all: ReturnType<typeof createProtectors>; records: DatapathRecord[] } {
  const told = { peers: [] as ProtectPeer[], sessions: [] as ProtectSession[], ended: [] as number[], lost: [] as number[], old: [] as number[] };
  const keys: ProtectKeys = { peer: (peer) => void told.peers.push(peer), session: (one) => void told.sessions.push(one), end: ({ index }) => told.ended.push(index) > 0 };
  const listeners: ((counts: ProtectCounts) => void)[] = [], records: DatapathRecord[] = [];
  const host: ProtectHost = { onCounts: (listener) => void listeners.push(listener), stop: () => undefined, closed: Promise.resolve() };
  const state = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1, { protect });
  const datapath: Pick<Datapath, "sessions" | "records"> = { sessions: (cursor) => ({ sessions: cursor <= 3 ? [{ index: 3, state }] : [] }), records: () => records.splice(0) };
  const all = createProtectors({ engine: "none", keys, hosts: [host], datapath, lost: (refs) => void told.lost.push(...refs.map(({ index }) => index)), old: (refs) => void told.old.push(...refs.map(({ index }) => index)) });
  return { told, all, records, tell: (counts) => { for (const listener of listeners) listener(counts); } };
}

test("peers are told as the configuration has them, those that go are forgotten, a rotation tells the peers that it names", () => {
  const { told, all } = world(0);
  all.follow(posted(["west", "south"], { west: { send: key(1), receive: [key(2)] }, south: { send: undefined, receive: [] } }));
  expect(told.peers).toEqual([{ peer: 20, mode: "time-based", window: 1, send: key(1), receive: [key(2)] }, { peer: 21, mode: "time-based", window: 1, send: undefined, receive: [] }]);
  all.rekey({ west: { send: key(3), receive: [6, 5, 4, 2].map(key) } as never });
  expect(told.peers.at(-1)).toMatchObject({ peer: 20, send: key(3), receive: [key(6), key(5), key(4)] });
  all.follow(posted(["west"], { west: { send: key(3), receive: [key(4)] } }));
  expect(told.peers.at(-1)).toEqual({ peer: 21, mode: "regular", window: 0, receive: [] });
});

test("sessions of an earlier process that need tags only go on, at the start or when a packet finds no keys; encrypted ones are lost", () => {
  const tags = world(Protect.sealFwd | Protect.openRev);
  tags.all.follow(posted(["west"], { west: { send: key(1), receive: [key(2)] } }));
  tags.all.adopt();
  tags.tell({ ...none, missing: [3, 9] });
  expect(tags.told.sessions).toMatchObject(Array(2).fill({ ref: { index: 3 }, protect: Protect.sealFwd | Protect.openRev, peers: [0, 20] }));
  const encrypted = world(Protect.sealFwd | Protect.bodyFwd);
  encrypted.all.follow(posted(["west"], {}));
  encrypted.tell({ ...none, missing: [3] });
  expect([encrypted.told.sessions, encrypted.told.lost]).toEqual([[], [3]]);
});

test("what ended is forgotten, what workers report is summed", async () => {
  const { told, all, records, tell } = world(0);
  const session = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1, { protect: Protect.sealFwd });
  const record = (type: DatapathRecord["type"], index: number): DatapathRecord => ({ type, index, timeMs: 1, session });
  records.push(record("start", 1), record("end", 2), { ...record("end", 4), session: { ...session, protect: 0 } });
  expect(all.records(10)).toHaveLength(3);
  expect(told.ended).toEqual([2]);
  tell({ ...none, opened: 3, drops: { "hmac-failure": 2 } });
  expect([all.drops(), all.counts().opened]).toEqual([{ "hmac-failure": 2 }, 3]);
  await all.stop();
});

test("8.2 sessions whose key is as old as their service allows are told with their interim records", () => {
  const { told, all, records } = world(0), session = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1, { protect: Protect.encrypted, createdMs: 0, service: 7 });
  all.follow(posted(["west"], {}));
  records.push({ type: "interim", index: 5, timeMs: 999, session }, { type: "interim", index: 6, timeMs: 1_000, session }, { type: "interim", index: 8, timeMs: 1_000, session: { ...session, service: 9 } });
  all.records(10);
  expect(told.old).toEqual([6]);
});

test("RB-21 tags of another time count for their peer, by its name", () => {
  const { all, tell } = world(0);
  all.follow(posted(["west"], {}));
  tell({ ...none, drops: { "hmac-clock-skew": 3 }, skew: { peer: 20, epochs: -5 } });
  tell({ ...none, drops: { "hmac-clock-skew": 3 }, skew: { peer: 20, epochs: -5 } });
  tell({ ...none, drops: { "hmac-clock-skew": 4 }, skew: { peer: 20, epochs: 6 } });
  tell({ ...none, drops: { "hmac-clock-skew": 9 }, skew: { peer: 77, epochs: 6 } });
  expect(all.skews()).toEqual({ west: { count: 4, epochs: 6 } });
});

test("the loop of a worker reports at most ten times a second, slots without keys of all its turns, and once more when it stops", () => {
  const sent: ProtectCounts[] = [];
  let turn = 0;
  runProtector(
    { turn: () => (++turn < 30 ? 5 : 0), counts: () => ({ ...none, sealed: turn, missing: [turn % 2] }), close: () => undefined },
    { isStopped: () => turn >= 30, send: ({ counts }) => void sent.push(counts) }, () => turn * 10,
  );
  expect(sent.map(({ sealed }) => sealed)).toEqual([1, 11, 21, 31]);
  expect(sent[1]?.missing.sort()).toEqual([0, 1]);
});
