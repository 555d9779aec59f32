// The store of keys of the engine on node:crypto: one piece of memory that all threads of a router share, laid out by hand. A pair and an
// entry each have a lock of their own, held for as long as it takes to copy them. What is replaced or ends is overwritten.
import { equalBytes } from "../base/bytes.ts";
import type { DirectionKeys, ProtectKeys, ProtectPeer, ProtectSession } from "../ports/protect.ts";
import type { AuthMode } from "../svr/epoch.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { PAYLOAD_WINDOW } from "../svr/payload.ts";

/** Vault travels to other threads as it is. Untouched pages of it cost nothing. */
export type Vault = SharedArrayBuffer;

const PEERS = 65_536, RECEIVES = 3, SECRET = 36, WINDOW_EPOCHS = 5;
const MODES: readonly AuthMode[] = ["disabled", "regular", "time-based"];
const P_KNOWN = 4, P_MODE = 8, P_WINDOW = 12, P_SENDS = 16, P_RECEIVES = 20, P_SECRETS = 24, PAIR = 168;
const E_KNOWN = 4, E_PROTECT = 8, E_PEERS = 10, E_SUITE = 14, E_CURRENT = 15, E_CIPHERS_KNOWN = 16, E_UUID = 24, E_CIPHERS = 40;
const C_INDEX = 0, C_UNTIL = 4, C_SENT = 8, C_KEYS = 24, C_SALTS = 88, C_SEEN = 104, SEEN = 136, CIPHER = C_SEEN + 2 * SEEN, ENTRY = E_CIPHERS + 2 * CIPHER;
const KEY = 32, SALT = 8, UUID = 16;
const OVERLAP_S = 120, TURN_MS = 1, HALF = 0x80, BYTE = 0x100, TIME_SHIFT = 2 ** 20, REVERSE_EPOCH_S = 1_577_836_800; // 2020: 31 bits of seconds and 20 of packets fit the counter until 2088

type Secret = Pick<PeerKeys, "keyId" | "hmac">;
/** Pair is a copy of what is known of a peer. */
export interface Pair { mode: AuthMode; window: number; send?: Secret | undefined; receive: Secret[] }
/** Cipher is a copy of a payload key. */
export interface Cipher { index: number; untilS: number; keys: readonly [DirectionKeys, DirectionKeys] }
/** Entry is a copy of what is known of a session. */
export interface Entry { uuid: Uint8Array; protect: number; peers: readonly [number, number]; suite: number; current?: Cipher | undefined; previous?: Cipher | undefined }
/** Counted names a counter: of a slot that is still this session's, under this key index, in this direction. */
export interface Counted { slot: number; uuid: Uint8Array; index: number; direction: 0 | 1 }

/** createVault makes a store for so many slots; throws RangeError where there is no memory for it. */
export function createVault(slots: number): Vault {
  return new SharedArrayBuffer(PEERS * PAIR + slots * ENTRY);
}

const slotsOf = (vault: Vault): number => (vault.byteLength - PEERS * PAIR) / ENTRY;
const pairAt = (peer: number): number => peer * PAIR;
const entryAt = (slot: number): number => PEERS * PAIR + slot * ENTRY;
const isSlot = (vault: Vault, slot: number): boolean => Number.isInteger(slot) && slot >= 0 && slot < slotsOf(vault);

interface Place { view: DataView; bytes: Uint8Array }

/** Runs `use` on `size` bytes that nobody else reads or writes meanwhile; their first word is the lock. */
function locked<T>(vault: Vault, { at, size }: { at: number; size: number }, use: (place: Place) => T): T {
  const word = new Int32Array(vault, at, 1);
  while (Atomics.compareExchange(word, 0, 0, 1) !== 0) Atomics.wait(word, 0, 1, TURN_MS);
  try {
    return use({ view: new DataView(vault, at, size), bytes: new Uint8Array(vault, at, size) });
  } finally {
    Atomics.store(word, 0, 0);
    Atomics.notify(word, 0, 1);
  }
}

const inPair = <T>(vault: Vault, peer: number, use: (place: Place) => T): T => locked(vault, { at: pairAt(peer), size: PAIR }, use);
const inEntry = <T>(vault: Vault, slot: number, use: (place: Place) => T): T => locked(vault, { at: entryAt(slot), size: ENTRY }, use);

function writePeer(vault: Vault, { peer, mode, window, send, receive }: ProtectPeer): void {
  if (receive.length > RECEIVES) throw new Error(`a peer has at most ${RECEIVES} keys that are accepted`);
  if (peer < 1 || peer >= PEERS || window > WINDOW_EPOCHS) throw new Error(`the protect engine refuses keys of peer ${peer}`);
  inPair(vault, peer, ({ view, bytes }) => {
    bytes.fill(0, P_KNOWN);
    const known = send !== undefined || receive.length > 0 || mode === "disabled";
    [known ? 1 : 0, MODES.indexOf(mode), window, send === undefined ? 0 : 1, receive.length].forEach((word, i) => { view.setUint32(P_KNOWN + 4 * i, word); });
    [send, ...receive].forEach((secret, i) => {
      if (secret === undefined) return;
      view.setUint32(P_SECRETS + i * SECRET, secret.keyId);
      bytes.set(secret.hmac, P_SECRETS + i * SECRET + 4);
    });
  });
}

/** readPair copies what is known of a peer. */
export function readPair(vault: Vault, peer: number): Pair | undefined {
  return inPair(vault, peer, ({ view, bytes }) => {
    if (view.getUint32(P_KNOWN) === 0) return undefined;
    const secret = (i: number): Secret => ({ keyId: view.getUint32(P_SECRETS + i * SECRET), hmac: bytes.slice(P_SECRETS + i * SECRET + 4, P_SECRETS + (i + 1) * SECRET) });
    return {
      mode: MODES[view.getUint32(P_MODE)] ?? "time-based", window: view.getUint32(P_WINDOW), send: view.getUint32(P_SENDS) === 1 ? secret(0) : undefined,
      receive: Array.from({ length: view.getUint32(P_RECEIVES) }, (_, i) => secret(1 + i)),
    };
  });
}

const cipherAt = (which: number): number => E_CIPHERS + which * CIPHER;

/** A newer key index takes over, the old one is accepted for a while. Metadata that comes late must not bring an older key back (RFC 1982, 8 bits). */
function changeCipher({ view, bytes }: Place, body: NonNullable<ProtectSession["body"]>): void {
  const unixSeconds = Math.floor(Date.now() / 1000), known = view.getUint8(E_CIPHERS_KNOWN), before = view.getUint8(E_CURRENT);
  const ahead = (body.keyIndex - view.getUint32(cipherAt(before) + C_INDEX) + BYTE) % BYTE;
  if (known > 0 && (ahead === 0 || ahead >= HALF)) return;
  const which = known > 0 ? 1 - before : before, at = cipherAt(which);
  bytes.fill(0, at, at + CIPHER);
  view.setUint32(at + C_INDEX, body.keyIndex);
  view.setFloat64(at + C_SENT + 8, (unixSeconds - REVERSE_EPOCH_S) * TIME_SHIFT); // the reverse direction counts from the time (docs/decisions/025)
  [body.forward, body.reverse].forEach(({ key, salt }, i) => {
    bytes.set(key, at + C_KEYS + KEY * i);
    bytes.set(salt, at + C_SALTS + SALT * i);
  });
  if (known > 0) view.setUint32(cipherAt(before) + C_UNTIL, unixSeconds + OVERLAP_S);
  view.setUint8(E_CURRENT, which);
  view.setUint8(E_CIPHERS_KNOWN, Math.min(known + 1, 2));
}

function writeSession(vault: Vault, { ref, protect, peers, body }: ProtectSession): void {
  if (!isSlot(vault, ref.index)) throw new Error(`the protect engine refuses session ${ref.index}`);
  inEntry(vault, ref.index, (place) => {
    const { view, bytes } = place;
    if (view.getUint32(E_KNOWN) === 0 || !equalBytes(bytes.subarray(E_UUID, E_UUID + UUID), ref.uuid)) bytes.fill(0, E_KNOWN);
    view.setUint32(E_KNOWN, 1);
    bytes.set(ref.uuid, E_UUID);
    if (body !== undefined) {
      changeCipher(place, body);
      view.setUint8(E_SUITE, body.suite);
    }
    view.setUint16(E_PROTECT, protect);
    peers.forEach((peer, i) => { view.setUint16(E_PEERS + 2 * i, peer); });
  });
}

function endSession(vault: Vault, { index, uuid }: ProtectSession["ref"]): boolean {
  if (!isSlot(vault, index)) throw new Error(`the protect engine refuses the end of session ${index}`);
  return inEntry(vault, index, ({ view, bytes }) => {
    const known = view.getUint32(E_KNOWN) === 1 && equalBytes(bytes.subarray(E_UUID, E_UUID + UUID), uuid);
    if (known) bytes.fill(0, E_KNOWN);
    return known;
  });
}

function copyCipher({ view, bytes }: Place, which: number): Cipher {
  const at = cipherAt(which);
  const of = (i: number): DirectionKeys => ({ key: bytes.slice(at + C_KEYS + KEY * i, at + C_KEYS + KEY * (i + 1)), salt: bytes.slice(at + C_SALTS + SALT * i, at + C_SALTS + SALT * (i + 1)) });
  return { index: view.getUint32(at + C_INDEX), untilS: view.getUint32(at + C_UNTIL), keys: [of(0), of(1)] };
}

/** readEntry copies what is known of the session of a slot. */
export function readEntry(vault: Vault, slot: number): Entry | undefined {
  if (!isSlot(vault, slot)) return undefined;
  return inEntry(vault, slot, (place) => {
    const { view, bytes } = place, known = view.getUint8(E_CIPHERS_KNOWN), current = view.getUint8(E_CURRENT);
    if (view.getUint32(E_KNOWN) === 0) return undefined;
    return {
      uuid: bytes.slice(E_UUID, E_UUID + UUID), protect: view.getUint16(E_PROTECT), peers: [view.getUint16(E_PEERS), view.getUint16(E_PEERS + 2)], suite: view.getUint8(E_SUITE),
      current: known > 0 ? copyCipher(place, current) : undefined, previous: known > 1 ? copyCipher(place, 1 - current) : undefined,
    };
  });
}

/** Where the cipher that is named stands, if it still does. */
function findCipher({ view, bytes }: Place, { uuid, index }: Counted): number | undefined {
  if (view.getUint32(E_KNOWN) === 0 || !equalBytes(bytes.subarray(E_UUID, E_UUID + UUID), uuid)) return undefined;
  const current = view.getUint8(E_CURRENT), known = view.getUint8(E_CIPHERS_KNOWN);
  return [current, 1 - current].slice(0, known).map(cipherAt).find((at) => view.getUint32(at + C_INDEX) === index);
}

/** nextCounter takes the next counter of a direction, which nobody gets again; undefined when the key is gone. */
export function nextCounter(vault: Vault, of: Counted): number | undefined {
  return inEntry(vault, of.slot, (place) => {
    const at = findCipher(place, of);
    if (at === undefined) return undefined;
    const next = place.view.getFloat64(at + C_SENT + 8 * of.direction) + 1;
    place.view.setFloat64(at + C_SENT + 8 * of.direction, next);
    return next;
  });
}

/** isFresh tells whether a counter is new, and remembers it. */
export function isFresh(vault: Vault, of: Counted, counter: number): boolean {
  return inEntry(vault, of.slot, (place) => {
    const at = findCipher(place, of);
    return at !== undefined && takeCounter(place, at + C_SEEN + of.direction * SEEN, counter);
  });
}

function takeCounter({ view }: Place, at: number, counter: number): boolean {
  const highest = view.getFloat64(at);
  if (counter < 1 || counter <= highest - PAYLOAD_WINDOW) return false;
  const place = (one: number): number => at + 8 + Math.floor(one % PAYLOAD_WINDOW / 8);
  if (counter > highest) {
    for (let one = Math.max(highest, counter - PAYLOAD_WINDOW) + 1; one <= counter; one++) view.setUint8(place(one), view.getUint8(place(one)) & ~(1 << one % 8));
    view.setFloat64(at, counter);
  }
  const bits = view.getUint8(place(counter)), mask = 1 << counter % 8;
  view.setUint8(place(counter), bits | mask);
  return (bits & mask) === 0;
}

/** vaultKeys is the store's side for whoever gives keys, in any thread. */
export function vaultKeys(vault: Vault): ProtectKeys {
  return { peer: (peer) => { writePeer(vault, peer); }, session: (session) => { writeSession(vault, session); }, end: (ref) => endSession(vault, ref) };
}

/** wipeVault overwrites all keys, without touching what never had one. */
export function wipeVault(vault: Vault): void {
  const view = new DataView(vault);
  for (let peer = 0; peer < PEERS; peer++) if (view.getUint32(pairAt(peer) + P_KNOWN) !== 0) inPair(vault, peer, ({ bytes }) => bytes.fill(0, P_KNOWN));
  for (let slot = 0; slot < slotsOf(vault); slot++) if (view.getUint32(entryAt(slot) + E_KNOWN) !== 0) inEntry(vault, slot, ({ bytes }) => bytes.fill(0, E_KNOWN));
}

/** wipe overwrites copies of keys. */
export function wipe({ entry, pair }: { entry?: Entry | undefined; pair?: Pair | undefined }): void {
  for (const cipher of [entry?.current, entry?.previous]) cipher?.keys.forEach(({ key, salt }) => { key.fill(0); salt.fill(0); });
  for (const secret of [pair?.send, ...pair?.receive ?? []]) secret?.hmac.fill(0);
}
