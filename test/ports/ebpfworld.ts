// The conformance suite's world over eBPF: a router's namespace with four devices, their other ends in one namespace, from
// which packets are injected and where what leaves is captured.
//
//   far: f1 -- eth1 :r      far: f3 -- eth3 :r    VLAN 7
//   far: f2 -- eth2 :r      far: f4 -- eth4 :r    VLAN 12; no device stands for either, tags are the data plane's own work
//
// The neighbours of all next hops are written down, so that nobody asks. Called by the tests of this folder.
import { randomBytes } from "node:crypto";
import { openDatapath } from "../../pkg/datapath/open.ts";
import type { EbpfDatapath, OpenOptions } from "../../pkg/datapath/open.ts";
import { openShardPort } from "../../pkg/datapath/shardport.ts";
import { parseAddress } from "../../pkg/base/addresstext.ts";
import type { DatapathConfig, ShardPort } from "../../pkg/ports/datapath.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { worldConfig } from "../support/flows.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { insideNamespace } from "../support/namespace.ts";
import { openNet } from "../support/net.ts";
import type { Net, Topology } from "../support/net.ts";
import { ipOf } from "../support/pcap.ts";
import { waitFor } from "../support/wait.ts";
import type { Left, PortWorld, WorldOptions } from "./world.ts";

const NUMBERS = [1, 2, 3, 4];
const DEADLINE_MS = 15_000;

const topology: Topology = {
  nodes: { far: { kind: "host" }, r: { kind: "router" } },
  links: NUMBERS.map((n) => ({ name: `link${n}`, offloads: false, ends: [{ node: "far", device: `f${n}` }, { node: "r", device: `eth${n}` }] })),
};

/** gatewayOf is the neighbour behind interface n, an IPv6 address for packets of both families. */
export function gatewayOf(n: number): string {
  return `fd00:99::${n}`;
}

/** ebpfConfig is the world's configuration with neighbours that are written down. */
export function ebpfConfig(): DatapathConfig {
  const config = worldConfig();
  return { ...config, nexthops: config.nexthops.map((hop) => ({ ...hop, family: 6, gateway: parseAddress(gatewayOf(hop.ifnum))! })) };
}

/** Wires are the namespaces with their senders and captures; made once for many data planes. */
export interface Wires {
  readonly net: Net;
  /** pin directory that no other data plane of the run has */
  pinDir(): string;
  inject(at: { ifnum: number; vlan: number }, packets: readonly Uint8Array[]): Promise<void>;
  /** what left since the last call */
  left(): Promise<Left[]>;
  close(): Promise<void>;
}

async function writeNeighbours(net: Net): Promise<void> {
  for (const n of NUMBERS) {
    const mac = net.macOf("far", `f${n}`).replace(/..(?!$)/g, "$&:");
    await net.must("r", "ip", "neigh", "replace", gatewayOf(n), "lladdr", mac, "dev", `eth${n}`, "nud", "permanent");
  }
}

/** Kernels talk among themselves: neighbour discovery and multicast reports are not the data plane's. */
function isChatter(data: Uint8Array): boolean {
  return (data[0] ?? 0) >> 4 === 6 && (data[24] === 0xff || (data[6] === 58 && (data[40] ?? 0) >= 133 && (data[40] ?? 0) <= 137));
}

/** openWires builds the namespaces. */
export async function openWires(): Promise<Wires> {
  const net = await openNet(topology);
  await writeNeighbours(net);
  const captures = new Map<number, { capture: Capture; mac: string; seen: number }>();
  for (const n of NUMBERS) captures.set(n, { capture: await startCapture(net, "far", `f${n}`), mac: net.macOf("r", `eth${n}`), seen: 0 });
  const injectors = new Map<string, Injector>();
  let directories = 0;
  return {
    net, pinDir: () => net.pinFolder(`r${++directories}`),
    inject: async ({ ifnum, vlan }, packets) => {
      const name = `${ifnum}.${vlan}`;
      const injector = injectors.get(name) ?? await openInjector(net, { node: "far", device: `f${ifnum}` }, { node: "r", device: `eth${ifnum}`, vlan });
      injectors.set(name, injector);
      await injector.send(...packets);
    },
    left: async () => {
      const all: Left[] = [];
      for (const [ifnum, of] of captures) {
        const frames = await of.capture.frames();
        for (const frame of frames.slice(of.seen)) {
          const ip = ipOf(frame);
          const fromRouter = Buffer.from(frame.data.subarray(6, 12)).toString("hex") === of.mac;
          if (ip !== undefined && fromRouter && !isChatter(ip.data)) all.push({ ifnum, vlan: ip.vlan, data: ip.data.slice() });
        }
        of.seen = frames.length;
      }
      return all;
    },
    close: () => net.close(),
  };
}

/** openOptions are those of a small data plane in a pin directory. */
export function openOptions(pinDir: string, options: WorldOptions = {}): OpenOptions {
  const sessions = options.sessions ?? 64;
  return { name: "test", pinDir, sessions, liveLimit: options.liveLimit ?? sessions, shards: options.shards ?? 2, random: (count) => new Uint8Array(randomBytes(count)) };
}

/** EbpfWorld is a world whose data plane can be closed and opened again. */
export interface EbpfWorld extends PortWorld {
  datapath: EbpfDatapath;
  readonly options: OpenOptions;
  /** closes ports and data plane; pins stay */
  shut(): void;
  /** opens it again with other options, the configuration in force */
  reopen(change?: Partial<OpenOptions>): void;
}

async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  return waitFor(what, look, { deadlineMs: DEADLINE_MS });
}

/** openEbpfWorld opens a data plane between the wires. */
export function openEbpfWorld(wires: Wires, options: WorldOptions = {}): Promise<EbpfWorld> {
  const inside = <T>(work: () => T): T => insideNamespace(wires.net, "r", work);
  const openWith = openOptions(wires.pinDir(), options);
  const shards = new Map<number, ShardPort>();
  const start = (config: DatapathConfig, change: Partial<OpenOptions> = {}): EbpfDatapath => inside(() => {
    const opened = openDatapath({ ...openWith, ...change });
    opened.program(config);
    return { ...opened, program: (next) => { inside(() => { opened.program(next); }); } };
  });
  const closeShards = (): void => {
    for (const port of shards.values()) port.close();
    shards.clear();
  };
  const config = ebpfConfig();
  const collected: Left[] = [];
  const world: EbpfWorld = {
    datapath: start(config), config, options: openWith, now: () => Number(process.hrtime.bigint() / 1_000_000n),
    shard: (number) => {
      const port = shards.get(number) ?? inside(() => openShardPort(structuredClone(world.datapath.shardSpec(number))));
      shards.set(number, port);
      return port;
    },
    receive: (at, ...packets) => wires.inject({ vlan: 0, ...at }, packets),
    left: async (count) => {
      await waitFor(`${count} packets that left`, async () => collected.push(...await wires.left()) >= count, { deadlineMs: DEADLINE_MS, show: () => `${collected.length}` });
      return collected.splice(0);
    },
    until,
    shut: () => {
      closeShards();
      world.datapath.close();
    },
    reopen: (change) => { world.datapath = start(world.config, change); },
    close: async () => {
      closeShards();
      world.datapath.destroy();
      await wires.left();
    },
  };
  return Promise.resolve(world);
}
