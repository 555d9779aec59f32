// Sealing and opening of single packets by node:crypto, under keys and counters of a vault (protocol 7.2, 8.2): what pkg/native/src/protectcrypt.c
// does with many at once. All primitives are OpenSSL's; this file only says what goes into them.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { concatBytes, writeU16, writeU32 } from "../base/bytes.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { CBC_BLOCK, GCM_TAG, SUITE_CBC, SUITE_GCM, TAG_BYTES, TCP_CHECKSUM_AT, UDP_CHECKSUM_AT } from "../svr/constants.ts";
import { acceptedEpochs, epochAt, sendEpoch, skewEpochs } from "../svr/epoch.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { cbcIvInput, FRAME_BYTES, gcmAad, gcmNonce, readFrame, trainShift, writeFrame } from "../svr/payload.ts";
import type { DropReason } from "../svr/reasons.ts";
import { isUdp, moveSegment, withPayload } from "./protectrecord.ts";
import type { WirePacket } from "./protectrecord.ts";
import { isFresh, nextCounter } from "./vault.ts";
import type { Cipher, Entry, Pair, Vault } from "./vault.ts";

/** BodyOf is the session and direction that a body belongs to. */
export interface BodyOf { vault: Vault; slot: number; entry: Entry; direction: 0 | 1; unixSeconds: number }
type Way = Cipher["keys"][number];

const NO_IV = null;

function cbcIv({ key, salt }: Way, frame: Uint8Array): Uint8Array {
  return createCipheriv("aes-256-ecb", key, NO_IV).setAutoPadding(false).update(cbcIvInput(frame, salt));
}

function encrypt(way: Way, plain: Uint8Array, of: { suite: number; frame: Uint8Array; aad: Uint8Array }): Uint8Array {
  if (of.suite === SUITE_CBC) {
    const cipher = createCipheriv("aes-256-cbc", way.key, cbcIv(way, of.frame));
    return concatBytes(of.frame, cipher.update(plain), cipher.final());
  }
  const cipher = createCipheriv("aes-256-gcm", way.key, gcmNonce(of.frame, way.salt), { authTagLength: GCM_TAG });
  cipher.setAAD(of.aad);
  return concatBytes(of.frame, cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

/** What OpenSSL refuses to end has a wrong tag or padding. */
function ended(decipher: { update(data: Uint8Array): Buffer; final(): Buffer }, section: Uint8Array): Result<Uint8Array, DropReason> {
  const plain = decipher.update(section);
  try {
    return ok(concatBytes(plain, decipher.final()));
  } catch {
    return fail("decrypt-failure");
  }
}

function decrypt(way: Way, section: Uint8Array, of: { suite: number; frame: Uint8Array; aad: Uint8Array }): Result<Uint8Array, DropReason> {
  if (of.suite === SUITE_CBC) return ended(createDecipheriv("aes-256-cbc", way.key, cbcIv(way, of.frame)), section);
  const end = section.length - GCM_TAG, decipher = createDecipheriv("aes-256-gcm", way.key, gcmNonce(of.frame, way.salt), { authTagLength: GCM_TAG });
  decipher.setAAD(of.aad).setAuthTag(section.subarray(end));
  return ended(decipher, section.subarray(0, end));
}

/** sealBody counts and encrypts a body under the session's current key; an empty one stays empty. */
export function sealBody(body: Uint8Array, { vault, slot, entry, direction }: BodyOf, position = 0): Result<Uint8Array, DropReason> {
  const { current, uuid, suite } = entry;
  if (body.length === 0) return ok(body);
  const counter = current && nextCounter(vault, { slot, uuid, index: current.index, direction });
  if (current === undefined || counter === undefined) return fail("no-key");
  const frame = writeFrame({ index: current.index, position, counter });
  return ok(encrypt(current.keys[direction], body, { suite, frame, aad: gcmAad(uuid, direction, frame) }));
}

/** Under which key a body is encrypted: the current one, or for a while the one before. */
function cipherOf({ entry: { current, previous, suite }, unixSeconds }: BodyOf, body: Uint8Array): Cipher | undefined {
  const section = body.length - FRAME_BYTES;
  if ((suite !== SUITE_CBC && suite !== SUITE_GCM) || section < CBC_BLOCK || (suite === SUITE_CBC && section % CBC_BLOCK !== 0)) return undefined; // GCM: a tag of as many bytes
  if (body[0] === current?.index) return current;
  return previous !== undefined && body[0] === previous.index && unixSeconds < previous.untilS ? previous : undefined;
}

/** openBody judges the counter of a body and decrypts it; call it once the tag of its packet was right. */
export function openBody(body: Uint8Array, of: BodyOf): Result<Uint8Array, DropReason> {
  if (body.length === 0) return ok(body);
  const { vault, slot, entry: { uuid, suite }, direction } = of, cipher = cipherOf(of, body);
  if (cipher === undefined) return fail("decrypt-failure");
  const counter = readFrame(body, 0)?.counter ?? 0;
  if (!isFresh(vault, { slot, uuid, index: cipher.index, direction }, counter)) return fail("replay-payload");
  const frame = body.subarray(0, FRAME_BYTES);
  return decrypt(cipher.keys[direction], body.subarray(FRAME_BYTES), { suite, frame, aad: gcmAad(uuid, direction, frame) });
}

type Secret = Pick<PeerKeys, "keyId" | "hmac">;

/** What a tag covers (protocol 7.2) of a packet without it, but for the epoch: ports and checksum zero; a UDP length as it is with the tag, or as it came. */
function coveredBy(packet: WirePacket, length: number): Uint8Array {
  const covered = packet.data.slice(packet.l4);
  writeU32(covered, 0, 0);
  writeU16(covered, isUdp(packet) ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT, 0);
  if (isUdp(packet)) writeU16(covered, 4, length);
  return covered;
}

function tagOf(covered: Uint8Array, { keyId, hmac }: Secret, epoch: number): Uint8Array {
  const end = new Uint8Array(8);
  writeU32(end, 0, keyId);
  writeU32(end, 4, epoch);
  return createHmac("sha256", hmac).update(covered).update(end).digest().subarray(0, TAG_BYTES);
}

/** KeyedBy is what a packet is sealed or opened with: keys of the peer, of its body where it is encrypted here; `passes` where only the ends do that. */
export interface KeyedBy { pair: Pair; body?: BodyOf | undefined; passes: boolean; unixSeconds: number }

/** F of a TCP segment's body. */
function frameIn(packet: WirePacket, body: Uint8Array, isEncrypted: boolean): ReturnType<typeof readFrame> {
  return isEncrypted && !isUdp(packet) && body.length > FRAME_BYTES ? readFrame(body, 0) : undefined;
}

/** sealPacket encrypts the body, where `body` says whose it is, and puts the tag at the end. */
export function sealPacket(packet: WirePacket, { pair, body, passes, unixSeconds }: KeyedBy): Result<WirePacket, DropReason> {
  const plain = packet.data.subarray(packet.body), sealed = body === undefined ? ok(plain) : sealBody(plain, body, packet.position);
  if (!sealed.ok) return sealed;
  const whole = withPayload(packet, sealed.value), frame = frameIn(packet, sealed.value, passes || body !== undefined);
  moveSegment(whole, trainShift(frame, sealed.value.length - plain.length + (pair.mode === "disabled" ? 0 : TAG_BYTES)));
  if (pair.mode === "disabled") return ok(whole);
  if (pair.send === undefined) return fail("no-key");
  const tag = tagOf(coveredBy(whole, whole.data.length - whole.l4 + TAG_BYTES), pair.send, sendEpoch(pair.mode, epochAt(unixSeconds)));
  return ok(withPayload(whole, sealed.value, tag));
}

/** Opened is a packet without tag, and without encryption where it had that; or why it is dropped, with how many epochs its sender was ahead. */
export type Opened = { ok: true; value: WirePacket } | { ok: false; error: DropReason; skew?: number };

/** openPacket judges the tag, then the body; `mayLook` is asked before a wrong tag is looked for at other times. */
export function openPacket(packet: WirePacket, of: KeyedBy & { mayLook: () => boolean }): Opened {
  const payload = packet.data.subarray(packet.body), end = of.pair.mode === "disabled" ? payload.length : payload.length - TAG_BYTES;
  if (end < 0) return { ok: false, error: "hmac-failure" };
  if (of.pair.mode !== "disabled") {
    const failure = judgeTag(packet, of);
    if (failure !== undefined) return failure;
  }
  const sealed = payload.subarray(0, end), opened = of.body === undefined ? ok(sealed) : openBody(sealed, of.body);
  if (!opened.ok) return opened;
  const whole = withPayload(packet, opened.value);
  moveSegment(whole, -trainShift(frameIn(packet, sealed, of.passes || of.body !== undefined), payload.length - opened.value.length));
  return ok(whole);
}

function judgeTag(packet: WirePacket, { pair, unixSeconds, mayLook }: { pair: Pair; unixSeconds: number; mayLook: () => boolean }): Opened | undefined {
  const { data, l4, split } = packet, epoch = epochAt(unixSeconds), tag = data.subarray(data.length - TAG_BYTES);
  const bare = { ...packet, data: data.subarray(0, data.length - TAG_BYTES) };
  const covered = coveredBy(bare, split ? data.length - l4 : data[l4 + 4]! << 8 | data[l4 + 5]!);
  const fits = (epochs: readonly number[]): number | undefined => epochs.find((one) => pair.receive.some((secret) => timingSafeEqual(tagOf(covered, secret, one), tag)));
  if (fits(acceptedEpochs(pair.mode, epoch, pair.window)) !== undefined) return undefined;
  const other = pair.mode === "time-based" && mayLook() ? fits(skewEpochs(epoch, pair.window)) : undefined;
  return other === undefined ? { ok: false, error: "hmac-failure" } : { ok: false, error: "hmac-clock-skew", skew: other - epoch | 0 };
}
