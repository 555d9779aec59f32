// The keys of peers that come from exchanges, over time (protocol 15.5): what we sign with, and what we accept while both sides change over.
// Owned by the main thread, which gives what changed to the shards. Time and random bytes are the caller's.
import { readU32 } from "../base/bytes.ts";
import type { PeerKeys } from "../svr/keys.ts";
import type { PeerKeyPair } from "./tables.ts";

/** KeyRing holds keys by peer name. */
export interface KeyRing {
  /** an exchange is complete: its inbound key counts at once, its outbound one 30 s later, or at once when there is none */
  add(peer: string, pair: { send: PeerKeys; receive: PeerKeys }, nowMs: number): void;
  /** packets were valid under these keys: the older ones of their peers end 120 s later. Gives the peers whose newest key it is for the first time */
  used(keyIds: readonly number[], nowMs: number): string[];
  /** takes all keys of a peer away */
  remove(peer: string, nowMs: number): void;
  /** takes the keys of all other peers away */
  keepOnly(peers: ReadonlySet<string>, nowMs: number): void;
  /** what time changes; gives the peers that sign with another key from now on */
  tick(nowMs: number): string[];
  /** a new outbound key waits: a further exchange has to */
  isWaiting(peer: string): boolean;
  /** peers that sign with our newest half, as far as we know, but from which nothing came under it yet */
  unproven(): string[];
  /** what changed since the last call */
  take(): Record<string, PeerKeyPair>;
  /** peers that have keys for the first time since the last call, or again */
  takeFresh(): string[];
  keys(): Record<string, PeerKeyPair>;
  /** when the newest keys came; undefined without any */
  sinceMs(peer: string): number | undefined;
  /** an id for an inbound key: not 0, used by nobody now, by no key of the last hour */
  newKeyId(nowMs: number): number;
}

interface Received { keys: PeerKeys; isUsed: boolean; endsMs: number }
interface Ring { send?: PeerKeys | undefined; next?: { keys: PeerKeys; atMs: number; receive: PeerKeys } | undefined; receive: Received[]; sinceMs: number }

/** KEY_WAIT_MS is how long a new key waits while there is an older one, KEY_OVERLAP_MS how long the older one still counts then. */
export const KEY_WAIT_MS = 30_000, KEY_OVERLAP_MS = 120_000;

const REST_MS = 3_600_000;
const RECEIVE_MOST = 8; // a peer that changes faster than the overlap ends loses the oldest early
const DRAWN_MS = 120_000; // an id waits for its exchange to complete
const NEVER = Infinity;
const ID_BYTES = 4;

/** createKeyRing makes a ring without keys; `isTaken` tells ids that others have, of pre-shared keys for example. */
export function createKeyRing(options: { random(bytes: number): Uint8Array; isTaken(keyId: number): boolean }): KeyRing {
  const rings = new Map<string, Ring>();
  const changed = new Set<string>(), fresh = new Set<string>();
  const ids = createKeyIds((bytes) => options.random(bytes), (id) => options.isTaken(id) || [...rings.values()].some(({ receive }) => receive.some(({ keys }) => keys.keyId === id)));
  const remove = (peer: string, nowMs: number): void => {
    const ring = rings.get(peer);
    if (ring === undefined) return;
    ids.rest(ring.receive, nowMs);
    rings.delete(peer);
    changed.add(peer);
  };
  return {
    add(peer, pair, nowMs) {
      const ring: Ring = rings.get(peer) ?? { receive: [], sinceMs: nowMs };
      if (ring.send === undefined) fresh.add(peer);
      rings.set(peer, ring);
      ids.rest(put(ring, pair, nowMs), nowMs);
      changed.add(peer);
    },
    used(keyIds, nowMs) {
      const used = new Set(keyIds);
      return [...rings].flatMap(([peer, ring]) => {
        const place = firstUse(ring, used, nowMs);
        if (place >= 0) changed.add(peer);
        return place === 0 ? [peer] : [];
      });
    },
    remove,
    keepOnly(peers, nowMs) { for (const peer of [...rings.keys()]) if (!peers.has(peer)) remove(peer, nowMs); },
    tick(nowMs) {
      ids.tick(nowMs);
      return [...rings].flatMap(([peer, ring]) => {
        const ended = ring.receive.filter(({ endsMs }) => endsMs <= nowMs);
        ring.receive = ring.receive.filter(({ endsMs }) => endsMs > nowMs);
        ids.rest(ended, nowMs);
        const isDue = ring.next !== undefined && ring.next.atMs <= nowMs;
        if (isDue) signWithNext(ring);
        if (isDue || ended.length > 0) changed.add(peer);
        return isDue ? [peer] : [];
      });
    },
    isWaiting: (peer) => rings.get(peer)?.next !== undefined,
    unproven: () => [...rings].filter(([, { next, receive }]) => next === undefined && receive[0]?.isUsed === false).map(([peer]) => peer),
    take() {
      const taken = Object.fromEntries([...changed].map((peer) => [peer, pairOf(rings.get(peer))]));
      changed.clear();
      return taken;
    },
    takeFresh() {
      const taken = [...fresh];
      fresh.clear();
      return taken;
    },
    keys: () => Object.fromEntries([...rings].map(([peer, ring]) => [peer, pairOf(ring)])),
    sinceMs: (peer) => rings.get(peer)?.sinceMs,
    newKeyId: (nowMs) => ids.draw(nowMs),
  };
}

/** Ids of inbound keys: those of ended ones rest for an hour, those that were drawn until their exchange is over. */
function createKeyIds(random: (bytes: number) => Uint8Array, isTaken: (id: number) => boolean): { rest(ended: readonly Received[], nowMs: number): void; draw(nowMs: number): number; tick(nowMs: number): void } {
  const resting = new Map<number, number>(); // until when
  return {
    rest(ended, nowMs) { for (const { keys } of ended) resting.set(keys.keyId, nowMs + REST_MS); },
    draw(nowMs) {
      for (;;) {
        const id = readU32(random(ID_BYTES), 0);
        if (id === 0 || resting.has(id) || isTaken(id)) continue;
        resting.set(id, nowMs + DRAWN_MS);
        return id;
      }
    },
    tick(nowMs) { for (const [id, untilMs] of resting) if (untilMs <= nowMs) resting.delete(id); },
  };
}

/** Gives what has no place any more. */
function put(ring: Ring, { send, receive }: { send: PeerKeys; receive: PeerKeys }, nowMs: number): Received[] {
  ring.sinceMs = nowMs;
  ring.receive.unshift({ keys: receive, isUsed: false, endsMs: NEVER });
  ring.next = { keys: send, atMs: nowMs + KEY_WAIT_MS, receive };
  if (ring.send === undefined) signWithNext(ring);
  return ring.receive.splice(RECEIVE_MOST);
}

function signWithNext(ring: Ring): void {
  ring.send = ring.next?.keys ?? ring.send;
  ring.next = undefined;
}

/** The place of the key that is used for the first time, if it is one of this ring: the older ones will end, and a peer that signs with its half has ours. */
function firstUse(ring: Ring, used: ReadonlySet<number>, nowMs: number): number {
  const place = ring.receive.findIndex(({ keys, isUsed }) => !isUsed && used.has(keys.keyId));
  const one = ring.receive[place];
  if (one === undefined) return -1;
  one.isUsed = true;
  for (const older of ring.receive.slice(place + 1)) older.endsMs = Math.min(older.endsMs, nowMs + KEY_OVERLAP_MS);
  if (ring.next?.receive === one.keys) signWithNext(ring);
  return place;
}

function pairOf(ring: Ring | undefined): PeerKeyPair {
  return { send: ring?.send, receive: ring?.receive.map(({ keys }) => keys) ?? [] };
}
