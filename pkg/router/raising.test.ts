// Live sessions under a policy that asks for more: what the ingress does, and what it leaves to others.
import { flowSession } from "../../test/support/flows.ts";
import { configOfChain, newTurn, tablesOf } from "../../test/support/turn.ts";
import type { TestTurn } from "../../test/support/turn.ts";
import { everything } from "../../test/lab/packets.ts";
import type { RouterConfig, SecurityConfig } from "../plan/config.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Flag, Life, Protect } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import type { ProtectTools } from "./protection.ts";
import { raise } from "./raising.ts";

const GCM: SecurityConfig = { suite: 2, everyPacket: false, adaptive: false, rotationMs: 0 }, TAGS: SecurityConfig = { ...GCM, suite: 0, everyPacket: true };

interface World { turn: TestTurn; state: Session; told: { keys: number; bodies: number }; raise(): number }

/** A live clear session of the left router toward the right one. */
function world(security: SecurityConfig | undefined, change: (config: RouterConfig) => void = () => undefined, session: Partial<Session> = {}): World {
  const config = configOfChain({ services: [{ ...everything, allow: ["corp"] }], tenants: ["corp"] });
  for (const one of config.services) if (security !== undefined) one.security = security;
  change(config);
  const tables = tablesOf(config), told = { keys: 0, bodies: 0 };
  const state = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1, session);
  state.tenant = tables.tenantId("corp") ?? 0;
  state.side[1].path = tables.paths[0]!.id;
  const tools = { keys: { session: ({ body }: { body?: unknown }) => { told.keys++; if (body !== undefined) told.bodies++; }, peer: () => undefined, end: () => true }, hkdf: { expand: (_key: Uint8Array, _info: Uint8Array, bytes: number) => new Uint8Array(bytes) } } as unknown as ProtectTools;
  const base = newTurn(tables);
  const turn = newTurn(tables, { protection: { ...base.protection, tools }, find: { byArrival: () => undefined, byUuid: () => ({ index: 3, state }), ended: () => undefined } });
  return { turn, state, told, raise: () => { raise(turn, [{ index: 3, uuid: state.uuid }]); return turn.batch.outputs.length; } };
}

test("1.2 a clear session is encrypted from its next packet on, says so at once with a key, and hears the other direction as before", () => {
  const it = world(GCM);
  it.raise();
  expect([it.state.protect, it.state.security, it.state.flags & Flag.fwdMeta]).toEqual([Protect.sealFwd | Protect.bodyFwd | Protect.encrypted, 2, Flag.fwdMeta]);
  expect([it.turn.batch.outputs.length, it.turn.protection.kept.of(it.state.uuid)?.suite, it.told.bodies > 0]).toEqual([1, 2, true]);
  expect(it.turn.batch.ops).toMatchObject([{ kind: "patch", setProtect: it.state.protect, fields: { security: 2 }, setFlags: Flag.fwdMeta | Flag.revSlow }]);
});

test("1.2 a session under a policy that wants tags only has no key", () => {
  const it = world(TAGS);
  it.raise();
  expect([it.state.protect, it.state.security, it.turn.batch.outputs.length, it.turn.protection.kept.of(it.state.uuid), it.told.bodies]).toEqual([Protect.sealFwd, 0, 1, undefined, 0]);
});

test.each<[string, Partial<Session>, SecurityConfig | undefined]>([
  ["that began elsewhere", { role: 3 }, GCM], ["at a transit router", { role: 2 }, GCM], ["that is over", { life: Life.guard }, GCM], ["of a service that asks for nothing", {}, undefined],
  ["that is encrypted", { security: 2, protect: 0x1ff & ~Protect.watch }, GCM],
])("1.2 a session %s is left as it is", (_name, session, security) => {
  const it = world(security, undefined, session), before = structuredClone(it.state);
  expect([it.raise(), it.turn.batch.ops, it.state]).toEqual([0, [], before]);
});

test.each([["tagged", Protect.sealFwd | Protect.openRev, 0], ["of TLS, and tagged", Protect.sealFwd | Protect.openRev, 2]])("1.2 a session that is %s cannot be encrypted on its way: it ends by policy", (_name, protect, security) => {
  const it = world(GCM, undefined, { protect, security });
  it.raise();
  expect([it.turn.batch.ops.find(({ kind }) => kind === "end"), it.state.protect]).toEqual([expect.objectContaining({ reason: reasonNumber("policy") }), protect]);
});

test("1.2 one that waits for the other direction says it once more", () => {
  const it = world(GCM, undefined, { security: 2, protect: Protect.sealFwd | Protect.bodyFwd | Protect.encrypted });
  expect([it.raise(), it.state.life]).toEqual([1, Life.live]);
});

test.each<[string, (config: RouterConfig) => void]>([
  ["whose metadata is clear", (config) => { for (const peer of config.peers) peer.metadataEncryption.enabled = false; }],
  ["without tags", (config) => { for (const peer of config.peers) peer.hmac.mode = "Disabled"; }],
])("1.2 no key goes to a peer %s: the session ends by policy", (_name, change) => {
  const it = world(GCM, change);
  it.raise();
  expect([it.turn.batch.ops.find(({ kind }) => kind === "end"), it.state.protect, it.turn.protection.kept.of(it.state.uuid)]).toEqual([expect.objectContaining({ reason: reasonNumber("policy") }), 0, undefined]);
});

test("1.2 a session that nobody may open any more is raised by nobody", () => {
  const it = world(GCM, (config) => { config.services = []; });
  expect([it.raise(), it.turn.batch.ops]).toEqual([0, []]);
});
