// What a peer says or leaves out: the key id where none is due, an empty header of a flow that nobody knows, the idle time that
// remains (protocol 3.4, 4 TLV 16 and 42, 6.2, 6.4).
import type { IpFamily } from "../../pkg/base/address.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import type { SessionContext } from "../../pkg/svr/session.ts";
import { ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { authentic, bodyOf, content, endsOf, everything, hasMetadata, headerOf, readWire, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const cookie = Uint8Array.of(0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c, 0x78);

describe.each(families)("IPv%i", (family) => {
  const ends = endsOf(family);

  /** A session that is quiet in both directions. */
  function established(names = ["east", "west"]): Lab {
    const lab = createLab(names, { services: [everything] });
    for (let round = 0; round < 3; round++) {
      lab.fromLeft(udpUp(ends, content(10)));
      lab.run();
      lab.fromRight(udpDown(ends, content(10)));
      lab.run();
    }
    expect(lab.wires.slice(-2).some(hasMetadata)).toBe(false);
    forget(lab);
    return lab;
  }

  function forget(lab: Lab): void {
    for (const list of [lab.wires, lab.left, lab.right]) list.length = 0;
  }

  /** A first packet that was lost, and what it said. */
  function first(mode: "TimeBased" | "Disabled"): { lab: Lab; data: Uint8Array } {
    const lab = createLab(["east", "west"], { services: [everything], mode, suite: "off" });
    lab.onWire = () => undefined;
    lab.fromLeft(udpUp(ends, content(20)));
    lab.run();
    lab.onWire = (wire) => wire.data;
    return { lab, data: lab.wires.splice(0)[0]!.data };
  }

  test.each([["Disabled", {}, 1], ["TimeBased", { "metadata-incomplete": 1 }, 0]] as const)("4 forward metadata without TLV 16, HMAC %s", (mode, drops, sessions) => {
    const { lab, data } = first(mode);
    const wire = { link: 0, forward: true, like: data, suite: 0, mode: mode === "Disabled" ? "disabled" : "time-based" } as const;
    const tlvs = { forwardContext: contextOf(), uuid: Uint8Array.from({ length: 16 }, (_, at) => at + 1), tenant: "corp", service: "shop/all", sourceRouter: "east", keyId: undefined };
    for (let repeat = 0; repeat < (sessions === 0 ? 1 : 2); repeat++) lab.inject(1, ifnumOf.left, authentic(lab, { ...wire, tlvs, body: content(20) }));
    lab.run();
    expect([lab.routers[1]!.live().length, lab.routers[1]!.drops(), lab.right.length]).toEqual([sessions, drops, 2 * sessions]);
    lab.fromRight(udpDown(ends, content(5)));
    lab.run();
    expect(lab.wires.filter((one) => !one.forward).map((one) => headerOf(one).metadata.keyId !== undefined)).toEqual(sessions === 0 ? [] : [true]);
  });

  function contextOf(): SessionContext {
    return { source: ends.client, destination: ends.server, sourcePort: 40000, destinationPort: 53, proto: 17, family };
  }

  test("6.2 header-only metadata of a known flow without TLV 16 is incomplete", () => {
    const lab = established();
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    const like = lab.wires[0]!.data;
    forget(lab);
    const metrics = { pathMetrics: { txColour: 1, txTime: 1, rxColour: 1, rxTime: 1, drop: false, previousCount: 0 } };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like, tlvs: { ...metrics, keyId: undefined }, body: content(7) }));
    lab.run();
    expect([lab.right.length, lab.routers[1]!.drops()]).toEqual([0, { "metadata-incomplete": 1 }]);
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like, tlvs: metrics, body: content(7) }));
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(7))]);
  });

  test("L-5 W-4 state lost under a stream whose bodies all start with the cookie: code 2 all the same", () => {
    const lab = established();
    lab.restart(1);
    lab.fromLeft(udpUp(ends, cookie));
    lab.run();
    expect(lab.wires.filter((wire) => !wire.forward).map((wire) => readWire(lab, wire)?.control)).toEqual([2]);
    lab.fromLeft(udpUp(ends, cookie));
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(cookie)]);
  });

  test("6.4 metadata that code 2 asked for says the idle time that remains, in both directions", () => {
    const lab = established();
    for (const forward of [true, false]) {
      (forward ? lab.fromLeft : lab.fromRight).call(lab, forward ? udpUp(ends, content(10)) : udpDown(ends, content(10)));
      lab.run();
      const like = lab.wires[0]!.data;
      forget(lab);
      lab.inject(forward ? 0 : 1, forward ? ifnumOf.right : ifnumOf.left, authentic(lab, { link: 0, forward: !forward, like, tlvs: { control: 2 } }));
      lab.run();
      (forward ? lab.fromLeft : lab.fromRight).call(lab, forward ? udpUp(ends, content(10)) : udpDown(ends, content(10)));
      lab.run();
      expect([forward, ...lab.wires.map((wire) => readWire(lab, wire)?.remainingSeconds)]).toEqual([forward, 5]);
      forget(lab);
    }
  });
});
