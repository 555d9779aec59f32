// Packets without a session: what passes to the host, what goes to a shard, what is dropped and under which reason.
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { Flag, Life } from "../../pkg/svr/session.ts";
import { families, hexOf, ingress, install, LAN, prepare, send, sendFrame, TCP, UDP, WAN } from "./fixture.ts";
import type { Arrival, Family } from "./fixture.ts";
import { addressBytes, buildFrame, buildPacket, bytesOf, cookie, join } from "./packets.ts";
import type { PacketSpec } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const body = bytesOf("hello");
const SHARED = 1, HOSTS = 2;

interface Row { desc: string; packet: (f: Family) => PacketSpec; arrival?: Arrival; verdict: string }

const udp = { sport: 5000, dport: 53, body };
const syn = { sport: 5000, dport: 443, flags: "S" };
const toWaypoint = (l4: Partial<PacketSpec>) => (f: Family): PacketSpec => ({ from: f.peer, to: f.waypoint, ...l4 });

const rows: Row[] = [
  { desc: "UDP of a host to a foreign address is a first packet", packet: (f) => ({ from: f.host, to: f.server, udp }), verdict: "punt:miss" },
  { desc: "TCP SYN of a host likewise", packet: (f) => ({ from: f.host, to: f.server, tcp: syn }), verdict: "punt:miss" },
  { desc: "P-4 a non-SYN likewise: enforcement is the shard's", packet: (f) => ({ from: f.host, to: f.server, tcp: { ...syn, flags: "A" } }), verdict: "punt:miss" },
  { desc: "an echo request of a host likewise", packet: (f) => ({ from: f.host, to: f.server, icmp: { type: f.ask, id: 9 } }), verdict: "punt:miss" },
  { desc: "GRE of a host likewise", packet: (f) => ({ from: f.host, to: f.server, raw: { proto: 47, body } }), verdict: "punt:miss" },
  { desc: "P-1 the same from an interface without hosts is no service", packet: (f) => ({ from: f.host, to: f.server, udp }), arrival: { ifnum: WAN }, verdict: "drop:no-service" },
  { desc: "on a shared interface without hosts it is the host's own traffic", packet: (f) => ({ from: f.host, to: f.server, udp }), arrival: { ifnum: WAN, flags: SHARED }, verdict: "pass" },
  { desc: "on a shared interface with hosts it is a first packet", packet: (f) => ({ from: f.host, to: f.server, udp }), arrival: { flags: SHARED | HOSTS }, verdict: "punt:miss" },
  { desc: "to a plain address of ours it passes", packet: (f) => ({ from: f.host, to: f.nat, udp }), verdict: "pass" },
  { desc: "BFD and key exchange on UDP 1280 pass", packet: toWaypoint({ udp: { sport: 1280, dport: 1280, body } }), arrival: { ifnum: WAN }, verdict: "pass" },
  { desc: "BFD starts with metadata and still passes", packet: toWaypoint({ udp: { sport: 1280, dport: 1280, body: cookie } }), arrival: { ifnum: WAN }, verdict: "pass" },
  ...[1280, 1283].map((dport): Row => ({
    desc: `the detector on TCP ${dport} passes with its metadata`, packet: toWaypoint({ tcp: { sport: 5000, dport, flags: "S", body: cookie } }), arrival: { ifnum: WAN }, verdict: "pass",
  })),
  { desc: "UDP 1283 is no fixed port", packet: toWaypoint({ udp: { sport: 5000, dport: 1283, body: cookie } }), arrival: { ifnum: WAN }, verdict: "punt:metadata" },
  { desc: "BGP to a waypoint address passes", packet: toWaypoint({ tcp: { sport: 5000, dport: 179, flags: "S" } }), arrival: { ifnum: WAN }, verdict: "pass" },
  { desc: "an echo request to a waypoint address passes", packet: (f) => ({ from: f.peer, to: f.waypoint, icmp: { type: f.ask, id: 9 } }), arrival: { ifnum: WAN }, verdict: "pass" },
  { desc: "UDP metadata to a waypoint address goes up, whatever the port (2.3)", packet: toWaypoint({ udp: { sport: 1111, dport: 2222, body: cookie } }), arrival: { ifnum: WAN }, verdict: "punt:metadata" },
  { desc: "TCP metadata in a SYN likewise", packet: toWaypoint({ tcp: { sport: 16384, dport: 16385, flags: "S", body: join(cookie, body) } }), arrival: { ifnum: WAN }, verdict: "punt:metadata" },
  { desc: "metadata to another address of ours is the host's", packet: (f) => ({ from: f.peer, to: f.nat, udp: { ...udp, body: cookie } }), arrival: { ifnum: WAN }, verdict: "pass" },
  { desc: "no metadata, first waypoint port: unknown flow", packet: toWaypoint({ udp: { sport: 16385, dport: 16384, body } }), arrival: { ifnum: WAN }, verdict: "punt:unknown" },
  { desc: "no metadata, last waypoint port, TCP: unknown flow", packet: toWaypoint({ tcp: { sport: 16384, dport: 65534, flags: "A" } }), arrival: { ifnum: WAN }, verdict: "punt:unknown" },
  { desc: "no metadata, port below the range passes", packet: toWaypoint({ udp: { sport: 16385, dport: 16383, body } }), arrival: { ifnum: WAN }, verdict: "pass" },
  { desc: "no metadata, port above the range passes", packet: toWaypoint({ udp: { sport: 16385, dport: 65535, body } }), arrival: { ifnum: WAN }, verdict: "pass" },
  { desc: "unknown flow on a shared interface from nobody we know passes", packet: toWaypoint({ udp: { sport: 16385, dport: 16384, body } }), arrival: { ifnum: WAN, flags: SHARED }, verdict: "pass" },
  { desc: "source equal to destination", packet: (f) => ({ from: f.server, to: f.server, udp }), verdict: "drop:filter" },
  { desc: "UDP length that contradicts the IP length", packet: (f) => ({ from: f.host, to: f.server, raw: { proto: UDP, body: new Uint8Array([1, 1, 2, 2, 0, 9, 0, 0, 5, 5]) } }), verdict: "drop:filter" },
  { desc: "TCP header that ends behind the packet", packet: (f) => ({ from: f.host, to: f.server, raw: { proto: TCP, body: new Uint8Array(20).fill(0xf0) } }), verdict: "drop:filter" },
  { desc: "TCP cut short", packet: (f) => ({ from: f.host, to: f.server, raw: { proto: TCP, body: new Uint8Array(19) } }), verdict: "drop:filter" },
  { desc: "UDP cut short", packet: (f) => ({ from: f.host, to: f.server, raw: { proto: UDP, body: new Uint8Array(7) } }), verdict: "drop:filter" },
  { desc: "ICMP cut short", packet: (f) => ({ from: f.host, to: f.server, raw: { proto: f.icmp, body: new Uint8Array(7) } }), verdict: "drop:filter" },
  { desc: "a packet cut short on a shared interface is the host's to refuse", packet: (f) => ({ from: f.host, to: f.server, raw: { proto: TCP, body: new Uint8Array(3) } }), arrival: { flags: SHARED }, verdict: "pass" },
  ...["", "SF", "SR", "F", "SFRPAU", "FPU"].map((flags): Row => ({
    desc: `RB-26 Q-4 illegal TCP flags '${flags}'`, packet: (f) => ({ from: f.host, to: f.server, tcp: { ...syn, flags } }), verdict: "drop:state",
  })),
];

describe.each(families)("$name", (f) => {
  test.each(rows)("$desc", async (row) => {
    expect((await send(harness, row.packet(f), row.arrival)).verdict).toBe(row.verdict);
  });

  test("what goes up says where it came from", async () => {
    const spec = { from: f.host, to: f.server, udp };
    const got = await send(harness, spec, { vlan: 12 });
    expect(got.punt).toMatchObject({ cause: 1, entry: 0, ifnum: LAN, vlan: 12, gsoSize: 0, segments: 0, local: 0, flags: 0, mac: "020000000009", data: hexOf(spec) });
    const metadata = await send(harness, toWaypoint({ udp: { sport: 1, dport: 2, body: cookie } })(f), { ifnum: WAN });
    expect(metadata.punt).toMatchObject({ cause: 2, local: 1, ifnum: WAN });
  });

  test.each([["UDP", UDP], ["TCP", TCP]])("a %s socket of the host on a waypoint port keeps its packets", async (_name, proto) => {
    const packet = toWaypoint(proto === TCP ? { tcp: { sport: 9, dport: 20002, flags: "S" } } : { udp: { sport: 9, dport: 20002, body } })(f);
    expect((await send(harness, packet, { ifnum: WAN })).verdict).toBe("punt:unknown");
    await harness.ask("socket", { proto, port: 20002 });
    expect((await send(harness, packet, { ifnum: WAN })).verdict).toBe("pass");
  });

  test("a known peer on a shared interface gets its answer, and its address is not ours", async () => {
    await harness.ask("local", { family: f.family, address: addressBytes(f.peer), flags: 2 });
    const unknown = toWaypoint({ udp: { sport: 16385, dport: 16384, body } })(f);
    expect((await send(harness, unknown, { ifnum: WAN, flags: SHARED })).verdict).toBe("punt:unknown");
    expect((await send(harness, { from: f.host, to: f.peer, udp })).verdict).toBe("punt:miss");
  });

  test.each([
    ["of a host", { flags: HOSTS }, "server", "punt:fragment"], ["to a waypoint address", { ifnum: WAN }, "waypoint", "punt:fragment"],
    ["to an address of ours (an answer to source NAT)", { ifnum: WAN }, "nat", "punt:fragment"], ["on an interface without hosts", { ifnum: WAN }, "server", "drop:no-service"],
    ["to ours on a shared interface", { ifnum: WAN, flags: SHARED }, "nat", "pass"],
  ] as const)("FRAGMENT %s", async (_name, arrival, to, verdict) => {
    const first: PacketSpec = f.family === 4
      ? { from: f.host, to: f[to], fragment: 0x2000, udp: { ...udp, dport: 16384 } }
      : { from: f.host, to: f[to], raw: { proto: 44, body: new Uint8Array([UDP, 0, 0, 1, 0, 0, 0, 1, ...body]) } };
    expect((await send(harness, first, arrival)).verdict).toBe(verdict);
  });

  test.each([[Life.quarantine, "punt:miss"], [Life.claimed, "punt:miss"], [Life.free, "punt:miss"], [Life.guard, "forward"]])("a session in life %p: %s", async (life, verdict) => {
    await install(harness, ingress(f, UDP, { life }));
    expect((await send(harness, { from: f.host, to: f.server, udp: { sport: 40000, dport: 443, body } })).verdict).toBe(verdict);
  });

  test.each([[0, "forward"], [Flag.delete, "punt:unknown"]])("3.9 1.2 late packets of a session in guard with flags %i, toward the host: %s", async (flags, verdict) => {
    await install(harness, ingress(f, UDP, { life: Life.guard, flags }));
    expect((await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, body } }, { ifnum: WAN })).verdict).toBe(verdict);
  });

  test("every truncation of a good packet is passed, dropped or handed up, never forwarded", async () => {
    const whole = buildPacket({ from: f.host, to: f.server, tcp: { ...syn, options: [2, 4, 5, 180], body } });
    for (let length = f.header; length < whole.length; length++) { // the kernel makes no test packet without an IP header
      const got = await sendFrame(harness, buildFrame(whole.slice(0, length), { type: f.family === 4 ? 0x800 : 0x86dd }));
      expect(got.verdict).toBe("drop:filter");
    }
  });
});

describe("not ours to judge", () => {
  const [four, six] = families as [Family, Family];

  test("an interface that is not configured passes", async () => {
    expect((await harness.ask("run", { data: buildFrame(buildPacket({ from: four.host, to: four.server, udp })) })).code).toBe(-1);
  });

  test.each([
    ["ARP", {}, 0x0806], ["IPv4 multicast", { from: four.host, to: "224.0.0.5", udp }, undefined], ["IPv4 broadcast", { from: "0.0.0.0", to: "255.255.255.255", udp }, undefined],
    ["IPv6 multicast", { from: six.host, to: "ff02::1", udp }, undefined], ["to a link-local address", { from: six.host, to: "fe80::1", udp }, undefined],
    ["from a link-local address", { from: "fe80::9", to: six.server, udp }, undefined],
    ["a neighbour advertisement", { from: six.host, to: six.server, icmp: { type: 136, id: 0 } }, undefined], ["MLD", { from: six.host, to: six.server, icmp: { type: 143, id: 0 } }, undefined],
  ])("%s passes", async (_name, spec, type) => {
    const packet = { from: four.host, to: four.server, ...spec };
    expect((await send(harness, packet, type === undefined ? {} : { type })).verdict).toBe("pass");
  });

  test("a frame for another machine passes (the host ignores it)", async () => {
    expect((await send(harness, { from: four.host, to: four.server, udp }, { to: [2, 9, 9, 9, 9, 9] })).verdict).toBe("pass");
  });

  test("two VLAN tags pass", async () => {
    const inner = buildFrame(buildPacket({ from: four.host, to: four.server, udp }), { vlan: 5 });
    const outer = join(inner.slice(0, 12), new Uint8Array([0x81, 0, 0, 6]), inner.slice(12));
    expect((await sendFrame(harness, outer)).verdict).toBe("pass");
  });
});

describe("behaviour 10.2 by family", () => {
  test.each([
    ["loopback source", "127.0.0.1", "10.2.2.20"], ["loopback destination", "10.1.1.10", "127.1.2.3"], ["multicast source", "224.0.0.9", "10.2.2.20"],
    ["broadcast source", "255.255.255.255", "10.2.2.20"], ["source 0.0.0.0", "0.0.0.0", "10.2.2.20"], ["IPv6 loopback source", "::1", "fd00::1"],
    ["IPv6 loopback destination", "fd00::1", "::1"], ["IPv6 multicast source", "ff02::9", "fd00::1"], ["IPv6 without source", "::", "fd00::1"],
  ])("%s is dropped", async (_name, from, to) => {
    expect((await send(harness, { from, to, udp })).verdict).toBe("drop:filter");
  });

  test.each([0, 43, 60, 135, 139, 140])("IPv6 extension header %p of a host is dropped, to ours it passes", async (proto) => {
    const f = families[1]!;
    const raw = { proto, body: new Uint8Array(8) };
    expect((await send(harness, { from: f.host, to: f.server, raw })).verdict).toBe("drop:filter");
    expect((await send(harness, { from: f.host, to: f.nat, raw })).verdict).toBe("pass");
  });

  test.each([["version 5", 0, 0x55], ["header of 4 words", 0, 0x44], ["length behind the frame", 2, 0x7f]])("IPv4 %s is dropped", async (_name, at, value) => {
    const packet = buildPacket({ from: families[0]!.host, to: families[0]!.server, udp });
    packet[at] = value;
    expect((await sendFrame(harness, buildFrame(packet, { type: 0x800 }))).verdict).toBe("drop:filter");
  });
});
