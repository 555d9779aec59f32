// Recovery by inactivity: a router that sends and hears nothing asks its peer whether it still knows the session (protocol 6.7, L-6).
import type { IpFamily } from "../../pkg/base/address.ts";
import { ifnumOf } from "./config.ts";
import type { LabService } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { bodyOf, content, endsOf, everything, hasMetadata, readWire, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const cases = families.flatMap((family) => chains.map((names) => [family, names] as const));
const LIMIT = 5_000;
const patient = { ...everything, idleMs: 180_000 };
const asking = { ...patient, asksHealth: true };

function checksOf(lab: Lab, index: number): Record<string, number> {
  const kinds = lab.routers[index]!.counters().map(({ healthChecks }) => healthChecks);
  return Object.fromEntries(Object.entries(kinds[0]!).filter(([, count]) => count > 0));
}

describe.each(cases)("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);
  const last = names.length - 1;

  /** A query and its answer, then quiet on all segments. */
  function quiet(services: LabService[] = [asking]): Lab {
    const lab = createLab(names, { services });
    for (let turn = 0; turn < 2; turn++) {
      lab.fromLeft(udpUp(ends, content(10, turn)));
      lab.run();
      lab.fromRight(udpDown(ends, content(20, turn)));
      lab.run();
    }
    for (const list of [lab.wires, lab.left, lab.right]) list.length = 0;
    return lab;
  }

  function up(lab: Lab, seed: number): void {
    lab.fromLeft(udpUp(ends, content(10, seed)));
    lab.run();
  }

  const asked = (lab: Lab): (number | undefined)[] => lab.wires.filter((wire) => wire.forward && wire.link === 0).map((wire) => (hasMetadata(wire) ? readWire(lab, wire)?.healthCheck : undefined));
  const answers = (lab: Lab): (number | undefined)[] => lab.wires.filter((wire) => !wire.forward && wire.link === 0 && hasMetadata(wire)).map((wire) => readWire(lab, wire)?.control);

  test("the packet after five silent seconds asks, the peer answers code 8, the host gets the body alone", () => {
    const lab = quiet();
    lab.wait(LIMIT - 100);
    up(lab, 2);
    lab.wait(100);
    up(lab, 3);
    up(lab, 4);
    expect([asked(lab), answers(lab)]).toEqual([[undefined, 1, undefined], [8]]);
    expect(lab.right.map(bodyOf)).toEqual([2, 3, 4].map((seed) => content(10, seed)));
    expect([checksOf(lab, 0), checksOf(lab, last)]).toEqual([{ sent: 1, exists: 1 }, { received: 1 }]);
    expect(lab.routers.map((router) => router.live().map((session) => session.packets))).toEqual(names.map(() => [[5n, 2n]]));
  });

  test("reverse packets ask as well", () => {
    const lab = quiet();
    lab.wait(LIMIT);
    lab.fromRight(udpDown(ends, content(20, 9)));
    lab.run();
    const back = lab.wires.filter((wire) => !wire.forward && wire.link === last - 1);
    expect(back.map((wire) => readWire(lab, wire)?.healthCheck)).toEqual([1]);
    expect([lab.left.map(bodyOf), checksOf(lab, last)]).toEqual([[content(20, 9)], { sent: 1, exists: 1 }]);
  });

  test("without the policy nobody asks", () => {
    const lab = quiet([patient]);
    lab.wait(10 * LIMIT);
    up(lab, 5);
    expect([asked(lab), checksOf(lab, 0)]).toEqual([[undefined], {}]);
  });

  test("L-6 with inactivity mode: the far router lost everything, and the question gets code 2 and rebuilds the session with its UUID", () => {
    const lab = quiet();
    const uuid = lab.routers[0]!.live()[0]!.uuid;
    lab.onWire = (wire) => (wire.forward && wire.link === 0 && !hasMetadata(wire) ? undefined : wire.data); // what is plain is lost meanwhile
    lab.restart(1);
    lab.wait(LIMIT - 1000);
    up(lab, 6);
    expect(lab.right).toEqual([]);
    lab.wait(1000);
    up(lab, 7);
    expect([asked(lab).at(-1), answers(lab)]).toEqual([1, [2]]);
    up(lab, 8);
    expect(lab.right.map(bodyOf)).toEqual([content(10, 8)]);
    expect(lab.routers[1]!.live().map((session) => session.uuid)).toEqual([uuid]);
  });

  test("a peer that does not answer is asked four times, a second apart; then the session is announced anew", () => {
    const lab = quiet();
    lab.onWire = (wire) => (wire.forward ? wire.data : undefined);
    lab.wait(LIMIT);
    for (let turn = 0; turn < 5; turn++) {
      up(lab, turn);
      up(lab, turn);
      lab.wait(1000);
    }
    expect(asked(lab)).toEqual([1, undefined, 2, undefined, 2, undefined, 2, undefined, undefined, undefined]);
    expect(checksOf(lab, 0)).toEqual({ sent: 4, timeout: 1 });
    expect(readWire(lab, lab.wires.filter((wire) => wire.link === 0).at(-1)!)?.forwardContext).toBeDefined();
    lab.onWire = (wire) => wire.data;
    up(lab, 6);
    lab.fromRight(udpDown(ends, content(20, 7)));
    lab.run();
    expect(lab.left.map(bodyOf)).toEqual([content(20, 7)]);
  });

  test("an answer that nobody waits for is stale and restarts nothing", () => {
    const lab = quiet();
    const held: Uint8Array[] = [];
    lab.onWire = (wire) => {
      if (wire.forward || wire.link !== 0 || !hasMetadata(wire)) return wire.data;
      held.push(wire.data);
      return undefined;
    };
    lab.wait(LIMIT);
    up(lab, 1);
    lab.wait(600);
    lab.fromRight(udpDown(ends, content(20, 3))); // the silence is over
    lab.run();
    lab.onWire = (wire) => wire.data;
    const seen = lab.routers[0]!.live()[0]!.seenMs;
    lab.wait(300);
    lab.inject(0, ifnumOf.right, held[0]!);
    lab.run();
    expect([lab.routers[0]!.live()[0]!.seenMs, lab.left.map(bodyOf)]).toEqual([seen, [content(20, 3)]]);
    expect(checksOf(lab, 0)).toEqual({ sent: 1, stale: 1 });
  });
});
