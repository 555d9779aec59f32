// What eBPF tells of packets that it refuses (behaviour 2.6, 13.1): reason, tuple as the hosts know it, tenant; once a tuple and reason
// in ten seconds, a bounded number a second, and all that is not told is counted.
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import type { DropReason } from "../../pkg/svr/reasons.ts";
import { Flag } from "../../pkg/svr/session.ts";
import { openHarness } from "./harness.ts";
import type { Harness, RefusalSeen } from "./harness.ts";
import { egress, families, ingress, install, LAN, prepare, send, TCP, WAN } from "./fixture.ts";
import { addressBytes, buildFrame, buildPacket } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const HOSTS = 2, SOURCES = 4, LOOKS = 256;
const told = async (): Promise<RefusalSeen[]> => harness.ask("refusals");
const untold = async (reason: DropReason): Promise<number> => (await harness.ask("untold", { reason: reasonNumber(reason) })).count;
const wire = (address: string): string => Buffer.concat([addressBytes(address), new Uint8Array(16)]).subarray(0, 16).toString("hex");

describe.each(families)("$name", (f) => {
  const bad = { from: f.host, to: f.server, tcp: { sport: 5000, dport: 443, flags: "SF" } };

  test("Q-4 a first packet with illegal flags: reason, interface, VLAN, tuple, and the tenant of its source", async () => {
    await harness.ask("member", { ifnum: LAN, vlan: 12, family: f.family, address: addressBytes(f.host), bits: 8 * addressBytes(f.host).length, tenant: 7 });
    expect((await send(harness, bad, { vlan: 12 })).verdict).toBe("drop:state");
    expect(await told()).toEqual([{
      reason: 4, tenant: 7, service: 0, path: 0, ifnum: LAN, vlan: 12, proto: TCP, family: f.family, sourcePort: 5000, destinationPort: 443, size: 64, source: wire(f.host), destination: wire(f.server),
    }]);
  });

  test("Q-4 a source that nobody has there has no tenant", async () => {
    expect((await send(harness, { from: f.host, to: f.server, udp: { sport: 1, dport: 2 } }, { flags: HOSTS | SOURCES })).verdict).toBe("drop:filter");
    expect(await told()).toEqual([expect.objectContaining({ reason: 5, tenant: 0, sourcePort: 1, destinationPort: 2 })]);
  });

  test.each([
    ["forward", ingress, LAN, { from: f.host, to: f.server, sport: 40000, dport: 443 }, [f.host, f.server, 40000, 443], 0],
    ["from the peer", egress, WAN, { from: f.peer, to: f.waypoint, sport: 16384, dport: 16385 }, [f.host, f.server, 40000, 443], 1],
  ] as const)("Q-4 a segment of a session outside the window, %s: the hosts' tuple, tenant, service, and the path it came by", async (_name, kind, ifnum, at, [source, destination, sourcePort, destinationPort], path) => {
    await install(harness, kind(f, TCP, { flags: Flag.strict, tenant: 3, service: 9, next_seq0: 1000, next_seq1: 5000, last_ack0: 5000, last_ack1: 1000, context_source: wire(f.host), context_destination: wire(f.server), context_family: f.family }));
    const { from, to, sport, dport } = at;
    expect((await send(harness, { from, to, tcp: { sport, dport, flags: "A", seq: 900_000_000, ack: 5000, body: new Uint8Array(8) } }, { ifnum })).verdict).toBe("drop:state");
    expect(await told()).toEqual([expect.objectContaining({
      reason: 4, tenant: 3, service: 9, path, ifnum, proto: TCP, family: f.family, source: wire(source), destination: wire(destination), sourcePort, destinationPort,
    })]);
  });

  test("once a tuple and reason; the rest is counted", async () => {
    for (let n = 0; n < 3; n++) await send(harness, bad);
    await send(harness, { ...bad, tcp: { ...bad.tcp, sport: 5001 } });
    await send(harness, bad, { ifnum: WAN });
    expect((await told()).map((one) => [one.reason, one.sourcePort, one.ifnum])).toEqual([[4, 5000, LAN], [4, 5001, LAN], [1, 5000, WAN]]);
    expect([await untold("state"), await untold("no-service")]).toEqual([2, 0]);
  });

  test("a flood is told in part: so many a second, told and untold are all", async () => {
    await harness.ask("interface", { ifindex: 1, ifnum: LAN, flags: HOSTS });
    const packets = Array.from({ length: 2000 }, (_, n) => buildFrame(buildPacket({ ...bad, tcp: { ...bad.tcp, sport: 1000 + n } })));
    for (const data of packets) await harness.ask("run", { data });
    const seen = (await told()).length;
    expect(seen + await untold("state")).toBe(packets.length);
    expect(seen).toBeGreaterThan(LOOKS / 2); // places that two tuples share are told twice at most
  });

  test("what passes, goes up, or is dropped for want of room or a next hop is not told", async () => {
    await send(harness, { from: f.host, to: f.nat, udp: { sport: 1, dport: 2 } });
    await send(harness, { from: f.host, to: f.server, udp: { sport: 1, dport: 2 } });
    await install(harness, ingress(f, TCP));
    await harness.ask("nexthop", { index: 40, ifindex: 0 });
    expect((await send(harness, { from: f.host, to: f.server, tcp: { sport: 40000, dport: 443, flags: "A" } })).verdict).toBe("drop:no-nexthop");
    expect([await told(), await untold("state"), await untold("filter")]).toEqual([[], 0, 0]);
  });
});
