// Text form of IP addresses: strict RFC 4291 section 2.2 in, RFC 5952 out. Called wherever people write or read addresses,
// never on the packet path. Never resolves names, never accepts zones, octal or short IPv4 forms.
import { addressOfWords } from "./address.ts";
import type { IpAddress } from "./address.ts";

const longestText = 45; // RFC 4291: 8 groups with an embedded IPv4 address
const groupCount = 8;

/** parseAddress reads one IPv4 or IPv6 address; anything else (names, zones, leading zeros) is undefined. */
export function parseAddress(text: string): IpAddress | undefined {
  if (text.length > longestText) return undefined;
  if (text.includes(":")) return parseVersion6(text);
  const word = parseDotted(text);
  return word === undefined ? undefined : addressOfWords(4, word);
}

/** formatAddress writes an address in its one canonical form (RFC 5952; IPv4 dotted). */
export function formatAddress(address: IpAddress): string {
  if (address.family === 4) return formatDotted(address.w0);
  if (address.w0 === 0 && address.w1 === 0 && address.w2 === 0xffff) return `::ffff:${formatDotted(address.w3)}`;
  const groups = [address.w0, address.w1, address.w2, address.w3].flatMap((word) => [word >>> 16, word & 0xffff]);
  const gap = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (gap.count < 2) return hex.join(":");
  return `${hex.slice(0, gap.start).join(":")}::${hex.slice(gap.start + gap.count).join(":")}`;
}

function parseDotted(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let word = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    word = (word << 8) | Number(part);
  }
  return word;
}

function formatDotted(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

function parseVersion6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = groupCount - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  const word = (index: number): number => ((groups[index * 2] ?? 0) << 16) | (groups[index * 2 + 1] ?? 0);
  return addressOfWords(6, word(0), word(1), word(2), word(3));
}

function parseGroups(text: string, dottedEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (dottedEnd && index === parts.length - 1 && part.includes(".")) {
      const word = parseDotted(part);
      if (word === undefined) return undefined;
      groups.push(word >>> 16, word & 0xffff);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function longestZeroRun(groups: readonly number[]): { start: number; count: number } {
  let best = { start: 0, count: 0 };
  let run = { start: 0, count: 0 };
  for (const [index, group] of groups.entries()) {
    run = group === 0 ? { start: run.count === 0 ? index : run.start, count: run.count + 1 } : { start: 0, count: 0 };
    if (run.count > best.count) best = run;
  }
  return best;
}
