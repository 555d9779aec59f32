// Networks of namespaces from one description: hosts, routers, links, addresses. Every process inside is written down and
// ended at tear-down, which proves that nothing is left. Called by the tests of real traffic and by tests of the support.
// Routers here forward nothing by their kernel: what crosses them was carried by the program under test.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { TestProcess } from "./process.ts";
import type { StartOptions } from "./process.ts";
import { leftovers, namespaceFolder, namespacesOf, noteProcess, openRun, pinRoot, removeFolders } from "./run.ts";
import type { Run } from "./run.ts";

/** Vlan is a tagged network on a device, for the configuration of routers. No kernel device stands for it (kernels of small machines have none): tests write neighbours down and send tagged packets. */
export interface Vlan { id: number; addresses: string[] }

/** End is one end of a link: a device in a node. */
export interface End { node: string; device: string; addresses?: string[]; vlans?: Vlan[] }

/** Link is a veth pair; offloads are on by default, as on real devices. With `through` it is two, whose other ends are devices of that node. */
export interface Link { name: string; ends: [End, End]; mtu?: number; offloads?: boolean; through?: { node: string; devices: [string, string] } }

/** Node is a namespace: a host with default gateways, a router whose kernel forwards nothing, or a plain kernel forwarder. */
export interface Node { kind: "host" | "router" | "forwarder"; gateways?: string[]; routes?: { to: string; via: string }[] }

/** Detour is a path between two routers that no link joins: through translators, say. Each end is known to the other by `seenAs`. */
export interface Detour { ends: [{ node: string; device: string; seenAs: string }, { node: string; device: string; seenAs: string }] }

/** Topology is what openNet builds; detours are for the configuration of routers. */
export interface Topology { nodes: Record<string, Node>; links: Link[]; detours?: Detour[] }

/** Ran is what a program printed. */
export interface Ran { code: number; stdout: string; stderr: string }

const RUN_MS = 60_000;

/** Net is a running network; close takes it down and rejects when anything is left. */
export class Net {
  readonly topology: Topology;
  readonly run: Run;
  readonly #processes: TestProcess[] = [];
  #closing = false;

  constructor(topology: Topology) {
    this.topology = topology;
    this.run = openRun();
  }

  /** folder is the run's temporary folder. */
  get folder(): string { return this.run.folder; }

  /** namespace is the kernel's name of a node's namespace. */
  namespace(node: string): string {
    if (this.topology.nodes[node] === undefined) throw new Error(`the topology has no node ${node}`);
    return `${this.run.prefix}-${node}`;
  }

  /** pinFolder is where a node may pin; made by whoever pins. */
  pinFolder(node: string): string { return join(this.run.pins, node); }

  /** inside gives the words that run a program in a node's namespace. /sys stays that of the machine, bpffs included. */
  inside(node: string, words: readonly string[]): string[] {
    return ["nsenter", `--net=${join(namespaceFolder, this.namespace(node))}`, ...words];
  }

  /** start starts a program in a node; it ends with the network at the latest. Throws once the network is being taken down. */
  start(node: string, words: readonly string[], options: StartOptions = {}): TestProcess {
    if (this.#closing) throw new Error(`the network is being taken down; not started in ${node}: ${words.join(" ")}`);
    const process = new TestProcess(this.inside(node, words), options);
    if (process.pid !== 0) noteProcess(this.run, process.pid);
    this.#processes.push(process);
    return process;
  }

  /** exec runs a program in a node to its end and gives its exit code and output. */
  async exec(node: string, words: readonly string[], options: StartOptions & { deadlineMs?: number } = {}): Promise<Ran> {
    const process = this.start(node, words, options);
    process.closeInput();
    try {
      const { code } = await process.end(options.deadlineMs ?? RUN_MS);
      return { code: code ?? -1, stdout: process.lines.join("\n"), stderr: process.errors };
    } finally {
      if (process.exit === undefined) await process.kill();
    }
  }

  /** must runs a program in a node and gives its output; rejects unless it succeeds. */
  async must(node: string, ...words: string[]): Promise<string> {
    const ran = await this.exec(node, words);
    if (ran.code !== 0) throw new Error(`in ${node}: ${words.join(" ")}: ${ran.code} ${ran.stderr}`);
    return ran.stdout;
  }

  /** macOf is the link address of a device, as six bytes in hex. */
  macOf(node: string, device: string): string {
    const text = ip("-j", "-n", this.namespace(node), "link", "show", "dev", device);
    return (JSON.parse(text) as { address: string }[])[0]?.address.replaceAll(":", "") ?? "";
  }

  /** close ends all processes (SIGTERM, after stopMs SIGKILL), removes namespaces, pins and folder, and rejects with a list of what is left. */
  async close(stopMs?: number): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#processes.filter((one) => one.exit === undefined).map((one) => one.stop(stopMs)));
    const strangers = namespacesOf(this.run).flatMap((name) => ip("netns", "pids", name).split("\n").filter((pid) => pid !== "").map((pid) => `process ${pid} in ${name}`));
    for (const name of namespacesOf(this.run)) ip("netns", "delete", name);
    removeFolders(this.run);
    const left = [...strangers, ...leftovers(this.run)];
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
  }
}

/** openNet builds a network; what was built is taken down again when a step fails. */
export async function openNet(topology: Topology): Promise<Net> {
  mountBpffs();
  const net = new Net(topology);
  try {
    build(net);
  } catch (error) {
    await net.close();
    throw error;
  }
  return net;
}

/** ip runs iproute2 in the machine's namespace and gives what it prints. */
function ip(...words: string[]): string {
  return execFileSync("ip", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function batch(words: readonly string[], lines: readonly string[]): void {
  if (lines.length > 0) execFileSync("ip", [...words, "-batch", "-"], { input: `${lines.join("\n")}\n`, stdio: ["pipe", "ignore", "pipe"] });
}

/** Pins need a bpf file system, which not every machine mounts by itself. */
function mountBpffs(): void {
  const type = execFileSync("stat", ["--file-system", "--format=%T", pinRoot], { encoding: "utf8" }).trim();
  if (type !== "bpf_fs") execFileSync("mount", ["-t", "bpf", "bpf", pinRoot]);
}

function build(net: Net): void {
  const { nodes, links } = net.topology;
  batch([], Object.keys(nodes).map((node) => `netns add ${net.namespace(node)}`));
  for (const [name, node] of Object.entries(nodes)) setSysctls(net, name, node);
  batch([], links.flatMap((link) => halvesOf(link).map((half) => linkLine(net, half))));
  for (const [name, node] of Object.entries(nodes)) batch(["-n", net.namespace(name)], ["link set lo up", ...links.flatMap(halvesOf).flatMap((link) => deviceLines(link, name)), ...routeLines(node)]);
  for (const link of links.filter((one) => one.offloads === false).flatMap(halvesOf)) for (const end of link.ends) setOffloads(net, end, "off");
  mkdirSync(join(net.folder, "captures"));
}

/** The veth pairs that a link is made of. */
function halvesOf(link: Link): Link[] {
  const { ends: [a, b], through } = link;
  if (through === undefined) return [link];
  const [first, second] = through.devices.map((device): End => ({ node: through.node, device })) as [End, End];
  return [{ ...link, ends: [a, first] }, { ...link, ends: [second, b] }];
}

function linkLine(net: Net, { ends: [a, b], mtu = 1500 }: Link): string {
  return `link add ${a.device} netns ${net.namespace(a.node)} mtu ${mtu} type veth peer name ${b.device} netns ${net.namespace(b.node)} mtu ${mtu}`;
}

function deviceLines(link: Link, node: string): string[] {
  return link.ends.filter((end) => end.node === node).flatMap((end) => [
    ...addressLines(end.device, end.addresses ?? []), `link set ${end.device} up`,
  ]);
}

function addressLines(device: string, addresses: readonly string[]): string[] {
  return addresses.map((address) => `addr add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`);
}

function routeLines(node: Node): string[] {
  const routes = [...(node.gateways ?? []).map((via) => ({ to: "default", via })), ...(node.routes ?? [])];
  return routes.map(({ to, via }) => `route add ${to} via ${via}`);
}

/** No duplicate address detection and no router advertisements: addresses work at once and only as written. */
function setSysctls(net: Net, name: string, node: Node): void {
  const forward = node.kind === "forwarder" ? 1 : 0;
  const settings = [
    `net.ipv4.ip_forward=${forward}`, `net.ipv6.conf.all.forwarding=${forward}`, `net.ipv6.conf.default.forwarding=${forward}`,
    "net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.default.disable_ipv6=0", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0", "net.ipv6.conf.default.router_solicitations=0",
  ];
  execFileSync("nsenter", [`--net=${join(namespaceFolder, net.namespace(name))}`, "sysctl", "-q", "-w", ...settings], { stdio: ["ignore", "ignore", "pipe"] });
}

/** setOffloads turns segmentation, receive and checksum offload of one device on or off. */
export function setOffloads(net: Net, end: Pick<End, "node" | "device">, state: "on" | "off"): void {
  const words = ["tso", "gso", "gro", "tx"].flatMap((feature) => [feature, state]);
  execFileSync("nsenter", [`--net=${join(namespaceFolder, net.namespace(end.node))}`, "ethtool", "-K", end.device, ...words], { stdio: ["ignore", "ignore", "pipe"] });
}

/** hasNamespaces tells whether this machine can make network namespaces at all; asked by a probe. */
export function hasNamespaces(): boolean {
  return existsSync("/proc/self/ns/net") && process.getuid?.() === 0;
}
