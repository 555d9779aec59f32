// What the router needs of the engine that seals and opens packets of established sessions (protocol 7, 8.2): keys go in from any
// thread, workers drain the rings that the data plane hands packets over in. Implemented by pkg/security twice: over the native library, and on node:crypto for
// machines where that cannot be; one suite of test/ports judges both.
import type { Result } from "../base/result.ts";
import type { AuthMode } from "../svr/epoch.ts";
import type { PeerKeys } from "../svr/keys.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { SessionRef } from "./datapath.ts";

/** ProtectPeer is what tags toward a peer are made with and what its tags are accepted under, newest first, at most three. */
export interface ProtectPeer {
  /** name number of the peer */
  peer: number;
  mode: AuthMode;
  /** epochs to either side that are accepted, at most 5 */
  window: number;
  send?: Pick<PeerKeys, "keyId" | "hmac"> | undefined;
  receive: readonly Pick<PeerKeys, "keyId" | "hmac">[];
}

/** DirectionKeys are K_d and salt_d of protocol 8.2. */
export interface DirectionKeys { key: Uint8Array; salt: Uint8Array }

/** ProtectSession is what packets of a session need. */
export interface ProtectSession {
  ref: SessionRef;
  /** bits of Protect, as in the session */
  protect: number;
  /** name numbers of the peers of side 0 and 1; 0 a host */
  peers: readonly [number, number];
  /** of the body: absent when only tags are wanted; 1 AES-256-CBC, 2 AES-256-GCM */
  body?: { suite: 1 | 2; keyIndex: number; forward: DirectionKeys; reverse: DirectionKeys };
}

/** ProtectKeys is the store of keys of one router, shared by its threads. What it is given is copied; who gave it wipes its own. */
export interface ProtectKeys {
  /** replaces what is known of a peer; without keys in a mode that needs some, forgets it */
  peer(peer: ProtectPeer): void;
  /** begins or changes a session; with another key index what came under the old one is accepted for 120 s */
  session(session: ProtectSession): void;
  /** forgets a session; false when it was not there */
  end(ref: SessionRef): boolean;
}

/** ProtectCounts is what a worker has done since it began, and which slots lacked keys in its last turn. */
export interface ProtectCounts {
  opened: number; sealed: number; openedBytes: number; sealedBytes: number;
  drops: Partial<Record<DropReason, number>>;
  missing: number[];
  /** the last tag that would have been right at another time: of which peer (name number), how many epochs that is ahead */
  skew?: { peer: number; epochs: number } | undefined;
}

/** ProtectWorker drains one ring; owned by one thread, every call is synchronous. */
export interface ProtectWorker {
  /** seals, opens and sends what waits, at most a thousand records; waits at most timeoutMs for something. How many records there were. */
  turn(timeoutMs: number): number;
  counts(): ProtectCounts;
  close(): void;
}

/** ProtectRunner is a worker that is also given single records; without a ring it does nothing else. */
export interface ProtectRunner extends ProtectWorker {
  /** frames that records become (struct svr_punt and packet, each begins at a multiple of 8), complete ones */
  run(records: Uint8Array, unixSeconds: number): Uint8Array[];
}

/** BodyJob is one body of a packet that a shard writes or reads: plain to F and cipher text, or back. */
export interface BodyJob { ref: SessionRef; direction: 0 | 1; opens: boolean; body: Uint8Array }

/** ProtectBodies encrypts and decrypts bodies under the counters and replay windows that workers use; owned by one thread. */
export interface ProtectBodies {
  /** the other form of each body, or why there is none; an empty one stays empty */
  run(jobs: readonly BodyJob[], unixSeconds: number): Result<Uint8Array, DropReason>[];
  close(): void;
}
