// Joining pieces of packets within bounds (protocol 10.1, 10.2): any overlap, a limit or the timeout discards the whole
// packet. Shared by SVR fragments (svrfragments.ts) and IP fragments (ipfragments.ts), one instance each and shard. Time
// is passed in; what is discarded is counted under `reassembly`. Knows no headers.
import { BODY_MAX, SLICE_UNIT } from "./fragment.ts";

/** ReassemblyLimits bound one instance; the router divides its own limits among its shards. */
export interface ReassemblyLimits {
  /** packets that may be open at once, in all and per remote address */
  readonly packets: number;
  readonly perRemote: number;
  /** bytes that may be held at once */
  readonly bytes: number;
}

/** REASSEMBLY_TIMEOUT_MS is how long a packet may stay incomplete, from its first fragment on. */
export const REASSEMBLY_TIMEOUT_MS = 5_000;
/** FRAGMENTS_MAX is the largest number of fragments of one packet, copies included. */
export const FRAGMENTS_MAX = 128;
/** ROUTER_LIMITS are the limits of a router for user packets; the byte limit is ours (16,384 packets could hold 1 GiB). */
export const ROUTER_LIMITS: ReassemblyLimits = { packets: 16_384, perRemote: 4_096, bytes: 64 * 1024 * 1024 };
/** KEY_EXCHANGE_LIMITS bound the separate instance for key exchange. */
export const KEY_EXCHANGE_LIMITS: ReassemblyLimits = { packets: 256, perRemote: 32, bytes: 1024 * 1024 };

/** Piece is one fragment as received. Its arrays may be views: what is kept is copied. */
export interface Piece {
  /** names the packet it belongs to */
  readonly key: string;
  /** remote address, for the limit */
  readonly remote: string | number;
  readonly offset: number;
  readonly more: boolean;
  /** what stands before the slice; kept of the piece with offset 0 */
  readonly head: Uint8Array;
  readonly slice: Uint8Array;
  /** what follows the slice; kept of the last piece */
  readonly tail: Uint8Array;
  /** size of the fragment on the wire */
  readonly size: number;
  /** congestion was marked on it (RFC 3168 5.3) */
  readonly marked: boolean;
}

/** Joined is a complete packet: head of the first piece, all slices, tail of the last, in one array. */
export interface Joined {
  readonly data: Uint8Array;
  readonly headLength: number;
  readonly tailLength: number;
  /** size of the largest fragment seen */
  readonly largest: number;
  readonly marked: boolean;
}

interface Part {
  readonly offset: number;
  readonly slice: Uint8Array;
}

interface OpenPacket {
  readonly key: string;
  readonly remote: string | number;
  readonly since: number;
  /** in order of offset; emptied when the packet is discarded, while its key stays to swallow the rest of it */
  parts: Part[];
  discarded: boolean;
  seen: number;
  bytes: number;
  received: number;
  /** length of the whole body; unknown before the last piece */
  total: number | undefined;
  head: Uint8Array;
  tail: Uint8Array;
  largest: number;
  marked: boolean;
}

const NOTHING = new Uint8Array(0);
/** The ECN field with its value "congestion experienced", low bits of TOS and traffic class (RFC 3168 5). */
const ECN_MARKED = 0x03;

/** isMarked tells whether the TOS or traffic class of a fragment says that congestion was met. */
export function isMarked(tos: number): boolean {
  return (tos & ECN_MARKED) === ECN_MARKED;
}

/** markWhole puts that mark on a joined packet when any of its fragments bore it; before the IPv4 header checksum. */
export function markWhole(joined: Joined): void {
  if (joined.marked) joined.data[1]! |= joined.data[0]! >>> 4 === 4 ? ECN_MARKED : ECN_MARKED << 4;
}

/** Reassembler holds the open packets of one shard. Owner: that shard. */
export class Reassembler {
  readonly #limits: ReassemblyLimits;
  /** in order of age, because a packet keeps its place from its first fragment on */
  readonly #open = new Map<string, OpenPacket>();
  readonly #perRemote = new Map<string | number, number>();
  #bytes = 0;
  #discarded = 0;

  constructor(limits: ReassemblyLimits) {
    this.#limits = limits;
  }

  /** open is the number of packets that wait for fragments or for the end of their discarding. */
  get open(): number {
    return this.#open.size;
  }

  /** bytes is the memory held for fragments. */
  get bytes(): number {
    return this.#bytes;
  }

  /** takeDiscarded gives the packets discarded since the last call. */
  takeDiscarded(): number {
    const discarded = this.#discarded;
    this.#discarded = 0;
    return discarded;
  }

  /** accept takes a fragment at `now` (ms) and gives the whole packet when it was the last one missing. */
  accept(piece: Piece, now: number): Joined | undefined {
    this.expire(now);
    const packet = this.#open.get(piece.key) ?? this.#start(piece, now);
    if (packet === undefined || packet.discarded) return undefined;
    packet.seen++;
    if (packet.seen > FRAGMENTS_MAX || !this.#insert(packet, piece)) {
      this.#discard(packet);
      return undefined;
    }
    return packet.received === packet.total ? this.#finish(packet) : undefined;
  }

  /** expire discards what has been incomplete for 5 s; call it about once a second where no fragments arrive. */
  expire(now: number): void {
    for (const packet of this.#open.values()) {
      if (now - packet.since < REASSEMBLY_TIMEOUT_MS) return;
      if (!packet.discarded) this.#discard(packet);
      this.#remove(packet);
    }
  }

  #start(piece: Piece, now: number): OpenPacket | undefined {
    const ofRemote = this.#perRemote.get(piece.remote) ?? 0;
    if (this.#open.size >= this.#limits.packets || ofRemote >= this.#limits.perRemote) {
      this.#discarded++;
      return undefined;
    }
    const packet: OpenPacket = {
      key: piece.key, remote: piece.remote, since: now, parts: [], discarded: false, seen: 0, bytes: 0, received: 0, total: undefined,
      head: NOTHING, tail: NOTHING, largest: 0, marked: false,
    };
    this.#open.set(piece.key, packet);
    this.#perRemote.set(piece.remote, ofRemote + 1);
    return packet;
  }

  /** False when the packet must be discarded. An exact copy is ignored: networks duplicate (RFC 8200 4.5). */
  #insert(packet: OpenPacket, piece: Piece): boolean {
    if (!isWellFormed(piece)) return false;
    const at = placeOf(packet.parts, piece.offset);
    if (isCopy(packet.parts[at], piece)) return true;
    if (!isApart(packet, piece, at)) return false;
    const held = piece.slice.length + (piece.offset === 0 ? piece.head.length : 0) + (piece.more ? 0 : piece.tail.length);
    if (this.#bytes + held > this.#limits.bytes) return false;
    this.#bytes += held;
    packet.bytes += held;
    packet.received += piece.slice.length;
    packet.largest = Math.max(packet.largest, piece.size);
    packet.marked ||= piece.marked;
    packet.parts.splice(at, 0, { offset: piece.offset, slice: piece.slice.slice() });
    if (piece.offset === 0) packet.head = piece.head.slice();
    if (!piece.more) {
      packet.total = piece.offset + piece.slice.length;
      packet.tail = piece.tail.slice();
    }
    return true;
  }

  #finish(packet: OpenPacket): Joined {
    const { head, tail, parts, received, largest, marked } = packet;
    const data = new Uint8Array(head.length + received + tail.length);
    data.set(head);
    for (const part of parts) data.set(part.slice, head.length + part.offset);
    data.set(tail, head.length + received);
    this.#remove(packet);
    return { data, headLength: head.length, tailLength: tail.length, largest, marked };
  }

  #discard(packet: OpenPacket): void {
    this.#discarded++;
    packet.discarded = true;
    this.#bytes -= packet.bytes;
    packet.bytes = 0;
    packet.parts = [];
    packet.head = packet.tail = NOTHING;
  }

  #remove(packet: OpenPacket): void {
    this.#bytes -= packet.bytes;
    this.#open.delete(packet.key);
    const ofRemote = this.#perRemote.get(packet.remote)! - 1;
    if (ofRemote === 0) this.#perRemote.delete(packet.remote);
    else this.#perRemote.set(packet.remote, ofRemote);
  }
}

/** Slices are not empty, end within 65,535 bytes, and all but the last are whole units. */
function isWellFormed(piece: Piece): boolean {
  const { length } = piece.slice;
  return length > 0 && piece.offset + length <= BODY_MAX && (!piece.more || length % SLICE_UNIT === 0);
}

/** Index of the first part at or behind an offset. */
function placeOf(parts: readonly Part[], offset: number): number {
  const at = parts.findIndex((part) => part.offset >= offset);
  return at < 0 ? parts.length : at;
}

function isCopy(part: Part | undefined, piece: Piece): boolean {
  return part !== undefined && part.offset === piece.offset && part.slice.length === piece.slice.length
    && part.slice.every((byte, index) => byte === piece.slice[index]);
}

/** Neither overlaps a neighbour nor contradicts the end of the packet. */
function isApart(packet: OpenPacket, piece: Piece, at: number): boolean {
  const before = packet.parts[at - 1];
  const after = packet.parts[at];
  const end = piece.offset + piece.slice.length;
  if (before !== undefined && before.offset + before.slice.length > piece.offset) return false;
  if (after !== undefined && (end > after.offset || !piece.more)) return false;
  return packet.total === undefined || end <= packet.total;
}
