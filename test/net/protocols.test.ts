// W-7 and RB-26 with real packets: what is neither TCP nor UDP crosses two routers as UDP and leaves as the original:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        packets of addresses that no kernel owns, captures at b, a and r1 wan0
import { toHex } from "../../pkg/base/bytes.ts";
import { PROTO_UDP } from "../../pkg/svr/constants.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const ROUNDS = 5;
const ends = ["a", "b"] as const;
type End = (typeof ends)[number];
const ported = (from: End, ...rest: number[]): number[] => [...(from === "a" ? [0x13, 0x88, 0x8e, 0x3c] : [0x8e, 0x3c, 0x13, 0x88]), ...rest];
const protocols: { name: string; proto: number; head(from: End): number[] }[] = [
  { name: "SCTP", proto: 132, head: (from) => ported(from, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef) }, { name: "UDP-Lite", proto: 136, head: (from) => ported(from, 0, 8, 0x12, 0x34) },
  { name: "DCCP", proto: 33, head: (from) => ported(from, 4, 0, 0x56, 0x78, 4, 0, 0, 1) }, { name: "GRE version 0", proto: 47, head: () => [0, 0, 8, 0] },
  { name: "GRE version 1 (PPTP)", proto: 47, head: () => [0x30, 0x81, 0x88, 0x0b, 0, 4, 0, 9] }, { name: "ESP", proto: 50, head: () => [0, 0, 1, 0, 0, 0, 0, 1] },
  { name: "AH", proto: 51, head: () => [4, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] }, { name: "protocol 253", proto: 253, head: () => [0xfd, 0, 0xfd] },
];
const cases = ([4, 6] as const).flatMap((family) => protocols.map((of, index) => ({ ...of, family, index })));

describeNet("protocols that are neither TCP nor UDP", () => {
  let fabric: Fabric;
  let injectors: Record<End, Injector>;
  let captures: Record<End | "wan", Capture>;
  const address = (at: End, family: 4 | 6, index: number): string => hostAddress(at === "a" ? 1 : 2, family, 50 + index);

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), openSite());
    const { net } = fabric;
    const macs = { a: net.macOf("a", "eth0"), b: net.macOf("b", "eth0") };
    for (const { family, index } of cases) {
      for (const [end, router] of [["a", "r1"], ["b", "r2"]] as const) {
        await net.must(router, "ip", "neigh", "replace", address(end, family, index), "lladdr", macs[end].replaceAll(/(..)(?=.)/g, "$1:"), "dev", "lan0", "nud", "permanent");
      }
    }
    injectors = { a: await openInjector(net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" }), b: await openInjector(net, { node: "b", device: "eth0" }, { node: "r2", device: "lan0" }) };
    captures = { a: await startCapture(net, "a", "eth0"), b: await startCapture(net, "b", "eth0"), wan: await startCapture(net, "r1", "wan0") };
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const bodyOf = ({ packet }: WirePacket): string => toHex(packet.data.subarray(packet.l4, packet.end));

  test.each(cases)("W-7 RB-26 $name over IPv$family crosses as UDP both ways and leaves byte for byte", async ({ proto, head, family, index }) => {
    const arrived = async (at: End): Promise<string[]> => readWire(await captures[at].frames())
      .filter((one) => one.packet.proto === proto && one.destination === address(at, family, index) && one.source === address(at === "a" ? "b" : "a", family, index)).map(bodyOf);
    const sent: Record<End, string[]> = { a: [], b: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const [from, to] of [["a", "b"], ["b", "a"]] as const) {
        const body = Uint8Array.from([...head(from), ...Array.from({ length: 70 + 13 * round }, (_, at) => (at * 7 + round) & 0xff)]);
        sent[from].push(toHex(body));
        await injectors[from].send(buildPacket(fieldsOf(address(from, family, index), address(to, family, index)), { kind: "other", proto }, body));
        await waitFor(`round ${round} at ${to}`, async () => (await arrived(to)).length === round + 1);
      }
    }
    expect([await arrived("b"), await arrived("a")]).toEqual([sent.a, sent.b]);
    const outer = readWire(await captures.wan.frames(), fabric.keys("r1", "r2")).filter((one) => one.source === linkAddress(1, family, 0) && sent.a.some((body) => toHex(one.packet.data).includes(body)));
    expect(outer.map((one) => one.packet.proto)).toEqual(sent.a.map(() => PROTO_UDP));
    expect(outer.map((one) => one.metadata !== undefined)).toEqual(sent.a.map((_, at) => at === 0));
  }, 30_000);

  test("RB-26 illegal TCP flags are dropped with state", async () => {
    const before = (await fabric.router("r1").drops())["state"] ?? 0;
    const flags = [0x03, 0x06, 0x01, 0x00, 0x3f];
    await injectors.a.send(...flags.map((bits) => buildPacket(fieldsOf(hostAddress(1, 4, 99), hostAddress(2, 4, 99)), { kind: "tcp", sourcePort: 7, destinationPort: 80, flags: bits })));
    await waitFor("all are counted", async () => (await fabric.router("r1").drops())["state"] === before + flags.length);
  }, 20_000);
});
