// Bench of first packets in TypeScript: what a new UDP session costs the shard of its ingress router and that of its egress
// router, from punted bytes to bytes handed to the socket; the kernel's work is left out. Two packets a session and router:
// the client's first packet and the server's first answer. `node test/bench/decide.ts [--json] [--sessions N] [--batch N]
// [--origin]`, the last with origin signatures, made and verified.
import { generateKeyPairSync } from "node:crypto";
import process from "node:process";
import { parseArgs } from "node:util";
import { buildPacket } from "../../pkg/svr/build.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import type { Punt, PuntCause } from "../../pkg/ports/datapath.ts";
import { addressOfWords } from "../../pkg/base/address.ts";
import { Shard, replayMemoryBytes } from "../../pkg/router/shard.ts";
import { numberNames } from "../../pkg/router/names.ts";
import { chainConfig } from "../lab/config.ts";
import type { LabService } from "../lab/config.ts";
import { keysOf } from "../lab/lab.ts";
import { createOriginKeys } from "../../pkg/security/origin.ts";
import { createRandomSource } from "../../pkg/security/random.ts";
import { nativeEngine } from "../support/engines.ts";
import { createMemoryPort } from "./memport.ts";
import type { MemoryPort } from "./memport.ts";

const { values: flags } = parseArgs({ options: { json: { type: "boolean" }, sessions: { type: "string" }, batch: { type: "string" }, origin: { type: "boolean" } } });
const BATCH = Number(flags.batch ?? 256), ROUNDS = 44, WARM_UP = 20_000;
const PER_ROUND = Math.ceil(Number(flags.sessions ?? 110_000) / ROUNDS / BATCH) * BATCH, SESSIONS = PER_ROUND * ROUNDS;
const NAMES = ["east", "west"];
const SERVICES = 50;
const LEFT = 1, RIGHT = 2; // interfaces of test/lab/config.ts: toward the left and the right
const START_MS = 1_000_000, START_UNIX_S = 1_767_225_600;
const SESSIONS_PER_MS = 20; // the pace of the clock that both routers see
const CAUSE = { miss: 1, metadata: 2, cookie: 4, needMeta: 5 } as const satisfies Record<string, PuntCause>;

const services: LabService[] = Array.from({ length: SERVICES }, (_, index) => ({ name: `shop/app-${index}`, prefixes: [`10.2.${index}.0/24`], proto: 17, ports: { first: 53, last: 53 } }));
const body = new Uint8Array(40).fill(0x61);

const signing = flags.origin === true ? generateKeyPairSync("ed25519") : undefined;

interface Router { shard: Shard; port: MemoryPort; usedMs: number }

let nowMs = START_MS;

function createRouter(index: number): Router {
  const config = chainConfig({ names: NAMES, index, services, pairs: 1_000_000 });
  config.limits.sessions = 2 * (SESSIONS + WARM_UP);
  if (signing !== undefined) {
    const ed25519 = Buffer.from(signing.publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
    config.trust = { authorities: [], revoked: [], origins: [{ router: "east", ed25519, allowedTenants: ["corp"] }] };
  }
  const port = createMemoryPort(SESSIONS + WARM_UP + 2 * BATCH);
  const shard = new Shard({
    number: 0, count: 1, port, engine: nativeEngine(), counterSecond: START_UNIX_S, replayMemory: new ArrayBuffer(replayMemoryBytes),
    clock: { monotonicMs: () => Math.floor(nowMs), unixMs: () => START_UNIX_S * 1000 + Math.floor(nowMs - START_MS) },
    random: createRandomSource(), originKeys: createOriginKeys(() => signing?.privateKey),
  });
  const { ids } = numberNames(config, (name) => port.nameId(name));
  const keys = Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }]));
  shard.tell({ kind: "config", posted: { config, ids, keys } });
  return { shard, port, usedMs: 0 };
}

/** One turn of a shard over these packets, its CPU time booked. */
function turn(router: Router, punts: readonly Punt[]): Uint8Array[] {
  router.port.deliver(punts);
  const before = process.cpuUsage();
  router.shard.turn(0);
  const { user, system } = process.cpuUsage(before);
  router.usedMs += (user + system) / 1000;
  const sent = router.port.sent();
  if (sent.length !== punts.length) throw new Error(`${punts.length} packets came up, ${sent.length} left: ${JSON.stringify(router.shard.report())}`);
  return sent;
}

const miss = (cause: PuntCause, ifnum: number) => (data: Uint8Array): Punt => ({ cause, ifnum, arrivedMs: Math.floor(nowMs), vlan: 0, gsoSize: 0, toWaypoint: cause === CAUSE.metadata, data });

/** A packet of a known flow comes up with its session, as the data plane found it. */
function known(router: Router, cause: PuntCause, ifnum: number): (data: Uint8Array) => Punt {
  return (data) => {
    const { source, destination, sourcePort, destinationPort, proto } = parsed(data);
    const session = router.port.find({ source, destination, sourcePort, destinationPort, proto, ifnum, vlan: 0 });
    if (session === undefined) throw new Error("a packet of a session found none");
    return { ...miss(cause, ifnum)(data), toWaypoint: cause === CAUSE.cookie, session };
  };
}

function parsed(data: Uint8Array): Packet {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
}

function query(number: number): Uint8Array {
  const source = addressOfWords(4, 0x0a010000 | (number >> 15)), destination = addressOfWords(4, 0x0a020014 | ((number % SERVICES) << 8));
  return buildPacket({ source, destination }, { kind: "udp", sourcePort: 1024 + (number & 0x7fff), destinationPort: 53 }, body);
}

function answer(data: Uint8Array): Uint8Array {
  const { source, destination, sourcePort, destinationPort } = parsed(data);
  return buildPacket({ source: destination, destination: source }, { kind: "udp", sourcePort: destinationPort, destinationPort: sourcePort }, body);
}

const east = createRouter(0), west = createRouter(1);

/** So many new sessions, from number `first` on: each of the four turns is one batch. */
function open(first: number, count: number): void {
  nowMs += count / SESSIONS_PER_MS;
  const queries = Array.from({ length: count }, (_, index) => query(first + index));
  const forward = turn(east, queries.map(miss(CAUSE.miss, LEFT)));
  const delivered = turn(west, forward.map(miss(CAUSE.metadata, LEFT)));
  const reverse = turn(west, delivered.map(answer).map(known(west, CAUSE.needMeta, RIGHT)));
  turn(east, reverse.map(known(east, CAUSE.cookie, RIGHT)));
}

/** Microseconds of CPU a session, of each router: one round. */
function round(first: number): [number, number] {
  east.usedMs = west.usedMs = 0;
  for (let done = 0; done < PER_ROUND; done += BATCH) open(first + done, BATCH);
  return [east.usedMs, west.usedMs].map((ms) => (ms * 1000) / PER_ROUND) as [number, number];
}

for (let done = 0; done < WARM_UP; done += BATCH) open(done, BATCH);
const rounds = Array.from({ length: ROUNDS }, (_, index) => round(WARM_UP + BATCH + index * PER_ROUND));
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const result = ["ingress", "egress"].map((role, index) => {
  const micros = median(rounds.map((one) => one[index]!));
  return { role, batch: BATCH, sessions: SESSIONS, microsecondsPerSession: Number(micros.toFixed(2)), best: Number(Math.min(...rounds.map((one) => one[index]!)).toFixed(2)), sessionsPerSecond: Math.round(1_000_000 / micros) };
});
if (flags.json === true) console.log(JSON.stringify(result));
else console.table(result);
