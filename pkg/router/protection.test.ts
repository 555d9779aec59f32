// What a shard does for protected sessions: what a peer may carry, what metadata changes of a live session and at which router, whose body is
// decrypted, and what the store of keys hears of it.
import { flowSession } from "../../test/support/flows.ts";
import { arrivalOf, configOfChain, newTurn, tablesOf } from "../../test/support/turn.ts";
import type { TestTurn } from "../../test/support/turn.ts";
import type { BodyJob, ProtectSession } from "../ports/protect.ts";
import { address } from "../../test/lab/config.ts";
import { fail, ok } from "../base/result.ts";
import { buildPacket } from "../svr/build.ts";
import type { Metadata } from "../svr/metadata.ts";
import { Flag, Protect } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { handleOf } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { beginProtection, canCarry, clampOf, coverBody, coverOf, firstPlain, growthOf, isBeyond, isSealed, moveInTrain, sayableKey, takeSecurity, uncovered } from "./protection.ts";
import type { ProtectTools } from "./protection.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, OpenedArrival } from "./turn.ts";

const tables = tablesOf(configOfChain());
const peer = tables.paths[0]!.peer;
const key = { suite: 2, index: 5, key: new Uint8Array(32).fill(7) };
const uuid = new Uint8Array(16).fill(1);
const encrypted: Metadata = { uuid, iv: new Uint8Array(12), payloadEncrypted: true, security: { suite: 2, scope: 1 } };
const FWD = Protect.sealFwd | Protect.openFwd | Protect.encrypted, BODY_FWD = Protect.bodyFwd | Protect.encrypted, BODY_REV = Protect.bodyRev | Protect.encryptedRev;

interface World { turn: TestTurn; sessions: ProtectSession[]; jobs: BodyJob[]; handle: Handle; state: Session }

function world(role: "ingress" | "transit" | "egress", session: Partial<Session> = {}, hasTools = true): World {
  const sessions: ProtectSession[] = [], jobs: BodyJob[] = [];
  const tools = {
    keys: { session: (one: ProtectSession) => void sessions.push(one), peer: () => undefined, end: () => true }, hkdf: { expand: (_key: Uint8Array, info: Uint8Array, bytes: number) => new Uint8Array(bytes).fill(info.length) },
    bodies: { run: (all: readonly BodyJob[]) => all.map((job) => { jobs.push(job); return job.body[0] === 0xee ? fail("replay-payload") : ok(Uint8Array.of(1, 2, 3)); }), close: () => undefined },
    peek: () => fail("decrypt-failure"),
  } as unknown as ProtectTools;
  const base = newTurn(tables), turn = newTurn(tables, { protection: { ...base.protection, ...(hasTools && { tools }) } });
  const state = flowSession({ family: 4, proto: "udp", role }, 1, session);
  for (const side of state.side) if (side.path !== 0) side.path = tables.paths[0]!.id;
  return { turn, sessions, jobs, state, handle: handleOf(turn.batch, 3, state) };
}

function arrival(tlvs: Metadata, body: Uint8Array = Uint8Array.of(9, 9, 9, 9)): OpenedArrival {
  const data = buildPacket({ source: address("192.0.2.1"), destination: address("192.0.2.2") }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, body), plain = arrivalOf(data);
  return { ...plain, opened: { peer, tlvs, empty: false, headerOnly: false, bodyAt: plain.packet.payload, bodyEnd: plain.packet.end, epoch: 0 } };
}

const take = (it: World, tlvs: Metadata, side: SideIndex): string | undefined => takeSecurity(it.turn, arrival(tlvs), { handle: it.handle, side });

test.each<[string, { suite: 0 | 1 | 2; everyPacket: boolean }, Partial<PeerEntry>, boolean, boolean]>([
  ["nothing, anywhere", { suite: 0, everyPacket: false }, { suite: 0, mode: "disabled" }, false, true],
  ["tags", { suite: 0, everyPacket: true }, { suite: 0 }, true, true], ["tags, without an engine", { suite: 0, everyPacket: true }, {}, false, false],
  ["bodies", { suite: 2, everyPacket: false }, {}, true, true], ["bodies, without an engine", { suite: 2, everyPacket: false }, {}, false, false],
  ["bodies, where metadata is clear", { suite: 1, everyPacket: false }, { suite: 0 }, true, false], ["bodies, without tags", { suite: 1, everyPacket: false }, { mode: "disabled" }, true, false],
])("8.2 what a peer may carry: %s", (_name, wanted, change, hasTools, expected) => {
  expect(canCarry(world("ingress", {}, hasTools).turn, wanted, { ...peer, suite: 2, ...change })).toBe(expected);
});

test.each<[Metadata, boolean]>([[{}, false], [{ security: { suite: 0, scope: 0 } }, false], [{ security: { suite: 0, scope: 1 } }, true], [{ security: { suite: 1, scope: 0 } }, true], [{ payloadEncrypted: true }, true]])("8.2 metadata %j is beyond a machine without an engine: %s", (metadata, expected) => {
  expect([isBeyond(world("egress", {}, false).turn, metadata), isBeyond(world("egress").turn, metadata)]).toEqual([expected, false]);
});

test.each<[string, "ingress" | "transit" | "egress", SideIndex, number, boolean]>([
  ["a switch that the ingress says, at the egress", "egress", 0, Protect.openFwd | Protect.sealRev | BODY_FWD | BODY_REV, false],
  ["... at a transit router: of its direction only", "transit", 0, FWD, true],
  ["a switch that the egress says, at the ingress", "ingress", 1, Protect.sealFwd | Protect.openRev | BODY_FWD | BODY_REV, false],
  ["... at a transit router: of both, for the answer is said once", "transit", 1, FWD | Protect.openRev | Protect.sealRev | Protect.encryptedRev, true],
])("8.3 %s", (_name, role, side, protect, saysOn) => {
  const it = world(role, { security: 2, protect: role === "transit" ? 0 : Protect.watch });
  expect([take(it, encrypted, side), it.state.protect, it.sessions.at(-1)?.protect]).toEqual([undefined, protect, protect]);
  expect((it.state.flags & (side === 0 ? Flag.fwdMeta : Flag.revMeta)) !== 0).toBe(saysOn);
  const { modifyOut } = it.state.handshake;
  expect([take(it, encrypted, side), it.state.protect, it.state.handshake.modifyOut]).toEqual([undefined, protect, modifyOut]); // the same again
});

test("1.2 a clear session that is raised has its suite from metadata, and its key at the ends only", () => {
  const [egress, transit] = [world("egress"), world("transit")];
  for (const it of [egress, transit]) expect([take(it, { ...encrypted, payloadKey: key }, 0), it.state.security]).toEqual([undefined, 2]);
  expect([egress.sessions.at(-1)?.body?.keyIndex, transit.sessions.at(-1)?.body]).toEqual([5, undefined]);
});

test("8.2 a switch whose key came with a packet that is lost changes nothing", () => {
  const it = world("egress");
  expect([take(it, encrypted, 0), it.state.protect, it.state.security, it.sessions]).toEqual(["no-key", 0, 0, []]);
});

test("8.2 a transit router lets no key go where metadata is clear", () => {
  const config = configOfChain(), it = world("transit", { security: 2 });
  for (const one of config.peers) one.metadataEncryption.enabled = false;
  const turn = newTurn(tablesOf(config), { protection: it.turn.protection });
  expect([takeSecurity(turn, arrival({ ...encrypted, payloadKey: key }), { handle: it.handle, side: 0 }), it.state.protect, it.state.flags & Flag.fwdMeta]).toEqual(["no-path", 0, 0]);
});

test.each<[string, Metadata, SideIndex, string | undefined]>([
  ["what was said before the switch, late", { uuid }, 0, undefined], ["another suite", { ...encrypted, security: { suite: 1, scope: 1 } }, 0, "metadata-malformed"],
  ["a key that everybody could read", { ...encrypted, iv: undefined, payloadKey: key }, 0, "decrypt-failure"], ["a key in an echo", { ...encrypted, payloadKey: key }, 1, "metadata-malformed"],
])("8.2 of an encrypted session %s changes nothing", (_name, tlvs, side, fault) => {
  const it = world("egress", { security: 2, protect: Protect.openFwd | Protect.sealRev | BODY_FWD | BODY_REV }), before = it.state.protect;
  expect([take(it, tlvs, side), it.state.protect, it.sessions]).toEqual([fault, before, []]);
});

const context = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1).context;
const opened = (it: World, tlvs: Metadata, body?: Uint8Array): Uint8Array | undefined => {
  const carried = uncovered(it.turn, arrival(tlvs, body), { handle: it.handle, side: 0 });
  return carried?.packet.data.slice(carried.bodyAt, carried.bodyEnd);
};

test.each<[string, Partial<Session>, Metadata, number[] | undefined, number, string[]]>([
  ["an encrypted body", { protect: BODY_FWD }, { ...encrypted, forwardContext: context }, [1, 2, 3], 1, []],
  ["one under a header alone is as its session is", { protect: BODY_FWD }, {}, [1, 2, 3], 1, []],
  ["one that its metadata calls clear is dropped, not decrypted", { protect: BODY_FWD }, { forwardContext: context }, undefined, 0, ["west decrypt-failure"]],
  ["one of a session that does not encrypt", { protect: Protect.openFwd }, { ...encrypted, forwardContext: context }, [9, 9, 9, 9], 0, []],
])("8.2 %s", (_name, session, tlvs, expected, runs, counted) => {
  const it = world("egress", { security: 2, ...session });
  expect([opened(it, tlvs)?.join(), it.jobs.length, it.turn.counted]).toEqual([expected?.join(), runs, counted]);
});

test("8.2 a body that the engine refuses is dropped for its reason; an empty one is left as it is", () => {
  const it = world("egress", { security: 2, protect: BODY_FWD });
  expect([opened(it, encrypted, Uint8Array.of(0xee, 1)), it.turn.counted, opened(it, encrypted, new Uint8Array(0))?.length, it.jobs.length]).toEqual([undefined, ["west replay-payload"], 0, 1]);
  const without = world("egress", { security: 2, protect: BODY_FWD }, false);
  expect([opened(without, encrypted), without.turn.counted]).toEqual([undefined, ["west no-key"]]);
});

test("8.2 the first body of a session is decrypted with the key that came with it; an empty one needs none", () => {
  const { turn } = world("egress");
  expect([firstPlain(turn, arrival(encrypted), key), firstPlain(turn, arrival(encrypted, new Uint8Array(0)), key)]).toMatchObject([{ ok: false, error: "decrypt-failure" }, { ok: true }]);
  expect(firstPlain(world("egress", {}, false).turn, arrival(encrypted), key)).toEqual({ ok: false, error: "no-key" });
});

test("7.1 packets that leave are covered as their direction is; those that came are sealed where no worker opened them", () => {
  const it = world("ingress", { security: 2, protect: Protect.sealFwd | BODY_FWD | Protect.openRev });
  expect([coverOf(it.handle, 1), coverOf(it.handle, 0)]).toEqual([{ ref: it.handle.ref, direction: 0, suite: 2 }, undefined]);
  expect([growthOf(undefined, 10), growthOf(coverOf(it.handle, 1), 10), growthOf(coverOf(it.handle, 1), 0)]).toEqual([0, 24, 0]);
  const came = (side: SideIndex, isOpened?: true): Arrival => ({ ...arrivalOf(arrival({}).punt.data), punt: { ...arrival({}).punt, session: { index: 3, side, state: it.state }, ...(isOpened && { isOpened }) } });
  expect([isSealed(came(1)), isSealed(came(1, true)), isSealed(came(0)), isSealed(arrival({}))]).toEqual([true, false, false, false]);
});

test("8.2 a body is encrypted in place, or its packet does not leave", () => {
  const it = world("ingress", { security: 2, protect: Protect.sealFwd | BODY_FWD }), data = new Uint8Array(20).fill(8);
  expect([coverBody(it.turn, coverOf(it.handle, 1), data, { at: 4, end: 8 }).ok, data.slice(3, 8).join()]).toEqual([true, "8,1,2,3,8"]);
  data[4] = 0xee;
  expect([coverBody(it.turn, coverOf(it.handle, 1), data, { at: 4, end: 8 }), coverBody(it.turn, coverOf(it.handle, 1), data, { at: 4, end: 4 }).ok, it.jobs.length]).toEqual([{ ok: false, error: "no-key" }, true, 2]);
});

test("8.2 the ingress says the key that it kept, else a new one that the store hears of first", () => {
  const it = world("ingress", { security: 2, protect: BODY_FWD });
  expect([sayableKey(it.turn, it.handle, 9).index, it.sessions.map(({ body }) => body?.keyIndex), sayableKey(it.turn, it.handle, 10).index, it.sessions.length]).toEqual([9, [9], 9, 1]);
});

test("8.2 a transit router keeps no key that it hears; tags that begin later leave a decided session decided", () => {
  const transit = world("transit", { security: 2, protect: FWD }), tls = world("egress", { security: 2, protect: 0 });
  beginProtection(transit.turn, transit.handle, key);
  expect(transit.sessions).toEqual([{ ref: transit.handle.ref, protect: FWD, peers: [peer.id, peer.id] }]);
  expect([take(tls, { uuid, iv: encrypted.iv!, security: { suite: 2, scope: 1 } }, 0), tls.state.protect]).toEqual([undefined, Protect.openFwd | Protect.sealRev]);
});

test("8.2 a segment that passes a transit router in a train is moved by its tags again; nothing else is", () => {
  const data = (position: number, length = 20): Uint8Array => Uint8Array.from({ length: 20 + length }, (_, at) => (at === 7 ? 100 : at === 21 ? position << 3 : 0));
  const seq = (passes: boolean, bytes: Uint8Array): number => { moveInTrain({ ref: undefined, direction: 0, suite: 0, ...(passes && { passes }) }, bytes, { l4: 0, body: 20 }); return bytes[6]! * 256 + bytes[7]!; };
  expect([seq(true, data(0)), seq(true, data(1)), seq(true, data(31)), seq(false, data(3)), seq(true, data(3, 8))]).toEqual([100, 116, 596, 100, 100]);
  const passing = (role: "ingress" | "transit"): unknown => coverOf(world(role, { security: 2, protect: Protect.sealFwd | Protect.encrypted }).handle, 1)?.passes;
  expect([passing("transit"), passing("ingress"), coverOf(world("transit", { protect: Protect.sealFwd }).handle, 1)?.passes]).toEqual([true, undefined, undefined]);
});

test("7.1 the store hears nothing of a session that needs nothing, or has no slot yet", () => {
  const it = world("ingress");
  beginProtection(it.turn, it.handle);
  beginProtection(it.turn, { ...it.handle, ref: undefined }, key);
  expect(it.sessions).toEqual([]);
});

test("10.4 the MSS leaves room for what protection adds", () => {
  const path = { ...tables.paths[0]!, mss: 1_360, mtu: 1_400 };
  const clamp = (security: number, protect: number, change = {}): number => clampOf({ security, protect }, { ...path, ...change });
  expect([clamp(0, 0), clamp(2, 0), clamp(2, 0, { family: 6 }), clamp(2, 0, { mss: 0 }), clamp(0, Protect.sealFwd | Protect.openRev), clamp(2, 0, { mtu: 300 })]).toEqual([1_360, 1_320, 1_300, 0, 1_344, 536]);
});
