// Captures as a shard takes part in them (behaviour 13.5): which new sessions belong to one, what the data plane is asked to copy, and
// copies of the packets that only a shard sees: first packets, and what it sends. Owned by shard.ts; says what it did in messages to
// the app, which keeps the packets. Idle, it costs a test of one field.
import { toHex } from "../base/bytes.ts";
import type { CapturePoint, CopiedPacket, SessionRef, ShardPort } from "../ports/datapath.ts";
import { CAPTURE_SESSIONS_MOST, readCaptureTag, writeCaptureTag } from "../svr/capturetag.ts";
import { Flag, Life } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { changeFlags, handleOf } from "./batch.ts";
import type { Handle, Output } from "./batch.ts";
import type { Held } from "./held.ts";
import type { FromShard } from "./messages.ts";
import { framesOf } from "./sealing.ts";
import { sessionTest } from "./sessionquery.ts";
import type { SessionTest } from "./sessionquery.ts";
import type { Arrival, Turn } from "./turn.ts";

/** CaptureSpec is a capture that shards take part in. */
export interface CaptureSpec {
  id: string;
  /** filters of the admin API's list of sessions, as a query */
  query: string;
  /** wanted of each session at each point */
  packets: number;
  /** sessions that may still join */
  room: number;
  /** sessions that begin carry its tag, so that the routers behind capture them too */
  isAnnounced: boolean;
}

/** CopyMark says on an output where it is seen. */
export interface CopyMark { uuid: Uint8Array; point: CapturePoint; ifnum: number; vlan: number }

const BOOK_LIMIT = 1024, RUNNING_LIMIT = 64, CLOSED_LIMIT = 64, COPY_MOST = 2048;

interface Running { spec: CaptureSpec; passes: SessionTest | undefined; room: number }
/** A session that is captured: what this shard may still copy of it at each point. */
interface Booked { left: number[]; ids: Set<string>; tag?: Uint8Array }

/** Capturing is the part of one shard. */
export class Capturing {
  readonly #port: Pick<ShardPort, "wantCopies" | "unixNs">;
  readonly #shard: { number: number; count: number };
  readonly #running = new Map<string, Running>();
  readonly #booked = new Map<string, Booked>();
  readonly #closed = new Set<string>();
  #copies: CopiedPacket[] = [];
  #told: FromShard[] = [];

  constructor(port: Pick<ShardPort, "wantCopies" | "unixNs">, shard: { number: number; count: number }) {
    this.#port = port;
    this.#shard = shard;
  }

  /** nothing is captured */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** held is how many sessions it captures, for how many captures. */
  held(): Held[] {
    return [{ name: "captures that shards take part in", entries: this.#running.size, limit: RUNNING_LIMIT }, { name: "captured sessions", entries: this.#booked.size, limit: BOOK_LIMIT }];
  }

  /** start takes part in a capture that the app began, with those of its live sessions that this shard owns. */
  start(turn: Turn, spec: CaptureSpec, refs: readonly SessionRef[]): void {
    const { tables } = turn;
    this.#running.set(spec.id, { spec, passes: sessionTest(new URLSearchParams(spec.query), { nameOf: (id) => tables.nameOf(id) }), room: spec.room });
    for (const { uuid } of refs) {
      const found = turn.find.byUuid(uuid);
      if (found?.state.life === Life.live && found.state.shard % this.#shard.count === this.#shard.number) this.#book(turn, handleOf(turn.batch, found.index, found.state), spec);
    }
  }

  /** full lets no further session into a capture; over forgets it. */
  full(id: string): void {
    const running = this.#running.get(id);
    if (running !== undefined) running.room = 0;
  }

  over(id: string): void {
    this.#running.delete(id);
    if (this.#closed.size >= CLOSED_LIMIT) this.#closed.delete([...this.#closed][0] ?? "");
    this.#closed.add(id);
    for (const [uuid, booked] of this.#booked) {
      booked.ids.delete(id);
      if (booked.ids.size === 0) this.#booked.delete(uuid);
    }
  }

  /** begun looks at a new session: a filter that it passes, or the tag that its first packet came with. */
  begun(turn: Turn, handle: Handle, arrival: Arrival): void {
    const tag = arrival.opened?.tlvs.captureTag;
    const joined = tag === undefined ? undefined : this.#join(turn, handle, tag);
    for (const running of this.#running.values()) {
      if (running.spec.id === joined || running.room < 1 || running.passes?.(handle.state) !== true) continue;
      running.room--;
      this.#book(turn, handle, running.spec, running.spec.isAnnounced);
    }
    this.arrives(arrival, handle.state, 0);
  }

  /** A capture that other routers take part in: its id and bounds are in the tag, unless it was begun here too. The id, when the session is in it. */
  #join(turn: Turn, handle: Handle, tag: Uint8Array): string | undefined {
    const { id, packets } = readCaptureTag(tag);
    if (this.#closed.has(id)) return undefined;
    const running = this.#running.get(id) ?? { spec: { id, query: "", packets, room: CAPTURE_SESSIONS_MOST, isAnnounced: false }, passes: undefined, room: CAPTURE_SESSIONS_MOST };
    const isNew = !this.#running.has(id);
    if (running.room < 1 || (isNew && this.#running.size >= RUNNING_LIMIT) || !this.#book(turn, handle, running.spec)) return undefined;
    running.room--;
    this.#running.set(id, running);
    return id;
  }

  #book(turn: Turn, handle: Handle, { id, packets }: CaptureSpec, isAnnounced = false): boolean {
    const { ref, state } = handle;
    const name = toHex(state.uuid);
    const known = this.#booked.get(name);
    if (ref === undefined || (known === undefined && this.#booked.size >= BOOK_LIMIT) || !this.#port.wantCopies(ref.index, packets)) return false;
    const booked: Booked = known ?? { left: [], ids: new Set() };
    booked.left = new Array<number>(4).fill(packets);
    booked.ids.add(id);
    if (isAnnounced) booked.tag ??= writeCaptureTag({ id, packets });
    this.#booked.set(name, booked);
    changeFlags(turn.batch, handle, { set: Flag.capture });
    this.#told.push({ kind: "capturing", id, packets, ref: { index: ref.index, uuid: state.uuid.slice() } });
    return true;
  }

  /** tagOf is what forward metadata of a session says to the routers behind (TLV 0x8005). */
  tagOf({ uuid }: Session): Uint8Array | undefined {
    return this.isIdle ? undefined : this.#booked.get(toHex(uuid))?.tag;
  }

  /** arrives copies a packet of a captured session that the data plane has not copied, as it came. */
  arrives({ punt, packet, raw }: Arrival, session: Session, side: SideIndex): void {
    if (this.isIdle || punt.isCopied === true) return;
    this.#copy({ uuid: session.uuid, point: side === 0 ? 0 : 2, ifnum: punt.ifnum, vlan: punt.vlan }, raw ?? packet.data);
  }

  /** leaves marks the outputs behind `first` that go out of a side: they are copied when they are signed. */
  leaves(outputs: readonly Output[], first: number, at: { session: Session; side: SideIndex }): void {
    const { session, side } = at;
    if (this.isIdle || !this.#booked.has(toHex(session.uuid))) return;
    const { ifnum, vlan, nexthop } = session.side[side];
    for (const output of outputs.slice(first)) if (output.frame.nexthop === nexthop) output.copy = { uuid: session.uuid, point: side === 1 ? 1 : 3, ifnum, vlan };
  }

  /** sent copies marked outputs, whose bytes are final now. */
  sent(outputs: readonly Output[]): void {
    if (this.isIdle) return;
    for (const output of outputs) if (output.copy !== undefined) for (const { data } of framesOf([output])) this.#copy(output.copy, data);
  }

  #copy(mark: CopyMark, data: Uint8Array): void {
    const left = this.#booked.get(toHex(mark.uuid))?.left;
    if (left === undefined || left[mark.point] === 0) return;
    left[mark.point]! -= 1;
    this.#copies.push({ ...mark, uuid: mark.uuid.slice(), timeNs: this.#port.unixNs(), gsoSize: 0, length: data.length, data: data.slice(0, COPY_MOST) });
  }

  /** take gives what the app should know, once. */
  take(): FromShard[] {
    if (this.#told.length === 0 && this.#copies.length === 0) return [];
    const told = this.#told, copies = this.#copies;
    this.#told = [];
    this.#copies = [];
    return copies.length === 0 ? told : [...told, { kind: "copies", copies }];
  }
}
