// Address prefixes as small immutable values. Called by the configuration model, the compiler and tables; pure.
// A prefix keeps the address as written: host bits matter for interface addresses, networkOf removes them.
import { addressOfWords } from "./address.ts";
import type { IpAddress, IpFamily } from "./address.ts";
import { formatAddress, parseAddress } from "./addresstext.ts";

/** Prefix is an address with a length in bits: 0-32 for IPv4, 0-128 for IPv6. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

/** widthOf gives the bits of an address of the family. */
export function widthOf(family: IpFamily): number {
  return family === 4 ? 32 : 128;
}

/** parsePrefix reads `ADDRESS/LENGTH`, or a bare address as a host prefix; anything else is undefined. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const width = widthOf(address.family);
  if (slash < 0) return { address, length: width };
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > width) return undefined;
  return { address, length: Number(length) };
}

/** formatPrefix writes a prefix as `ADDRESS/LENGTH`, always with the length. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** maskWord gives word `index` (0-3) of the mask of a prefix length. */
export function maskWord(length: number, index: number): number {
  const bits = length - index * 32;
  if (bits >= 32) return -1;
  return bits <= 0 ? 0 : (-1 << (32 - bits)) | 0;
}

/** networkOf clears the host bits of a prefix. */
export function networkOf(prefix: Prefix): Prefix {
  const { family, w0, w1, w2, w3 } = prefix.address;
  const mask = (index: number): number => maskWord(prefix.length, index);
  return { address: addressOfWords(family, w0 & mask(0), w1 & mask(1), w2 & mask(2), w3 & mask(3)), length: prefix.length };
}

/** containsAddress tells whether an address lies inside a prefix; families must match. */
export function containsAddress(prefix: Prefix, address: IpAddress): boolean {
  return prefix.address.family === address.family && commonBits(prefix.address, address) >= prefix.length;
}

/** containsPrefix tells whether every address of `inner` lies inside `outer`. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, inner.address);
}

/** commonBits counts the equal leading bits of two addresses of one family. */
export function commonBits(a: IpAddress, b: IpAddress): number {
  const width = widthOf(a.family);
  const differences = [a.w0 ^ b.w0, a.w1 ^ b.w1, a.w2 ^ b.w2, a.w3 ^ b.w3];
  const first = differences.findIndex((word) => word !== 0);
  return first < 0 ? width : first * 32 + Math.clz32(differences[first] ?? 0);
}

/** comparePrefixes orders prefixes: IPv4 first, then by address, then the shorter first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  if (a.address.family !== b.address.family) return a.address.family - b.address.family;
  for (const word of ["w0", "w1", "w2", "w3"] as const) {
    const difference = (a.address[word] >>> 0) - (b.address[word] >>> 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
