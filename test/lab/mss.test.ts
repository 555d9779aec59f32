// M-3: the MSS option of SYN and SYN-ACK after the routers saw it (protocol 10.4), and that what it promises is never cut.
import type { IpFamily } from "../../pkg/base/address.ts";
import { readMss } from "../../pkg/svr/tcp.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, SYN, content, endsOf, everything, hasMetadata, parsed, tcpDown, tcpUp } from "./packets.ts";

const names = ["branch", "transit", "cloud"];
const families: readonly IpFamily[] = [4, 6];
const headers = { 4: 40, 6: 60 } as const;

/** MSS of SYN at the server and of SYN-ACK at the client. */
function agreed(lab: Lab, family: IpFamily, offered: number): number[] {
  const ends = endsOf(family);
  lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN, mss: offered }));
  lab.run();
  lab.fromRight(tcpDown(ends, { seq: 5000, ack: 1001, flags: SYN | ACK, mss: offered }));
  lab.run();
  lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK }));
  lab.run();
  return [lab.right[0], lab.left[0]].map((data) => readMss(parsed(data).data, parsed(data).l4));
}

function withClamp(lab: Lab, mssClamp: RouterConfig["mssClamp"]): Lab {
  lab.routers.forEach((router, index) => {
    router.config.mssClamp = mssClamp;
    lab.reconfigure(index);
  });
  return lab;
}

describe.each(families)("IPv%i", (family) => {
  test.each<{ desc: string; mtus: number[]; offered: number; mss: number }>([
    { desc: "the path of all routers", mtus: [1400, 1400, 1400], offered: 1460, mss: 1400 - headers[family] },
    { desc: "the smallest path in the middle", mtus: [1500, 1300, 1500], offered: 1460, mss: 1300 - headers[family] },
    { desc: "the smallest path at the end", mtus: [1500, 1500, 1280], offered: 1460, mss: 1280 - headers[family] },
    { desc: "never raised", mtus: [1500, 1500, 1500], offered: 1000, mss: 1000 },
    { desc: "a host with less than the floor keeps it", mtus: [1400, 1400, 1400], offered: 500, mss: 500 },
    { desc: "jumbo links", mtus: [9000, 9000, 9000], offered: 8960, mss: 8960 - (family === 6 ? 20 : 0) },
  ])("M-3 $desc", ({ mtus, offered, mss }) => {
    expect(agreed(createLab(names, { services: [everything], lanMtu: 9216 }, (index) => ({ mtu: mtus[index]! })), family, offered)).toEqual([mss, mss]);
  });

  test("M-3 off, a number, and a number below the floor", () => {
    const lab = (mssClamp: RouterConfig["mssClamp"]): number[] => agreed(withClamp(createLab(names, { services: [everything], mtu: 1400, lanMtu: 1500 }), mssClamp), family, 1460);
    expect([lab("None"), lab(1200), lab(300)]).toEqual([[1460, 1460], [1200, 1200], [536, 536]]);
  });

  test("M-3 segments of the agreed size cross without a fragment and without a byte more", () => {
    const lab = createLab(names, { services: [everything], mtu: 1400, lanMtu: 1500 });
    const ends = endsOf(family);
    const [mss] = agreed(lab, family, 1460) as [number];
    lab.wires.length = lab.right.length = 0;
    for (let n = 0; n < 3; n++) lab.fromLeft(tcpUp(ends, { seq: 1001 + n * mss, ack: 5001, flags: ACK, body: content(mss, n) }));
    lab.run();
    expect(lab.wires.map(({ data }) => data.length)).toEqual(Array(6).fill(1400));
    expect(lab.wires.some(hasMetadata)).toBe(false);
    expect(lab.right).toHaveLength(3);
  });
});
