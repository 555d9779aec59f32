// The MSS option of SYN and SYN-ACK (protocol 10.4): lowered to what the next hop carries, never raised, never below 536, with the
// checksum right at every position of the option.
import { TcpState } from "../../pkg/svr/session.ts";
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { egress, families, hexOf, hostSide, ingress, install, peerSide, prepare, send, TCP, WAN } from "./fixture.ts";
import type { PacketSpec } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const mss = (value: number): number[] => [2, 4, value >> 8, value & 255];
const NOP = 1, END = 0;

describe.each(families)("$name", (f) => {
  const limit = f.family === 4 ? 1340 : 1320;
  const syn = (options: readonly number[]): PacketSpec => ({ from: f.host, to: f.server, tcp: { sport: 40000, dport: 443, flags: "S", seq: 5, options } });
  const sent = (options: readonly number[]): string => hexOf({ from: f.waypoint, to: f.peer, ttl: 63, tcp: { sport: 16384, dport: 16385, flags: "S", seq: 5, options } });

  test.each([
    ["M-3 a larger one is lowered", mss(1460), mss(limit)], ["M-3 an equal one stays", mss(limit), mss(limit)], ["M-3 a smaller one is not raised", mss(900), mss(900)],
    ["M-3 one below 536 stays", mss(500), mss(500)], ["M-3 behind one NOP, at an odd byte", [NOP, ...mss(1460), NOP, NOP, NOP], [NOP, ...mss(limit), NOP, NOP, NOP]],
    ["M-3 behind other options", [NOP, 3, 3, 7, 4, 2, ...mss(9000), 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], [NOP, 3, 3, 7, 4, 2, ...mss(limit), 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]],
    ["M-3 as the last of forty bytes", [...new Array<number>(36).fill(NOP), ...mss(1460)], [...new Array<number>(36).fill(NOP), ...mss(limit)]],
    ["behind the end of options it is none", [END, NOP, NOP, NOP, ...mss(1460)], [END, NOP, NOP, NOP, ...mss(1460)]],
    ["cut off it is none", [NOP, NOP, NOP, NOP, NOP, 2, 4, 5], [NOP, NOP, NOP, NOP, NOP, 2, 4, 5]],
    ["behind an option of length 0 or 1 nothing is looked at", [8, 0, NOP, NOP, ...mss(1460)], [8, 0, NOP, NOP, ...mss(1460)]],
    ["of another length it is none", [2, 6, 5, 180, 5, 180, NOP, NOP], [2, 6, 5, 180, 5, 180, NOP, NOP]], ["without options", [], []],
  ])("%s", async (_name, options, expected) => {
    await install(harness, ingress(f, TCP, { tcp_state: TcpState.synSent }));
    expect(await send(harness, syn(options))).toMatchObject({ verdict: "forward", out: sent(expected) });
  });

  test("M-3 the SYN-ACK toward a peer is clamped, toward a host it is left as the peer sent it", async () => {
    await install(harness, egress(f, TCP, { tcp_state: TcpState.synSent }));
    const there = await send(harness, { from: f.server, to: f.host, tcp: { sport: 443, dport: 40000, flags: "SA", seq: 9, ack: 6, options: mss(1460) } });
    expect(there.out).toBe(hexOf({ from: f.waypoint, to: f.peer, ttl: 63, tcp: { sport: 16385, dport: 16384, flags: "SA", seq: 9, ack: 6, options: mss(limit) } }));
    await install(harness, { slot: 1, ...ingress(f, TCP, { tcp_state: TcpState.synSent }) });
    const back = await send(harness, { from: f.peer, to: f.waypoint, tcp: { sport: 16385, dport: 16384, flags: "SA", seq: 9, ack: 6, options: mss(1460) } }, { ifnum: WAN });
    expect(back.out).toBe(hexOf({ from: f.server, to: f.host, ttl: 63, tcp: { sport: 443, dport: 40000, flags: "SA", seq: 9, ack: 6, options: mss(1460) } }));
  });

  test("M-3 only SYN and SYN-ACK", async () => {
    await install(harness, ingress(f, TCP));
    const got = await send(harness, { from: f.host, to: f.server, tcp: { sport: 40000, dport: 443, flags: "A", seq: 5, ack: 1, options: mss(1460) } });
    expect(got.out).toBe(hexOf({ from: f.waypoint, to: f.peer, ttl: 63, tcp: { sport: 16384, dport: 16385, flags: "A", seq: 5, ack: 1, options: mss(1460) } }));
  });

  test("M-3 a path too small still gets 536", async () => {
    await harness.ask("nexthop", { index: 70, ifindex: 1, ifnum: WAN, mtu: 1500, mss4: 100, mss6: 100 });
    await install(harness, { sides: [hostSide(f, TCP), peerSide(f, TCP, { nexthop: 70 })], fields: { tcp_state: TcpState.synSent } });
    expect((await send(harness, syn(mss(1460)))).out).toBe(sent(mss(536)));
  });

  test("M-3 the clamp can be switched off", async () => {
    await install(harness, ingress(f, TCP, { tcp_state: TcpState.synSent }));
    await harness.ask("settings", { mss_clamp: 0 });
    const got = await send(harness, syn(mss(1460)));
    await harness.ask("settings", { mss_clamp: 1 });
    expect(got.out).toBe(sent(mss(1460)));
  });
});
