// Packets as a peer would send them: complete IP packets with signed, encrypted metadata, made with the keys of a pair. Called
// by tests that send what a correct router would not (and what it would, at the wrong moment).
import { randomBytes } from "node:crypto";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { uuidFrom } from "../../pkg/base/ids.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { IpFields, TransportSpec } from "../../pkg/svr/build.ts";
import { finishChecksum } from "../../pkg/svr/checksum.ts";
import type { Suite } from "../../pkg/svr/encode.ts";
import { epochAt } from "../../pkg/svr/epoch.ts";
import type { AuthMode } from "../../pkg/svr/epoch.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { planSeal } from "../../pkg/svr/seal.ts";
import type { SessionContext } from "../../pkg/svr/session.ts";
import { addressOf } from "./config/sample.ts";

/** Crafted is a packet to make; ends and ports are those of the wire. */
export interface Crafted {
  source: string;
  destination: string;
  transport: TransportSpec;
  metadata: Metadata;
  key: PeerKeys;
  body?: Uint8Array;
  /** 1 CBC, the default; 2 GCM; 0 clear */
  suite?: Suite;
  /** seconds added to the clock of the sender */
  skew?: number;
  /** how the tag is made, default time-based */
  mode?: AuthMode;
}

const engine = createNodeEngine();
let counter = 0n;

/** fieldsOf are the addresses of a packet. */
export function fieldsOf(source: string, destination: string): IpFields {
  return { source: addressOf(source), destination: addressOf(destination) };
}

/** contextOf is an inner 5-tuple. */
export function contextOf(tuple: { source: string; destination: string; sourcePort: number; destinationPort: number; proto: number }): SessionContext {
  const source = addressOf(tuple.source);
  return { ...tuple, source, destination: addressOf(tuple.destination), family: source.family };
}

/** freshUuid is a new session id. */
export function freshUuid(): Uint8Array {
  return uuidFrom(randomBytes(16));
}

/** craft makes a packet with metadata, encrypted and signed as its sender would do it now; it ends with its tag. */
export function craft(what: Crafted): Uint8Array {
  const ip = fieldsOf(what.source, what.destination);
  const plain = parsePacket(buildPacket(ip, what.transport, what.body));
  if (!plain.ok) throw new Error(plain.error);
  const { sourcePort, destinationPort } = plain.value;
  const seconds = Math.floor(Date.now() / 1000) + (what.skew ?? 0);
  counter++;
  const job = planSeal(plain.value, { source: ip.source, destination: ip.destination, sourcePort, destinationPort }, {
    key: what.key, mode: what.mode ?? "time-based", epoch: epochAt(seconds), counter: (BigInt(seconds) << 24n) + counter, metadata: { ...what.metadata, keyId: what.key.keyId },
    suite: what.suite ?? 1, ttl: 64,
  });
  if (!job.ok) throw new Error(job.error);
  engine.seal([job.value]);
  finishChecksum(job.value.data, job.value.l4);
  return job.value.data;
}
