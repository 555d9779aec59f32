// Inputs for the parser fuzz: metadata that is right, nearly right, and nonsense. Pure: everything comes from the generator.
import { concatBytes, fromHex, writeU16 } from "../../pkg/base/bytes.ts";
import { BASE_HEADER, METADATA_VERSION, TLV_OVERHEAD } from "../../pkg/svr/constants.ts";
import { headerRows, payloadRows } from "../../pkg/svr/tlv.ts";
import type { TlvRow } from "../../pkg/svr/tlv.ts";
import type { Random } from "./random.ts";

const COOKIE = fromHex("4c48dbc6ddf6670c") ?? new Uint8Array(0);
const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-./";
const ODD_TYPES = [0, 9, 22, 23, 27, 50, 51, 0x7ffe, 0x8006, 0x8007, 0x8009, 0xbfff, 0xc000, 0xc0ff, 0xffff];

/** fuzzMetadata makes one L4 payload that claims to be metadata, with a body behind it. */
export function fuzzMetadata(random: Random): Uint8Array {
  if (random.chance(5)) return random.bytes(random.below(200));
  const header = section(random, headerRows), payload = section(random, payloadRows);
  const base = new Uint8Array(BASE_HEADER);
  base.set(COOKIE);
  writeU16(base, 8, (METADATA_VERSION << 12) | ((BASE_HEADER + header.length) & 0x0fff));
  writeU16(base, 10, payload.length);
  const whole = concatBytes(base, header, payload, random.bytes(random.below(30)));
  return random.chance(60) ? bend(random, whole) : whole;
}

/** Some TLVs of a section in ascending order; now and then a stranger, a repeat or a wrong length among them. */
function section(random: Random, rows: readonly TlvRow[]): Uint8Array {
  const percent = random.pick([0, 5, 20, 50, 90]);
  const chosen = rows.filter((row) => !isSecondContext(row) && random.chance(percent)).sort((a, b) => a.type - b.type);
  const parts = chosen.map((row) => tlv(row.type, value(random, row)));
  if (random.chance(10)) parts.push(tlv(random.chance(60) ? random.pick(ODD_TYPES) : random.below(65536), random.bytes(random.below(20))));
  if (random.chance(3) && parts[0] !== undefined) parts.push(parts[0]);
  return concatBytes(...parts);
}

/** The IPv6 form of a context stands instead of the IPv4 one, never beside it. */
function isSecondContext(row: TlvRow): boolean {
  return row.type === 3 || row.type === 5 || row.type === 21;
}

function value(random: Random, row: TlvRow): Uint8Array {
  const steps = Math.floor((row.max - row.min) / row.step);
  const length = random.chance(4) ? random.below(40) : row.min + row.step * random.below(Math.min(steps, 20) + 1);
  if (row.name.includes("name") || row.name.includes("path id")) return Uint8Array.from({ length }, () => LETTERS.charCodeAt(random.below(LETTERS.length)));
  return random.bytes(length);
}

function tlv(type: number, content: Uint8Array): Uint8Array {
  const head = new Uint8Array(TLV_OVERHEAD);
  writeU16(head, 0, type);
  writeU16(head, 2, content.length);
  return concatBytes(head, content);
}

function bend(random: Random, data: Uint8Array): Uint8Array {
  const at = random.below(data.length);
  switch (random.below(5)) {
    case 0: return data.subarray(0, at);
    case 1: data[at] = data[at]! ^ (1 << random.below(8)); return data;
    case 2: data[at] = random.below(256); return data;
    case 3: writeU16(data, random.pick([8, 10, Math.min(at, data.length - 2)]), random.below(65536)); return data;
    default: return concatBytes(data.subarray(0, at), random.bytes(1 + random.below(4)), data.subarray(at));
  }
}
