// W-13 and RB-27: metadata without a user's body, alone or with path metrics, is read and ends at the router: no host sees it, no
// counter of the session has it, and nothing counts as lost. What is first of a session does the same.
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { authentic, backwards, content, endsOf, everything, readWire, udpDown, udpUp } from "./packets.ts";

const ends = endsOf(4);
const metrics = (drop: boolean): Metadata["pathMetrics"] => ({ txColour: 1, txTime: 5, rxColour: 2, rxTime: 4, drop, previousCount: 3 });

function opened(names: string[]): Lab {
  const lab = createLab(names, { services: [everything, backwards] });
  for (let round = 0; round < 3; round++) {
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    lab.fromRight(udpDown(ends, content(9)));
    lab.run();
  }
  return lab;
}

const counts = (lab: Lab): unknown => lab.routers.map((router) => [router.live().map(({ packets, bytes, seenMs }) => [packets, bytes, seenMs].map(String)), router.drops()]);

describe.each([[["east", "west"]], [["branch", "transit", "cloud"]]])("through %j", (names) => {
  test.each([["path metrics", { pathMetrics: metrics(true) }], ["keep-alive", { control: 1 }], ["unknown", { control: 0 }], ["session exists", { control: 8 }]] as const)("W-13 RB-27 %s alone: both ways, on a session that is known", (_desc, tlvs) => {
    const lab = opened(names);
    const before = [counts(lab), lab.right.length, lab.left.length];
    const { data } = lab.wires[0]!;
    lab.wires.length = 0;
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs }));
    lab.inject(0, ifnumOf.right, authentic(lab, { link: 0, forward: false, like: data, tlvs }));
    lab.run();
    expect([counts(lab), lab.right.length, lab.left.length, lab.wires.length]).toEqual([...before, 0]);
  });

  test("9.5 metrics beside a body: the body goes on and is counted", () => {
    const lab = opened(names);
    const { data } = lab.wires[0]!;
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { pathMetrics: metrics(false) }, body: content(33) }));
    lab.run();
    expect([lab.right.length, lab.routers[1]!.live().map((session) => session.packets)]).toEqual([4, [[4n, 3n]]]);
  });

  test("W-13 full metadata with metrics and no body opens the session, and no host hears of it", () => {
    const lab = createLab(names, { services: [everything] });
    lab.onWire = () => undefined;
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    lab.onWire = (wire) => wire.data;
    const [wire] = lab.wires.splice(0);
    const tlvs = { ...readWire(lab, wire!)!, iv: undefined, pathMetrics: metrics(true) };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: wire!.data, tlvs }));
    lab.run();
    expect([lab.right.length, lab.routers[1]!.live().map((session) => session.packets), lab.routers[1]!.drops()]).toEqual([0, [[0n, 0n]], {}]);
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    expect(lab.right.length).toBe(1);
  });
});
