// Who makes another payload key, who asks for one, and when it is said without a packet of a host.
import { flowSession } from "../../test/support/flows.ts";
import { configOfChain, newTurn, tablesOf } from "../../test/support/turn.ts";
import type { TestTurn } from "../../test/support/turn.ts";
import { Flag, Life, Protect } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { renewKeys } from "./lostkeys.ts";

const tables = tablesOf(configOfChain());
const key = { suite: 2, index: 0, key: new Uint8Array(32).fill(7) };

function world(session: Partial<Session> = {}, mayAsk = true): { turn: TestTurn; state: Session; renew(): number } {
  const state = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1, { security: 2, protect: Protect.encrypted | Protect.bodyFwd | Protect.sealFwd, ...session });
  const base = newTurn(tables);
  const turn = newTurn(tables, { protection: { ...base.protection, mayAsk: () => mayAsk }, find: { byArrival: () => undefined, byUuid: () => ({ index: 3, state }), ended: () => undefined } });
  for (const side of state.side) if (side.path !== 0) side.path = tables.paths[0]!.id;
  turn.protection.kept.keep(state.uuid, { ...key, key: key.key.slice() });
  return { turn, state, renew: () => { renewKeys(turn, [{ index: 3, uuid: state.uuid }]); return turn.batch.outputs.length; } };
}

test("8.2 the ingress begins another key, which the next packet of its host says", () => {
  const it = world({ seenMs: [999_001, 1] });
  expect([it.renew(), it.state.flags & Flag.fwdMeta, it.turn.protection.kept.of(it.state.uuid)]).toEqual([0, Flag.fwdMeta, undefined]);
});

test("8.2 where the host has been silent for a second the key is said at once", () => {
  const it = world({ seenMs: [999_000, 1] });
  expect(it.renew()).toBe(1);
  expect(it.turn.protection.kept.of(it.state.uuid)?.index).not.toBe(0);
});

test("8.2 other routers ask the one before them, without touching what they have", () => {
  const it = world({ role: 3, side: flowSession({ family: 4, proto: "udp", role: "egress" }, 1).side });
  it.state.side[0].path = tables.paths[0]!.id;
  expect([it.renew(), it.state.flags & Flag.fwdMeta]).toEqual([1, 0]);
});

test.each<[string, Partial<Session>, boolean]>([["that is over", { life: Life.guard }, true], ["that asked less than a second ago", {}, false]])("8.2 a session %s asks for nothing", (_name, session, mayAsk) => {
  const it = world({ seenMs: [1, 1], ...session }, mayAsk);
  expect([it.renew(), it.turn.batch.ops, it.turn.protection.kept.of(it.state.uuid)?.index]).toEqual([0, [], 0]);
});
