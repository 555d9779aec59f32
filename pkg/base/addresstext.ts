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
  return formatGroups(address, longestZeroRun(address));
}

// Pages of sessions and records write millions of addresses: without a list on the way this takes a third of the time.
function formatGroups(address: IpAddress, gap: ZeroRun): string {
  let text = "", between = "";
  for (let at = 0; at < groupCount; at++) {
    if (at === gap.start && gap.count > 1) {
      text += "::";
      between = "";
      at += gap.count - 1;
    } else {
      text += between + groupOf(address, at).toString(16);
      between = ":";
    }
  }
  return text;
}

function groupOf(address: IpAddress, at: number): number {
  const word = at < 4 ? (at < 2 ? address.w0 : address.w1) : (at < 6 ? address.w2 : address.w3);
  return (at & 1) === 0 ? word >>> 16 : word & 0xffff;
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

interface ZeroRun { start: number; count: number }

function longestZeroRun(address: IpAddress): ZeroRun {
  const best = { start: 0, count: 0 };
  for (let at = 0, run = 0; at < groupCount; at++) {
    run = groupOf(address, at) === 0 ? run + 1 : 0;
    if (run <= best.count) continue;
    best.start = at + 1 - run;
    best.count = run;
  }
  return best;
}
