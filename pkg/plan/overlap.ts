// Services by address: which ones have addresses in common with a prefix. Kept up to date service by service; asked for the services
// in use at a router (use.ts). Called by the compiler. Pure; compared with a linear model in its test.
import { comparePrefixes, containsPrefix, formatPrefix, networkOf } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";

/** Slot is one prefix with those that have exactly it. */
export interface Slot { readonly prefix: Prefix; readonly text: string; readonly owners: ReadonlySet<string> }

/** OverlapIndex answers in time proportional to its answer. Host bits are ignored. */
export interface OverlapIndex {
  add(prefix: Prefix, owner: string): void;
  remove(prefix: Prefix, owner: string): void;
  /** Those that have exactly this prefix, as a slot writes it; in no order. */
  ownersOf(text: string): ReadonlySet<string>;
  /** Slots that share an address with a prefix, in order. */
  overlapping(prefix: Prefix): Slot[];
}

interface OwnSlot extends Slot { owners: Set<string> }

/** createOverlapIndex makes an empty index. */
export function createOverlapIndex(): OverlapIndex {
  const slots = new Map<string, OwnSlot>();
  const lengths = new Map<string, { family: 4 | 6; length: number; count: number }>();
  let sorted: OwnSlot[] = [];
  let added: OwnSlot[] = []; // not in `sorted` yet: many at once are sorted in once
  const count = ({ address: { family }, length }: Prefix, change: number): void => {
    const known = lengths.get(`${family} ${length}`) ?? { family, length, count: 0 };
    known.count += change;
    if (known.count === 0) lengths.delete(`${family} ${length}`);
    else lengths.set(`${family} ${length}`, known);
  };
  const settle = (): void => {
    if (added.length > 8) sorted = [...sorted, ...added].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
    else for (const slot of added) sorted.splice(placeOf(sorted, slot.prefix), 0, slot);
    added = [];
  };
  return {
    add(written, owner) {
      const prefix = networkOf(written);
      const text = formatPrefix(prefix);
      const known = slots.get(text);
      if (known !== undefined) {
        known.owners.add(owner);
        return;
      }
      const slot: OwnSlot = { prefix, text, owners: new Set([owner]) };
      slots.set(text, slot);
      added.push(slot);
      count(prefix, 1);
    },
    remove(written, owner) {
      const prefix = networkOf(written);
      const slot = slots.get(formatPrefix(prefix));
      if (slot?.owners.delete(owner) !== true || slot.owners.size > 0) return;
      settle();
      sorted.splice(placeOf(sorted, prefix), 1);
      slots.delete(slot.text);
      count(prefix, -1);
    },
    ownersOf: (text) => slots.get(text)?.owners ?? new Set(),
    overlapping(written) {
      settle();
      const prefix = networkOf(written);
      const around = [...lengths.values()].filter(({ family, length }) => family === prefix.address.family && length < prefix.length)
        .flatMap(({ length }) => slots.get(formatPrefix(networkOf({ address: prefix.address, length }))) ?? []);
      const inside: OwnSlot[] = [];
      for (let place = placeOf(sorted, prefix); place < sorted.length; place += 1) {
        const slot = sorted[place];
        if (slot === undefined || !containsPrefix(prefix, slot.prefix)) break;
        inside.push(slot);
      }
      return [...around.sort((a, b) => a.prefix.length - b.prefix.length), ...inside];
    },
  };
}

/** First place whose slot is not before the prefix. */
function placeOf(sorted: readonly OwnSlot[], prefix: Prefix): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const slot = sorted[middle];
    if (slot !== undefined && comparePrefixes(slot.prefix, prefix) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
