// What must hold for the model whatever happens to it: no packet throws, every session keeps exactly its keys, counters add up,
// nothing that leaves is longer than it came (but for the carrier of ICMP).
import fc from "fast-check";
import { toHex } from "../base/bytes.ts";
import type { SessionOp } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";
import type { SideIndex } from "../svr/session.ts";
import { flowKinds, flowSession, ifnum, packetOn, worldConfig } from "../../test/support/flows.ts";
import { flowKeyText, sideKey } from "./model-state.ts";
import type { Model } from "./model-state.ts";
import { modelDatapath } from "./model.ts";
import type { ModelDatapath } from "./model.ts";
import type { Verdict } from "./model-verdict.ts";

const SESSIONS = 8;
const anyBytes = fc.uint8Array({ maxLength: 200 });
const anyIfnum = fc.constantFrom(...Object.values(ifnum), 99);

type Step =
  | { kind: "install" | "endNow" | "end"; n: number }
  | { kind: "packet"; n: number; side: SideIndex; flags: number; payload: Uint8Array; gsoSize: number }
  | { kind: "pass"; ms: number };

const anyN = fc.integer({ min: 1, max: SESSIONS });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("install" as const, "endNow" as const, "end" as const), n: anyN }),
  fc.record({
    kind: fc.constant("packet" as const), n: anyN, side: fc.constantFrom(0 as const, 1 as const), flags: fc.integer({ min: 0, max: 63 }),
    payload: fc.uint8Array({ maxLength: 60 }), gsoSize: fc.constantFrom(0, 0, 10),
  }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 60_000 }) }),
);

function sessionNumber(n: number): ReturnType<typeof flowSession> {
  return flowSession(flowKinds[(n * 5) % flowKinds.length]!, n);
}

/** Every live or guarded session stands under side 1, side 0 and its uuid, a resting one under side 1, and nothing else does. */
function keysOf(model: Model): { flows: string[]; uuids: string[] } {
  const flows: string[] = [], uuids: string[] = [];
  for (const session of model.slots) {
    if (session === undefined) continue;
    flows.push(flowKeyText(sideKey(session.side[1])));
    if (session.life === Life.quarantine) continue;
    flows.push(flowKeyText(sideKey(session.side[0])));
    uuids.push(toHex(session.uuid));
  }
  return { flows: flows.sort(), uuids: uuids.sort() };
}

/** Does one step; the verdict when it was a packet. */
function play(datapath: ModelDatapath, clock: { now: number }, step: Step): Verdict["kind"] | undefined {
  if (step.kind === "pass") {
    clock.now += step.ms;
    datapath.tick();
    return undefined;
  }
  const session = sessionNumber(step.n);
  if (step.kind === "packet") {
    const { ifnum: number, vlan } = session.side[step.side];
    return datapath.receive(number, vlan, packetOn(session, step.side, step), { gsoSize: step.gsoSize }).kind;
  }
  const shard = datapath.shard(0);
  const found = shard.findUuid(session.uuid);
  const end: SessionOp = { kind: "end", ref: { index: found?.index ?? 0, uuid: session.uuid }, reason: 101, now: step.kind === "endNow" };
  shard.apply([step.kind === "install" ? { kind: "install", session: { ...session, seenMs: [clock.now, 0], sinceMs: clock.now } } : end]);
  if (step.kind === "endNow") datapath.tick();
  return undefined;
}

test("sessions keep exactly their keys, packets are all accounted for", () => {
  fc.assert(fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
    const clock = { now: 1_000 };
    const datapath = modelDatapath({ nowMs: () => clock.now, sessionLimit: 6 });
    datapath.program(worldConfig());
    const verdicts = { out: 0, punt: 0, drop: 0, pass: 0, protect: 0 };
    for (const step of steps) {
      const kind = play(datapath, clock, step);
      if (kind !== undefined) verdicts[kind] += 1;
      const keys = keysOf(datapath.model);
      expect([...datapath.model.flows.keys()].sort()).toEqual(keys.flows);
      expect([...datapath.model.uuids.keys()].sort()).toEqual(keys.uuids);
    }
    const { drops, interfaces } = datapath.counters();
    const received = Object.values(interfaces).reduce((sum, count) => sum + count.rxPackets, 0n);
    const out = Object.values(interfaces).reduce((sum, count) => sum + count.txPackets, 0n);
    const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0n);
    expect([datapath.sent.length, datapath.shard(0).drain(1_000, 0).length, dropped]).toEqual([verdicts.out, verdicts.punt, BigInt(verdicts.drop)]);
    expect(out).toBeLessThanOrEqual(received);
  }), { numRuns: 300 });
});

test("records tell each life in order: start, then interim, then one end, then at most one release", () => {
  fc.assert(fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
    const clock = { now: 1_000 };
    const datapath = modelDatapath({ nowMs: () => clock.now });
    datapath.program(worldConfig());
    for (const step of steps) play(datapath, clock, step);
    const lives = new Map<number, string>();
    for (const { index, type } of datapath.records(10_000)) lives.set(index, `${lives.get(index) ?? ""}${type[0]}`);
    for (const life of lives.values()) expect(life).toMatch(/^(si*er?)*(si*)?$/);
  }), { numRuns: 300 });
});

test("W-6 no packet throws, and nothing but an established session lets one out", () => {
  fc.assert(fc.property(anyBytes, anyIfnum, fc.integer({ min: 0, max: 3000 }), (data, number, gsoSize) => {
    const datapath = modelDatapath({ nowMs: () => 1 });
    datapath.program(worldConfig());
    const verdict = datapath.receive(number, 0, data, { gsoSize });
    expect(["pass", "drop", "punt"]).toContain(verdict.kind);
    expect(datapath.sent).toEqual([]);
  }), { numRuns: 2_000 });
});

test("W-6 a mutated packet of a session never throws", () => {
  const anyEdit = fc.array(fc.tuple(fc.nat(80), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  fc.assert(fc.property(anyN, fc.constantFrom(0 as const, 1 as const), anyEdit, fc.nat(100), (n, side, edits, cut) => {
    const datapath = modelDatapath({ nowMs: () => 1 });
    datapath.program(worldConfig());
    const session = sessionNumber(n);
    datapath.shard(0).apply([{ kind: "install", session }]);
    const data = packetOn(session, side, { payload: new Uint8Array(20) });
    for (const [at, value] of edits) data[at] = value;
    const verdict = datapath.receive(session.side[side].ifnum, session.side[side].vlan, data.subarray(0, Math.max(0, data.length + 20 - cut)));
    expect(datapath.sent).toHaveLength(verdict.kind === "out" ? 1 : 0);
  }), { numRuns: 2_000 });
});
