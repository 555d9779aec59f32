// Protected sessions in the model: what goes to a protect worker, what it brings back. The differential fuzz compares the rest with eBPF.
import { worldConfig, flowSession, packetOn } from "../../test/support/flows.ts";
import { Protect } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { modelDatapath } from "./model.ts";
import type { ModelDatapath } from "./model.ts";

interface It { datapath: ModelDatapath; session: Session; run(side: 0 | 1): string }

function start(protect: number, options: { protectLimit?: number } = {}): It {
  const datapath = modelDatapath({ nowMs: () => 5_000, ...options });
  datapath.program(worldConfig());
  const session = flowSession({ family: 4, proto: "udp", role: "ingress" }, 1, { protect });
  datapath.shard(0).apply([{ kind: "install", session }]);
  const run = (side: 0 | 1): string => {
    const verdict = datapath.receive(session.side[side].ifnum, session.side[side].vlan, packetOn(session, side, { payload: new Uint8Array(9) }));
    return verdict.kind === "drop" ? verdict.reason : verdict.kind;
  };
  return { datapath, session, run };
}

test("a packet that is to be sealed waits for the worker, and leaves when it comes back", () => {
  const it = start(Protect.sealFwd);
  expect([it.run(0), it.run(1)]).toEqual(["protect", "out"]);
  const [record] = it.datapath.protected;
  expect(record).toMatchObject({ cause: 13, index: 0, side: 0, nexthop: it.session.side[1].nexthop, gsoSize: 0 });
  const data = new Uint8Array([...record!.data, 1, 2, 3]);
  expect(it.datapath.sealed({ index: 0, side: 0, data })).toBe(true);
  expect(it.datapath.sent.at(-1)).toMatchObject({ nexthop: it.session.side[1].nexthop, data });
});

test("a packet that comes sealed is opened by the worker and goes on", () => {
  const it = start(Protect.openRev);
  expect([it.run(0), it.run(1)]).toEqual(["out", "protect"]);
  const [record] = it.datapath.protected;
  expect(record).toMatchObject({ cause: 12, index: 0, side: 1, nexthop: 0 });
  expect(it.datapath.opened({ index: 0, side: 1, data: record!.data }).kind).toBe("out");
});

test("what is of no session any more is dropped, and what finds the worker behind", () => {
  const it = start(Protect.sealFwd | Protect.openRev, { protectLimit: 1 });
  expect([it.run(0), it.run(0), it.run(1)]).toEqual(["protect", "protect-full", "protect-full"]);
  const data = packetOn(it.session, 1, {});
  expect([it.datapath.opened({ index: 0, side: 0, data }), it.datapath.opened({ index: 7, side: 1, data })]).toEqual(Array(2).fill({ kind: "drop", reason: "no-flow" }));
  expect(it.datapath.sealed({ index: 7, side: 0, data })).toBe(false);
  expect(it.datapath.counters().drops).toMatchObject({ "protect-full": 2n, "no-flow": 3n });
});
