// One session as the admin API shows it: flows as received, metadata states, idle time across the wrap of the clock, its end.
import { Flag, Life, Role } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { hostSide, peerSide, sampleSession } from "../../test/ports/sessions.ts";
import type { RecordSource } from "./records.ts";
import { sessionView } from "./sessionview.ts";

const wrap = 2 ** 32;
const source: RecordSource = {
  router: "branch", boot: "b1", clock: { monotonicMs: () => wrap + 500, unixMs: () => 1_767_225_600_000 }, nameOf: (id) => `path/transit/${id}`, interfaceName: (ifnum) => `if${ifnum}`,
};

function view(change: Partial<Session>): ReturnType<typeof sessionView> {
  return sessionView(source, sampleSession(1, { createdMs: wrap - 60_000, seenMs: [wrap - 1_000, 0], ...change }));
}

test("both flows, as received, with their counts", () => {
  expect(view({ flags: Flag.revMeta }).flows).toEqual([
    { direction: "forward", interface: "if1", vlan: 0, protocol: 6, source: "10.0.0.1:1025", destination: "10.99.0.1:443", fast: true, packets: 18, bytes: 2 ** 40 },
    { direction: "reverse", interface: "if2", vlan: 7, protocol: 6, source: "[2001:db8::]:16387", destination: "[2001:db8::ffff:ffff]:16386", fast: false, packets: 19, bytes: 21 },
  ]);
});

test.each([
  [0, [true, true]], [Flag.fwdMeta, [false, true]], [Flag.fwdSlow, [false, true]], [Flag.revMeta, [true, false]], [Flag.revSlow, [true, false]],
])("flags %p: fast forward and reverse are %p", (flags, fast) => {
  expect(view({ flags }).flows.map((flow) => flow.fast)).toEqual(fast);
});

test.each<[string, Session["side"], number, object]>([
  ["ingress", [hostSide(1), peerSide(1)], Flag.fwdMeta, { downstream: "I-META" }],
  ["ingress, quiet", [hostSide(1), peerSide(1)], 0, { downstream: "I-QUIET" }],
  ["egress", [peerSide(1), hostSide(1)], Flag.revMeta, { upstream: "R-META" }],
  ["transit", [peerSide(1), peerSide(2)], Flag.revMeta, { upstream: "R-META", downstream: "I-QUIET" }],
  ["single", [hostSide(1), hostSide(2)], Flag.fwdMeta | Flag.revMeta, {}],
])("metadata states: %s", (_name, side, flags, states) => {
  const { upstream, downstream } = view({ side, flags, role: Role.transit });
  expect({ ...(upstream && { upstream }), ...(downstream && { downstream }) }).toEqual(states);
});

test.each<[string, [number, number], number]>([
  ["one side heard before the 32-bit clock wrapped", [wrap - 1_000, 0], 1_500],
  ["the side heard last counts", [wrap - 1_000, 200], 300],
  ["nothing heard yet: since it began", [0, 0], 60_500],
])("idle: %s", (_name, seenMs, idle) => {
  expect(view({ seenMs }).idle).toBe(idle);
});

test("life, and why it ended", () => {
  expect(view({ life: Life.live })).toMatchObject({ life: "live", router: "branch", duration: 60_500 });
  expect(view({ life: Life.live })).not.toHaveProperty("endReason");
  expect(view({ life: Life.guard, endReason: 96 })).toMatchObject({ life: "guard", endReason: "fin" });
});
