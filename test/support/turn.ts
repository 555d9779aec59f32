// One turn of a shard for unit tests of its decisions: real tables of a small router, a batch, gates that count, nothing that sends.
// The router stands at the left end of a chain of two. Constructors only.
import { chainConfig } from "../lab/config.ts";
import type { Chain } from "../lab/config.ts";
import { keysOf } from "../lab/lab.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import type { Punt } from "../../pkg/ports/datapath.ts";
import { newBatch } from "../../pkg/router/batch.ts";
import { buildTables } from "../../pkg/router/build.ts";
import { Capturing } from "../../pkg/router/capturing.ts";
import { createEnableGate, createErrorGate, createSessionErrorGate, createSkewGate } from "../../pkg/router/gate.ts";
import { numberNames } from "../../pkg/router/names.ts";
import { createOriginSigner } from "../../pkg/router/origin.ts";
import { createFirstPayloads } from "../../pkg/router/firstpayloads.ts";
import { createPayloadKeys } from "../../pkg/router/payloadkeys.ts";
import { createShardPorts } from "../../pkg/router/ports.ts";
import { createFragmentJoiner } from "../../pkg/router/reassemble.ts";
import type { Denial } from "../../pkg/router/recordwriter.ts";
import { createSealSource } from "../../pkg/router/sealing.ts";
import type { Tables } from "../../pkg/router/tables.ts";
import type { Arrival, Turn } from "../../pkg/router/turn.ts";
import { createOriginKeys } from "../../pkg/security/origin.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { ExtIds } from "../../pkg/svr/fragment.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { ReplayWindow, replayBytes } from "../../pkg/svr/replay.ts";

/** TestTurn is a turn with what it counted and denied in reach. */
export interface TestTurn extends Turn {
  counted: string[];
  denied: Denial[];
}

/** configOfChain is the configuration of the left router of a chain; change it before it is used. */
export function configOfChain(options: Partial<Chain> = {}): RouterConfig {
  return chainConfig({ names: ["east", "west"], index: 0, services: [], ...options });
}

/** tablesOf builds the tables of a configuration, as the shard does. */
export function tablesOf(config: RouterConfig): Tables {
  const names: string[] = [""];
  const nameId = (name: string): number => (names.includes(name) ? names.indexOf(name) : names.push(name) - 1);
  const { ids } = numberNames(config, nameId);
  const keys = Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }]));
  return buildTables({ config, ids, keys }, { nameId, nameOf: (id) => names[id] });
}

/** newTurn is a turn at 1,000 s over some tables. */
export function newTurn(tables: Tables, change: Partial<Turn> = {}): TestTurn {
  const counted: string[] = [], denied: Denial[] = [];
  const ports = createShardPorts({ number: 0, count: 1 }, 1);
  ports.follow(tables.paths);
  return {
    tables, batch: newBatch(1), nowMs: 1_000_000, nowUnixMs: 1_767_225_600_000, shard: 0, random: { bytes: (count) => new Uint8Array(count).fill(7) }, ports,
    replay: new ReplayWindow({ window: 1, slots: 64, memory: new ArrayBuffer(replayBytes(1, 64)) }), seals: createSealSource({ shard: 0, counterSecond: 1 }), origin: createOriginSigner(createOriginKeys(() => undefined)),
    protection: { kept: createPayloadKeys(), firsts: createFirstPayloads(), mayAsk: () => true }, enableGate: createEnableGate(1), skewGate: createSkewGate(1), errorGate: createErrorGate(1), sessionErrors: createSessionErrorGate(), fragments: createFragmentJoiner(1), handing: { takes: () => false }, capturing: new Capturing({ wantCopies: () => true, unixNs: () => 0n }, { number: 0, count: 1 }), ids: new ExtIds(100, { number: 0, count: 1 }),
    load: { live: 0, halfOpen: 0 }, sessionsOf: () => 0, find: { byArrival: () => undefined, byUuid: () => undefined, ended: () => undefined }, take: (length) => new Uint8Array(length),
    tooBig: () => undefined, keyUsed: () => undefined,
    countHealth: (kind) => void counted.push(`health ${kind}`), count: (reason, peer) => void counted.push(peer === undefined ? reason : `${peer.name} ${reason}`), deny: (denial) => void denied.push(denial), counted, denied, ...change,
  };
}

/** engine signs what tests send. */
export const engine = createNodeEngine();

/** arrivalOf is a packet as it came up. */
export function arrivalOf(data: Uint8Array, punt: Partial<Punt> = {}): Arrival {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  return { punt: { cause: 1, ifnum: 1, vlan: 0, gsoSize: 0, toWaypoint: false, data, ...punt }, packet: packet.value };
}
