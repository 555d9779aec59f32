// Longest prefix match: a path-compressed binary trie per address family, built once and then read-only.
// Called by the service and member tables on first packets. A look-up allocates nothing; compared with a linear model in its test.
import type { IpAddress } from "./address.ts";
import { commonBits, maskWord, networkOf } from "./prefix.ts";
import type { Prefix } from "./prefix.ts";

/** PrefixNode is one stored prefix with its value; `covering` is the next shorter stored prefix around it. */
export interface PrefixNode<T> {
  readonly prefix: Prefix;
  readonly value: T;
  readonly covering: PrefixNode<T> | undefined;
}

/** PrefixTable answers longest-prefix questions. */
export interface PrefixTable<T> {
  /** The longest stored prefix that contains the address, or undefined. */
  longest(address: IpAddress): PrefixNode<T> | undefined;
  /** Number of stored prefixes. */
  readonly size: number;
}

interface TrieNode<T> {
  prefix: Prefix;
  words: [number, number, number, number];
  masks: [number, number, number, number];
  stored: PrefixNode<T> | undefined;
  zero: TrieNode<T> | undefined;
  one: TrieNode<T> | undefined;
}

/** createPrefixTable builds a table; of entries with the same prefix the last one stays. Host bits are ignored. */
export function createPrefixTable<T>(entries: Iterable<readonly [Prefix, T]>): PrefixTable<T> {
  const roots: { 4: TrieNode<T> | undefined; 6: TrieNode<T> | undefined } = { 4: undefined, 6: undefined };
  const sorted = [...entries].map(([prefix, value]) => [networkOf(prefix), value] as const).sort((a, b) => a[0].length - b[0].length);
  let size = 0;
  for (const [prefix, value] of sorted) {
    const family = prefix.address.family;
    const covering = longestIn(roots[family], prefix.address);
    const same = covering?.prefix.length === prefix.length;
    if (!same) size += 1;
    roots[family] = insert(roots[family], { prefix, value, covering: same ? covering.covering : covering });
  }
  return { size, longest: (address) => longestIn(roots[address.family], address) };
}

function longestIn<T>(root: TrieNode<T> | undefined, address: IpAddress): PrefixNode<T> | undefined {
  let best: PrefixNode<T> | undefined;
  let node = root;
  while (node !== undefined && matches(node, address)) {
    if (node.stored !== undefined) best = node.stored;
    node = bitAt(address, node.prefix.length) === 0 ? node.zero : node.one;
  }
  return best;
}

function matches<T>(node: TrieNode<T>, address: IpAddress): boolean {
  const { words, masks } = node;
  return (((address.w0 ^ words[0]) & masks[0]) | ((address.w1 ^ words[1]) & masks[1])
    | ((address.w2 ^ words[2]) & masks[2]) | ((address.w3 ^ words[3]) & masks[3])) === 0;
}

/** Bit `index` of an address, 0 is the most significant; past the end it is 0, where no child hangs. */
function bitAt(address: IpAddress, index: number): number {
  const word = index < 32 ? address.w0 : index < 64 ? address.w1 : index < 96 ? address.w2 : address.w3;
  return index < 128 ? (word >>> (31 - (index & 31))) & 1 : 0;
}

function makeNode<T>(prefix: Prefix): TrieNode<T> {
  const { w0, w1, w2, w3 } = prefix.address;
  const masks: [number, number, number, number] = [0, 1, 2, 3].map((index) => maskWord(prefix.length, index)) as [number, number, number, number];
  return { prefix, words: [w0, w1, w2, w3], masks, stored: undefined, zero: undefined, one: undefined };
}

/** Prefixes arrive shortest first, so a new one is never above a stored one: it goes below, or splits an edge sideways. */
function insert<T>(root: TrieNode<T> | undefined, entry: PrefixNode<T>): TrieNode<T> {
  if (root === undefined) return leafOf(entry);
  const shared = Math.min(commonBits(root.prefix.address, entry.prefix.address), root.prefix.length, entry.prefix.length);
  if (shared === root.prefix.length) {
    if (shared === entry.prefix.length) root.stored = entry;
    else hang(root, insert(childOf(root, entry.prefix.address), entry), entry.prefix.address);
    return root;
  }
  const branch = makeNode<T>(networkOf({ address: entry.prefix.address, length: shared }));
  hang(branch, root, root.prefix.address);
  hang(branch, leafOf(entry), entry.prefix.address);
  return branch;
}

function leafOf<T>(entry: PrefixNode<T>): TrieNode<T> {
  const node = makeNode<T>(entry.prefix);
  node.stored = entry;
  return node;
}

function childOf<T>(node: TrieNode<T>, address: IpAddress): TrieNode<T> | undefined {
  return bitAt(address, node.prefix.length) === 0 ? node.zero : node.one;
}

function hang<T>(parent: TrieNode<T>, child: TrieNode<T>, address: IpAddress): void {
  if (bitAt(address, parent.prefix.length) === 0) parent.zero = child;
  else parent.one = child;
}
