// Bodies of protected sessions (protocol 8.2): keys of both directions from the payload key, the eight bytes in front of each body,
// what goes into IV, nonce and AAD, how long a body becomes, which counters were seen. AES itself is the engines'. Pure.
import { concatBytes, readU32, writeU32 } from "../base/bytes.ts";
import * as wire from "./constants.ts";
import type { Suite } from "./encode.ts";
import type { Hkdf } from "./keys.ts";

/** DirectionKeys are K_d (32 bytes) and salt_d (8 bytes) of one direction. */
export interface DirectionKeys { key: Uint8Array; salt: Uint8Array }
/** PayloadKeys are those of both directions of a session. */
export interface PayloadKeys { forward: DirectionKeys; reverse: DirectionKeys }

/** FRAME_BYTES is F, in front of each body: key index (8 bits), position in a train (5), counter (51). */
export const FRAME_BYTES = 8;
/** PAYLOAD_WINDOW is how many counters of a direction and key index are told apart. */
export const PAYLOAD_WINDOW = 1_024;
/** PAYLOAD_REKEY_PACKETS: a payload key is replaced after as many packets of a direction (protocol 8.2). */
export const PAYLOAD_REKEY_PACKETS = 2 ** 31;

/** PAYLOAD_POSITIONS: a train has as many positions, then they begin again (docs/decisions/026). */
export const PAYLOAD_POSITIONS = 32;

const INDEX_SHIFT = 24, POSITION_SHIFT = 19, COUNTER_HIGH = 0x7_ffff;
const WORD = 32;
const utf8 = new TextEncoder();

/** payloadKeys derives the keys of both directions from the 32 bytes of TLV 46. */
export function payloadKeys(hkdf: Hkdf, key: Uint8Array): PayloadKeys {
  const of = (direction: "fwd" | "rev"): DirectionKeys => ({
    key: hkdf.expand(key, utf8.encode(`svr1 payload ${direction}`), wire.KEY_BYTES),
    salt: hkdf.expand(key, utf8.encode(`svr1 salt ${direction}`), wire.SALT_BYTES),
  });
  return { forward: of("fwd"), reverse: of("rev") };
}

/** PayloadFrame is F. A TCP segment at a position other than 0 has been moved in its stream, see trainShift. */
export interface PayloadFrame { index: number; position: number; counter: number }

/** writeFrame makes F; the counter is below 2^51. */
export function writeFrame({ index, position, counter }: PayloadFrame): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  writeU32(frame, 0, (index << INDEX_SHIFT | position << POSITION_SHIFT | Math.floor(counter / 2 ** WORD) & COUNTER_HIGH) >>> 0);
  writeU32(frame, WORD / 8, counter >>> 0);
  return frame;
}

/** readFrame reads F at an offset; undefined when there is no room for it. */
export function readFrame(data: Uint8Array, at: number): PayloadFrame | undefined {
  if (at + FRAME_BYTES > data.length) return undefined;
  const high = readU32(data, at);
  const counter = (high & COUNTER_HIGH) * 2 ** WORD + readU32(data, at + WORD / 8);
  return { index: high >>> INDEX_SHIFT, position: high >>> POSITION_SHIFT & PAYLOAD_POSITIONS - 1, counter };
}

/** trainShift is how far the sequence number of a TCP segment is ahead that stands at a position of its train: each one before it is `growth` bytes
 * longer than it was. So the segments follow each other on the wire, and devices and kernels may cut and join them. */
export function trainShift(frame: Pick<PayloadFrame, "position"> | undefined, growth: number): number {
  return (frame?.position ?? 0) * growth;
}

/** cbcIvInput is the block whose AES-256-ECB encryption under K_d is the IV of suite CBC. */
export function cbcIvInput(frame: Uint8Array, salt: Uint8Array): Uint8Array {
  return concatBytes(frame, salt);
}

/** gcmNonce is the nonce of suite GCM, 12 bytes. */
export function gcmNonce(frame: Uint8Array, salt: Uint8Array): Uint8Array {
  return concatBytes(salt.subarray(0, wire.GCM_IV - FRAME_BYTES), frame);
}

/** gcmAad binds a body to its session and direction; direction 0 is forward. */
export function gcmAad(uuid: Uint8Array, direction: 0 | 1, frame: Uint8Array): Uint8Array {
  return concatBytes(uuid, Uint8Array.of(direction), frame);
}

/** protectedLength is how many bytes a body has on the wire; an empty one stays empty. */
export function protectedLength(suite: Suite, length: number): number {
  if (length === 0 || suite === wire.SUITE_CLEAR) return length;
  return FRAME_BYTES + (suite === wire.SUITE_GCM ? length + wire.GCM_TAG : length + wire.CBC_BLOCK - length % wire.CBC_BLOCK);
}

/** protectedGrowth is what a packet may grow by at most: the tag of each packet, and the body (protocol 10.4). */
export function protectedGrowth(security: { suite: Suite; everyPacket: boolean }): number {
  const body = security.suite === wire.SUITE_CLEAR ? 0 : FRAME_BYTES + wire.CBC_BLOCK; // GCM: a tag of as many bytes
  return body + (security.everyPacket || body > 0 ? wire.TAG_BYTES : 0);
}

/** PayloadWindow remembers the counters of one direction and key index at its end; asked after the tag was right. */
export class PayloadWindow {
  readonly #seen = new Uint32Array(PAYLOAD_WINDOW / WORD);
  #highest = 0;

  /** take tells whether a counter is new, and remembers it. */
  take(counter: number): boolean {
    if (counter < 1 || counter <= this.#highest - PAYLOAD_WINDOW) return false;
    if (counter > this.#highest) this.#advance(counter);
    const bit = counter % PAYLOAD_WINDOW, word = Math.floor(bit / WORD), mask = 1 << bit % WORD;
    if ((this.#seen[word]! & mask) !== 0) return false;
    this.#seen[word]! |= mask;
    return true;
  }

  #advance(counter: number): void {
    const steps = Math.min(counter - this.#highest, PAYLOAD_WINDOW);
    for (let step = 1; step <= steps; step++) {
      const bit = (counter - steps + step) % PAYLOAD_WINDOW;
      this.#seen[Math.floor(bit / WORD)]! &= ~(1 << bit % WORD);
    }
    this.#highest = counter;
  }
}
