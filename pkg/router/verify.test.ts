// Verification with a data plane and shards made up: each kind of fault is told, in its own words, and what does not last is not.
import type { TableFault, TableFaultKind, TableLook } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";
import { waypointPair } from "../svr/waypoint.ts";
import { verifyTables } from "./verify.ts";
import type { VerifyParts } from "./verify.ts";
import { faultText } from "./verifytext.ts";

const PATH = { id: 7, name: "west/a", pairs: 64 };
const calm = { slotsUsed: 3, live: 2, halfOpen: 1, quarantined: 1 };
const look = (change: Partial<TableLook> = {}): TableLook => ({ faults: [], holds: [], entries: 9, found: calm, ...change });
const fault = (kind: TableFaultKind, change: Partial<TableFault> = {}): TableFault => ({ kind, at: 4, slot: 4, life: Life.live, mark: "m", ...change });

interface World { told?: Partial<typeof calm>; looks?: (() => TableLook); used?: number[]; sweeping?: boolean }

/** A router that is consistent but for what is given. */
async function verified({ told = {}, looks = () => look(), used = [], sweeping = true }: World) {
  let sweeps = 0, now = 0;
  const parts: VerifyParts = {
    datapath: {
      verify: () => looks(),
      gauges: () => ({ ...calm, ...told, highWater: 5, recordsLost: 0, sweeps: sweeping ? ++sweeps : 0, sessionLimit: 64, flowEntries: 9, flowLimit: 256 }),
    },
    paths: [PATH], pace: { piece: (work) => Promise.resolve(work()) }, nowMs: () => now, pause: (ms) => { now += ms; return Promise.resolve(); },
    questions: { shards: 1, ask: () => Promise.resolve({ kind: "pairs", pairs: { used: used.map((number) => waypointPair(number)), size: PATH.pairs } }) },
  };
  return verifyTables(parts);
}
const hold = (number: number, resting = false) => ({ path: PATH.id, ...waypointPair(number), resting });

describe("svrctl verify", () => {
  test("what fits is consistent: used, resting and free pairs are the pool (RB-3)", async () => {
    const view = await verified({ used: [0, 1, 2], looks: () => look({ holds: [hold(0), hold(1), hold(2, true)] }) });
    expect(view).toMatchObject({ ok: true, faults: [], more: 0, pools: [{ path: "west/a", used: 2, resting: 1, free: 61, moving: 0, size: 64 }] });
  });

  test.each([["slotsUsed", "slots in use"], ["live", "live sessions"], ["halfOpen", "half-open sessions"], ["quarantined", "sessions at rest"]] as const)("gauge: %s that tells too many, or too few", async (name, object) => {
    for (const by of [2, -1]) {
      const { faults } = await verified({ told: { [name]: calm[name] + by } });
      expect(faults).toEqual([{ kind: "gauge", object, text: `${Math.abs(by)} too ${by > 0 ? "many" : "few"} are told` }]);
    }
  });

  test("sweeper: it finishes no walk", async () => {
    const { ok, faults } = await verified({ sweeping: false });
    expect([ok, faults.map((one) => [one.kind, one.object])]).toEqual([false, [["sweeper", "the sweeper"]]]);
  });

  test("leaked-pair: in use by no session; unowned-pair: of a session, and free", async () => {
    const { faults } = await verified({ used: [0, 1], looks: () => look({ holds: [hold(0), hold(5)] }) });
    const text = (number: number): string => { const { local, remote } = waypointPair(number); return `west/a ${local}/${remote}`; };
    expect(faults.map((one) => [one.kind, one.object])).toEqual([["leaked-pair", text(1)], ["unowned-pair", text(5)]]);
  });

  const kinds: TableFaultKind[] = ["stale-entry", "unfinished-entry", "double-entry", "missing-entry", "shadowed", "stuck", "life", "unswept"];
  test.each(kinds)("%s that stands still is told, one that goes is not", async (kind) => {
    const lasting = await verified({ looks: () => look({ faults: [fault(kind)] }) });
    expect([lasting.ok, lasting.faults.map((one) => [one.kind, one.object])]).toEqual([false, [[kind, "slot 4"]]]);
    let looks = 0;
    expect(await verified({ looks: () => look({ faults: looks++ === 0 ? [fault(kind)] : [] }) })).toMatchObject({ ok: true, faults: [] });
    let marks = 0;
    expect(await verified({ looks: () => look({ faults: [fault(kind, { mark: String(marks++) })] }) })).toMatchObject({ ok: true, faults: [] });
  });

  test("every kind has words of its own, with the key and the place that it is about", () => {
    const texts = kinds.map((kind) => faultText(fault(kind, { key: "uuid" })).text);
    expect(new Set(texts).size).toBe(kinds.length);
    expect(texts.filter((text) => text.includes("uuid")).length).toBe(3); // double, missing, shadowed
    const { slot: _slot, ...place } = fault("stale-entry");
    expect(faultText(place)).toMatchObject({ object: "place 4 of the flow index", text: "an entry names a slot that there is not" });
    expect(faultText(fault("life", { life: 9 })).text).toContain("state 9");
  });
});
