// The session table against a slow honest model: any sequence of operations gives the same answers and the same look-ups.
import fc from "fast-check";
import { Flag } from "../../pkg/svr/session.ts";
import type { Session, SessionSide, SideIndex } from "../../pkg/svr/session.ts";
import type { OpResult, SessionOp } from "../../pkg/ports/datapath.ts";
import { createMemoryTable } from "./memtable.ts";
import type { Table } from "../../pkg/datapath/table.ts";
import { hostSide, keyOf, peerSide, sampleSession, sampleUuid } from "./sessions.ts";

const KEYS = 6, SLOTS = 8, UUIDS = 12;

/** A session of the model: what it holds, by text. */
interface Held { uuid: string; side: [string, string]; keys: Set<string>; rests: boolean; flags: number; ended: boolean }

const textOf = (side: SessionSide): string => `${side.ifnum}/${side.remote.w3}${side.remote.w0}/${side.remotePort}`;

/** The model: a list of sessions, searched from front to end. */
class Model {
  readonly sessions: Held[] = [];

  holder(key: string): [Held, SideIndex] | undefined {
    for (const held of this.sessions) for (const side of [1, 0] as const) if (held.keys.has(key) && held.side[side] === key) return [held, side];
    return undefined;
  }

  install(uuid: string, side: [string, string], rests: boolean, flags: number): string {
    for (const own of [1, 0] as const) {
      const other = this.holder(side[own]);
      if (other !== undefined) return `exists ${other[0].uuid} ${own}`;
    }
    if (this.sessions.some((held) => held.keys.has(uuid))) return `exists ${uuid} 0`;
    if (this.sessions.filter((held) => !held.ended).length >= SLOTS || this.sessions.length >= SLOTS) return "full";
    this.sessions.push({ uuid, side, keys: new Set([...side, uuid]), rests, flags, ended: false });
    return "ok";
  }

  replace(held: Held, side: SideIndex, to: string): string {
    const other = this.holder(to);
    if (other !== undefined && (other[0] !== held || other[1] !== side)) return `exists ${other[0].uuid} ${side}`;
    held.keys.delete(held.side[side]);
    held.side[side] = to;
    held.keys.add(to);
    return "ok";
  }

  end(held: Held, now: boolean): string {
    held.ended = true;
    if (!now) return "ok";
    held.flags |= Flag.delete;
    held.keys.delete(held.side[0]);
    held.keys.delete(held.uuid);
    if (!held.rests) held.keys.delete(held.side[1]);
    return "ok";
  }
}

type Step =
  | { do: "install"; uuid: number; host: number; out: number; peer: boolean }
  | { do: "patch"; which: number; set: number; clear: number }
  | { do: "replace"; which: number; side: SideIndex; to: number }
  | { do: "end"; which: number; now: boolean };

const nat = (max: number): fc.Arbitrary<number> => fc.nat({ max: max - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("install" as const), uuid: nat(UUIDS), host: nat(KEYS), out: nat(KEYS), peer: fc.boolean() }) },
  fc.record({ do: fc.constant("patch" as const), which: nat(SLOTS), set: nat(8), clear: nat(8) }),
  fc.record({ do: fc.constant("replace" as const), which: nat(SLOTS), side: fc.constantFrom(0 as const, 1 as const), to: nat(KEYS) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("end" as const), which: nat(SLOTS), now: fc.boolean() }) },
), { maxLength: 40 });

const outSide = (n: number, peer: boolean): SessionSide => (peer ? peerSide(n) : hostSide(n, { ifnum: 3 }));
const uuidText = (uuid: Uint8Array): string => `u${new DataView(uuid.buffer, uuid.byteOffset).getUint32(12)}`;

/** Runs both sides of one test and compares. */
class Run {
  readonly table: Table = createMemoryTable(SLOTS);
  readonly model = new Model();
  readonly refs: { index: number; uuid: Uint8Array; held: Held }[] = [];

  apply(op: SessionOp): OpResult {
    return this.table.apply([op])[0] ?? { ok: false, why: "gone" };
  }

  text(result: OpResult): string {
    if (result.ok) return "ok";
    return result.why === "exists" ? `exists ${uuidText(result.other.uuid)} ${result.side}` : result.why;
  }

  install(step: Extract<Step, { do: "install" }>): void {
    const session: Session = sampleSession(step.uuid, { side: [hostSide(step.host), outSide(step.out, step.peer)], flags: 0 });
    const result = this.apply({ kind: "install", session });
    const want = this.model.install(uuidText(session.uuid), [textOf(session.side[0]), textOf(session.side[1])], step.peer, 0);
    expect(this.text(result)).toBe(want);
    const held = this.model.sessions.at(-1);
    if (result.ok && held !== undefined) this.refs.push({ index: result.index, uuid: session.uuid, held });
  }

  step(step: Step): void {
    if (step.do === "install") { this.install(step); return; }
    const ref = this.refs[step.which];
    if (ref === undefined) return;
    const { held } = ref;
    if (step.do === "patch") {
      expect(this.text(this.apply({ kind: "patch", ref, setFlags: step.set, clearFlags: step.clear }))).toBe("ok");
      held.flags = (held.flags | step.set) & ~step.clear;
    } else if (step.do === "end") {
      expect(this.text(this.apply({ kind: "end", ref, reason: 101, now: step.now }))).toBe(this.model.end(held, step.now));
    } else if (!held.ended) {
      const to = step.side === 0 ? hostSide(step.to) : outSide(step.to, held.rests);
      expect(this.text(this.apply({ kind: "replaceSide", ref, side: step.side, to }))).toBe(this.model.replace(held, step.side, textOf(to)));
    }
  }

  lookUpAll(): void {
    for (let n = 0; n < KEYS; n++) {
      for (const side of [hostSide(n), outSide(n, true), outSide(n, false)]) {
        const found = this.table.find(keyOf(side)), want = this.model.holder(textOf(side));
        expect(found && [uuidText(found.state.uuid), found.side, found.state.flags]).toEqual(want && [want[0].uuid, want[1], want[0].flags]);
      }
    }
    for (let n = 0; n < UUIDS; n++) expect(this.table.findUuid(sampleUuid(n)) !== undefined).toBe(this.model.sessions.some((held) => held.keys.has(`u${n}`)));
    const live = this.model.sessions.filter((held) => !held.ended).length;
    expect(this.table.gauges({ sessions: SLOTS, buckets: 4 })).toMatchObject({ live, slotsUsed: this.model.sessions.length });
  }
}

test("any sequence of operations gives what the model gives", () => {
  fc.assert(fc.property(steps, (sequence) => {
    const run = new Run();
    for (const step of sequence) {
      run.step(step);
      run.lookUpAll();
    }
    run.table.close();
  }), { numRuns: 300 });
});

test("every slot of a table can be used: the index never fills before the slots do", () => {
  const sessions = 1 << 15;
  const table = createMemoryTable(sessions);
  for (let first = 0; first < sessions; first += 1024) {
    const batch = Array.from({ length: 1024 }, (_, i) => ({ kind: "install" as const, session: sampleSession(first + i) }));
    expect(table.apply(batch).filter((r) => !r.ok)).toEqual([]);
  }
  for (let n = 0; n < sessions; n += 7) expect(table.find(keyOf(peerSide(n)))?.state.uuid).toEqual(sampleUuid(n));
  expect(table.apply([{ kind: "install", session: sampleSession(sessions) }])).toEqual([{ ok: false, why: "full" }]);
  table.close();
});
