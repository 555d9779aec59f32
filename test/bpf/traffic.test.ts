// Real packets of real hosts through the programs, both routers in one namespace:
//
//   host a (ns) --- a0 [R1: session 0] w0 --- w1 [R2: session 1] b0 --- (ns) host b
//
// Proves what test runs cannot: checksums left to offload and super-packets cross double NAT whole, and what is left to the
// device comes out right when it has no offload. Skips nothing; needs root.
import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { TcpState } from "../../pkg/svr/session.ts";
import { openHarness } from "./harness.ts";
import type { Harness, PuntSeen, Words } from "./harness.ts";
import { families, hostSide, install, peerSide, prepare, serverSide, session, TCP, UDP } from "./fixture.ts";
import type { Family } from "./fixture.ts";

const prefix = `svrbpf${process.pid}`;
const run = promisify(execFile);
const A0 = 11, W0 = 12, W1 = 13, B0 = 14;
const MAC: Record<number, string> = { [A0]: "02:00:00:00:00:a0", [W0]: "02:00:00:00:00:c0", [W1]: "02:00:00:00:00:c1", [B0]: "02:00:00:00:00:b0" };
const HOST_A = "02:00:00:00:00:aa", HOST_B = "02:00:00:00:00:bb";
const names: Record<number, string> = { [A0]: "a0", [W0]: "w0", [W1]: "w1", [B0]: "b0" };

let harness: Harness;

function ip(...words: string[]): void {
  execFileSync("ip", words, { stdio: ["ignore", "ignore", "inherit"] });
}

function inRouter(...words: string[]): string {
  return execFileSync("nsenter", [`--net=/proc/${harness.pid}/ns/net`, ...words], { encoding: "utf8" });
}

/** One host in its own namespace: its address, the router's address as gateway with a fixed MAC, so that nobody asks. */
function makeHost(name: "a" | "b", device: number, mac: string): void {
  const ns = `${prefix}${name}`;
  ip("netns", "add", ns);
  ip("link", "add", "eth0", "netns", ns, "type", "veth", "peer", "name", names[device]!, "netns", String(harness.pid));
  ip("-n", ns, "link", "set", "eth0", "address", mac);
  ip("-n", ns, "link", "set", "lo", "up");
  ip("-n", ns, "link", "set", "eth0", "up");
  for (const f of families) {
    const [own, other] = name === "a" ? [f.host, f.server] : [f.server, f.host];
    ip("-n", ns, "addr", "add", `${own}/${f.family === 4 ? 32 : 128}`, "dev", "eth0", ...(f.family === 6 ? ["nodad"] : []));
    ip("-n", ns, `-${f.family}`, "route", "add", other, "dev", "eth0");
    ip("-n", ns, "neigh", "replace", other, "lladdr", MAC[device]!, "dev", "eth0", "nud", "permanent");
  }
}

/** Who is there is known, so that nobody asks. */
function know(f: Family, number: number, far: Far): void {
  inRouter("ip", `-${f.family}`, "neigh", "replace", far.at(f), "lladdr", far.mac, "dev", names[number]!, "nud", "permanent");
}

/** Far is the other end of a device's link. */
interface Far { mac: string; at(f: Family): string }
const farOf: readonly [number, Far][] = [
  [A0, { mac: HOST_A, at: (f) => f.host }], [W0, { mac: MAC[W1]!, at: (f) => f.peer }], [W1, { mac: MAC[W0]!, at: (f) => f.waypoint }], [B0, { mac: HOST_B, at: (f) => f.server }],
];

async function makeRouter(): Promise<void> {
  inRouter("ip", "link", "add", "w0", "type", "veth", "peer", "name", "w1");
  for (const device of [A0, W0, W1, B0]) inRouter("ip", "link", "set", names[device]!, "address", MAC[device]!, "up");
  for (const [number, far] of farOf) {
    const ifindex = indexOf(names[number]!);
    await harness.ask("interface", { ifindex, ifnum: number, flags: 0 });
    await harness.ask("nexthop", { index: number, ifindex, ifnum: number, mtu: 1500, mss4: 0, mss6: 0 });
    for (const f of families) know(f, number, far);
    await harness.ask("attach", { ifindex });
  }
}

/** From the namespace itself: /sys is the view of the test's own. */
function indexOf(name: string): number {
  return Number(/^(\d+):/.exec(inRouter("ip", "-o", "link", "show", "dev", name))?.[1]);
}

/** Both sessions of one conversation. */
async function joinHosts(f: Family, proto: number): Promise<void> {
  const fields: Words = { context_proto: proto, context_source_port_be: proto === f.icmp ? 77 : 40000, tcp_state: proto === TCP ? TcpState.synSent : 0, seen_ms0: "now" };
  await install(harness, { slot: 0, sides: [hostSide(f, proto, { ifnum: A0, nexthop: A0 }), peerSide(f, proto, { ifnum: W0, nexthop: W0 })], fields });
  await install(harness, { slot: 1, sides: [peerSide(f, proto, { first: false, remote: f.waypoint, local: f.peer, ifnum: W1, nexthop: W1 }), serverSide(f, proto, { ifnum: B0, nexthop: B0 })], fields });
}

/** VXLAN between the hosts: each direction is a session of its own (port 40000 to 443), because a tunnel answers to 443, not to 40000. */
async function joinTunnels(f: Family): Promise<void> {
  await joinHosts(f, UDP);
  const back = { remotePort: 40000, localPort: 443 }, out = { remotePort: 443, localPort: 40000 };
  const ports = (remotePort: number, localPort: number): { remotePort: number; localPort: number } => ({ remotePort, localPort });
  await install(harness, { slot: 2, sides: [serverSide(f, UDP, { ...back, ifnum: B0, nexthop: B0 }), peerSide(f, UDP, { ...ports(26384, 26385), remote: f.waypoint, local: f.peer, ifnum: W1, nexthop: W1 })] });
  await install(harness, { slot: 3, sides: [peerSide(f, UDP, { ...ports(26385, 26384), ifnum: W0, nexthop: W0 }), hostSide(f, UDP, { ...out, ifnum: A0, nexthop: A0 })] });
}

function makeTunnel(f: Family, checksum: string): void {
  const ends = [["a", f.host, f.server, 1], ["b", f.server, f.host, 2]] as const;
  for (const [name, own, other, end] of ends) {
    const ns = `${prefix}${name}`;
    ip("-n", ns, "link", "add", "vx0", "address", `02:00:00:00:77:0${end}`, "mtu", "1400", "type", "vxlan", "id", "7", "local", own, "remote", other, "dstport", "443", "srcport", "40000", "40001", checksum);
    ip("-n", ns, "addr", "add", `172.31.0.${end}/24`, "dev", "vx0");
    ip("-n", ns, "link", "set", "vx0", "up");
    ip("-n", ns, "neigh", "replace", `172.31.0.${3 - end}`, "lladdr", `02:00:00:00:77:0${3 - end}`, "dev", "vx0", "nud", "permanent");
  }
}

const SERVER = `
const [host, port, bytes] = process.argv.slice(1); const hash = require("crypto").createHash("sha256"); let seen = 0;
require("net").createServer((s) => { s.on("data", (d) => { hash.update(d); seen += d.length; if (seen === Number(bytes)) { s.end(hash.digest("hex")); process.exitCode = 0; } }); s.on("close", () => process.exit()); })
  .listen(Number(port), host, () => console.log("ready"));`;
const CLIENT = `
const [host, port, bytes, localPort] = process.argv.slice(1); const { createHash, randomBytes } = require("crypto");
const block = randomBytes(1 << 20), hash = createHash("sha256"); let left = Number(bytes), answer = ""; const start = Date.now();
const s = require("net").connect({ host, port: Number(port), localPort: Number(localPort) });
const more = () => { while (left > 0) { const part = block.subarray(0, Math.min(left, block.length)); left -= part.length; hash.update(part); if (!s.write(part)) { s.once("drain", more); return; } } };
s.on("connect", more); s.on("data", (d) => { answer += d; }); s.on("error", (e) => { console.error(e.message); process.exit(1); });
s.on("close", () => { console.log(JSON.stringify({ same: answer === hash.digest("hex"), ms: Date.now() - start })); });`;

/** Moves bytes from a to b over TCP and checks their digest at the far end. */
async function transfer(to: string, bytes: number): Promise<{ same: boolean; ms: number }> {
  const server = execFile("ip", ["netns", "exec", `${prefix}b`, process.execPath, "-e", SERVER, to, "443", String(bytes)]);
  const ended = new Promise((resolve) => server.once("exit", resolve));
  await new Promise<void>((resolve, reject) => { server.stdout?.once("data", () => { resolve(); }); server.once("exit", () => { reject(new Error("no server")); }); });
  try {
    const { stdout } = await run("ip", ["netns", "exec", `${prefix}a`, process.execPath, "-e", CLIENT, to, "443", String(bytes), "40000"], { timeout: 30_000 });
    return JSON.parse(stdout) as { same: boolean; ms: number };
  } finally {
    server.kill();
    await ended;
  }
}

function offload(state: "on" | "off"): void {
  for (const device of ["a0", "w0", "w1", "b0"]) inRouter("ethtool", "-K", device, "tx", state, "tso", state, "gso", state);
}

beforeAll(async () => {
  harness = openHarness();
  await prepare(harness);
  makeHost("a", A0, HOST_A);
  makeHost("b", B0, HOST_B);
  await makeRouter();
}, 30_000);
afterAll(async () => {
  await harness.close();
  for (const name of ["a", "b"]) ip("netns", "del", `${prefix}${name}`);
  expect(execFileSync("ip", ["netns", "list"], { encoding: "utf8" })).not.toContain(prefix);
});
beforeEach(async () => {
  await harness.ask("forget");
});

describe.each(families)("$name", (f) => {
  test.each([["with offload", "on"], ["without offload: the device computes what was left to it", "off"]] as const)("W-8 L-1 TCP bulk %s", async (_name, state) => {
    offload(state);
    await joinHosts(f, TCP);
    const bytes = state === "on" ? 64 << 20 : 8 << 20;
    expect(await transfer(f.server, bytes)).toMatchObject({ same: true });
    offload("on");
    const [first, second] = [await session(harness, 0), await session(harness, 1)];
    const segments = Math.ceil(bytes / (1500 - f.header - 20));
    expect(first["packets0"]).toBeGreaterThanOrEqual(segments); // a super-packet counts as the packets it stands for
    expect(first["bytes0"]).toBeGreaterThanOrEqual(bytes + segments * (f.header + 20));
    expect([second["packets0"], second["packets1"], second["bytes0"], second["bytes1"]]).toEqual([first["packets0"], first["packets1"], first["bytes0"], first["bytes1"]]);
    expect([first["tcp_state"], second["tcp_state"]]).toEqual([TcpState.closing, TcpState.closing]);
  }, 60_000);

  test.each(["on", "off"] as const)("W-7 ping with its carrier between the routers, offload %s", async (state) => {
    offload(state);
    await joinHosts(f, f.icmp);
    const { stdout } = await run("ip", ["netns", "exec", `${prefix}a`, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", "-e", "77", "-s", "1001", f.server]);
    offload("on");
    expect(stdout).toContain("3 received");
    expect(await session(harness, 1)).toMatchObject({ packets0: 3, packets1: 3, bytes0: 3 * (f.header + 1009) });
  }, 30_000);

  test.each(["on", "off"] as const)("UDP there and back, offload %s", async (state) => {
    offload(state);
    await joinHosts(f, UDP);
    const type = `udp${f.family}`;
    const echo = `const s = require("dgram").createSocket("${type}"); s.on("message", (m, r) => { s.send(m, r.port, r.address, () => { s.close(); }); }); s.bind(443, "${f.server}", () => { console.log("ready"); });`;
    const ask = `const s = require("dgram").createSocket("${type}"); s.on("message", (m) => { console.log(String(m)); s.close(); }); s.bind(40000, "${f.host}", () => { s.send("hello there", 443, "${f.server}"); }); setTimeout(() => { process.exit(1); }, 5000).unref();`;
    const server = execFile("ip", ["netns", "exec", `${prefix}b`, process.execPath, "-e", echo]);
    const ended = new Promise((resolve) => server.once("exit", resolve));
    await new Promise<void>((resolve) => { server.stdout?.once("data", () => { resolve(); }); });
    try {
      const { stdout } = await run("ip", ["netns", "exec", `${prefix}a`, process.execPath, "-e", ask]);
      expect(stdout.trim()).toBe("hello there");
    } finally {
      offload("on");
      server.kill();
      await ended;
    }
  }, 30_000);

  test.each(f.family === 4 ? ["noudpcsum", "udpcsum"] : ["noudp6zerocsumtx"])("a tunnel whose inner checksum is left to offload keeps its own right, %s", async (checksum) => {
    makeTunnel(f, checksum);
    offload("off"); // else the far end trusts the outer checksum unseen
    await joinTunnels(f);
    try {
      expect(await transfer("172.31.0.2", 4 << 20)).toMatchObject({ same: true });
    } finally {
      offload("on");
      for (const name of ["a", "b"]) ip("-n", `${prefix}${name}`, "link", "del", "vx0");
    }
    expect(await session(harness, 3)).toMatchObject({ packets1: 0 });
  }, 60_000);

  test("the kernel finds the neighbour on link, and holds the packet meanwhile", async () => {
    const [gateway, length] = f.family === 4 ? ["10.2.2.1", 24] : ["fd00:2::1", 64];
    inRouter("ip", "addr", "add", `${gateway}/${length}`, "dev", "b0", ...(f.family === 6 ? ["nodad"] : []));
    inRouter("ip", `-${f.family}`, "neigh", "del", f.server, "dev", "b0");
    await joinHosts(f, f.icmp);
    const { stdout } = await run("ip", ["netns", "exec", `${prefix}a`, "ping", "-n", "-c", "1", "-W", "3", "-e", "77", f.server]);
    expect(stdout).toContain("1 received");
    expect(inRouter("ip", `-${f.family}`, "neigh", "show", "dev", "b0")).toContain(HOST_B);
    know(f, B0, { mac: HOST_B, at: () => f.server });
  }, 30_000);

  test("a first packet with its checksum left to offload says so in the ring", async () => {
    await harness.ask("interface", { ifindex: indexOf("a0"), ifnum: A0, flags: 2 });
    await harness.ask("punts");
    const client = execFile("ip", ["netns", "exec", `${prefix}a`, process.execPath, "-e", `require("net").connect({ host: "${f.server}", port: 443 })`]);
    const ended = new Promise((resolve) => client.once("exit", resolve));
    const deadline = Date.now() + 10_000;
    let syn: PuntSeen | undefined;
    while (syn === undefined && Date.now() < deadline) syn = (await harness.ask("punts")).find((punt) => punt.cause === 1);
    client.kill();
    await ended;
    expect(syn).toMatchObject({ ifnum: A0, flags: 1, gsoSize: 0, entry: 0 });
  }, 30_000);
});
