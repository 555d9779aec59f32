// Live sessions of some kinds among a million: the verdict on a kind of session is remembered, and the kind is told by the bytes of a
// slot, so that a session is read only when its kind is new or wanted, and ended without being read. Called by open.ts; model-sift.ts says plainly what a kind is.
import type { SessionOp, Sift, SiftVerdict } from "../ports/datapath.ts";
import { Flag, Life } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { offsetOf, sessionLayout, sideLayout, tailLayout } from "./layouts.ts";
import type { StructLayout } from "./layouts.ts";
import { readSession, SESSION_SIZE } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";
import type { Picks, Table } from "./table.ts";

const KINDS = 16_384;                 // remembered at once, a power of two; of two with the same place the later one stays
const LIVE = 1 << Life.live;
const WORD = 4;
const SPREAD = 0x9e3779b1, SEED = 0x811c9dc5; // odd numbers with well-mixed bits (golden ratio; FNV)

const UUID = offsetOf(sessionLayout, "uuid"), UUID_BYTES = 16;
const NO = 1, YES = 2, END = 3; // END and a reason number

/** createSift begins a look through the table. */
export function createSift(table: Pick<Table, "scan" | "apply">, judge: (session: Session) => SiftVerdict): Sift {
  const verdictOf = rememberKinds(judge);
  return {
    next: (cursor, max) => {
      const ends: Extract<SessionOp, { kind: "end" }>[] = [];
      const picks: Picks = (bytes, at, index) => {
        const verdict = verdictOf(bytes, at);
        if (verdict >= END) ends.push({ kind: "end", ref: { index, uuid: bytes.array.slice(at + UUID, at + UUID + UUID_BYTES) }, reason: verdict - END, now: true });
        return verdict === YES;
      };
      const page = table.scan(LIVE, cursor, max, picks), results = table.apply(ends);
      return { ...page, ended: ends.filter((_one, i) => results[i]?.ok === true).map(({ ref }) => ref) };
    },
  };
}

/** The words of a session that tell its kind, with the bits that count. */
const { places, masks } = kindWords();

function kindWords(): { places: readonly number[]; masks: readonly number[] } {
  const bits = new Uint8Array(SESSION_SIZE);
  const mark = (layout: StructLayout, names: readonly string[], from = 0): void => {
    for (const { name, offset, size } of layout.fields) if (names.includes(name)) bits.fill(0xff, from + offset, from + offset + size);
  };
  const sides = offsetOf(sessionLayout, "side"), tails = offsetOf(sessionLayout, "tail");
  mark(sessionLayout, ["tenant", "service", "context_destination", "context_destination_port_be", "context_proto", "context_family"]);
  mark(sideLayout, ["path", "nexthop"], sides);
  mark(sideLayout, ["path", "nexthop", "ifnum", "vlan", "family", "remote_be", "local_be"], sides + sideLayout.size);
  mark(tailLayout, ["remote_be", "local_be"], tails + tailLayout.size);
  new DataView(bits.buffer).setUint32(offsetOf(sessionLayout, "flags"), Flag.snat, true);
  const words = [...new Uint32Array(bits.buffer)].map((mask, place) => ({ mask, place })).filter(({ mask }) => mask !== 0);
  return { places: words.map(({ place }) => place), masks: words.map(({ mask }) => mask) };
}

const numberOf = (verdict: SiftVerdict): number => (typeof verdict === "boolean" ? verdict ? YES : NO : END + verdict.end);

/** Makes a verdict on bytes of one on sessions. */
function rememberKinds(judge: (session: Session) => SiftVerdict): (bytes: Bytes, at: number) => number {
  const each = places.length, known = new Uint32Array(KINDS * each), answers = new Uint16Array(KINDS); // 0 nothing
  const kind = new Uint32Array(each);
  let words: Uint32Array = new Uint32Array(0);
  /** Takes the kind of a session; the result is its place. */
  const take = (first: number): number => {
    let hash = SEED;
    for (let i = 0; i < each; i++) {
      const word = (words[first + (places[i] ?? 0)] ?? 0) & (masks[i] ?? 0);
      kind[i] = word;
      hash = Math.imul(hash ^ word, SPREAD);
      hash ^= hash >>> 15;
    }
    return hash & KINDS - 1;
  };
  const isKnown = (place: number): boolean => {
    if (answers[place] === 0) return false;
    for (let i = 0; i < each; i++) if (known[place * each + i] !== kind[i]) return false;
    return true;
  };
  return (bytes, at) => {
    if (words.buffer !== bytes.array.buffer) words = new Uint32Array(bytes.array.buffer);
    const place = take(at / WORD);
    if (!isKnown(place)) {
      answers[place] = numberOf(judge(readSession(bytes, at)));
      known.set(kind, place * each);
    }
    return answers[place] ?? NO;
  };
}
