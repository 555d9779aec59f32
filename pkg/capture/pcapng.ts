// Writes captured packets as pcapng (draft-ietf-opsawg-pcapng), one section, raw IP packets, times in nanoseconds, one interface
// block for each interface and point, and one for the whole router with what was lost. Called for the admin API and by join.ts; pure, opens no file.
import { joinBytes } from "../base/bytes.ts";
import type { CaptureFile, FilePacket, WriteCapture } from "../ports/capture.ts";

/** Block types of pcapng. */
export const SECTION_HEADER = 0x0a0d0d0a, INTERFACE_DESCRIPTION = 1, INTERFACE_STATISTICS = 5, ENHANCED_PACKET = 6;

/** BYTE_ORDER is how a section tells that its numbers are little-endian. */
export const BYTE_ORDER = 0x1a2b3c4d;

/** BLOCK_FRAME is what stands around the body of a block: type and length before it, length behind it. */
export const BLOCK_FRAME = 12;

/** Option codes. */
export const OPTION_END = 0, OPTION_COMMENT = 1;
const SECTION_PROGRAM = 4, INTERFACE_NAME = 2, INTERFACE_RESOLUTION = 9, PACKET_FLAGS = 2, STATISTICS_DROPPED = 5;

const LINK_RAW_IP = 101, NANOSECONDS = 9, DIRECTION = { in: 1, out: 2 } as const;
const LONGEST_OPTION = 65_535;

const encoder = new TextEncoder();

/** padded rounds up to the next multiple of four, as everything in a block is. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** block frames a body. */
export function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = BLOCK_FRAME + parts.reduce((sum, part) => sum + padded(part.length), 0);
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  view.setUint32(length - 4, length, true);
  let at = 8;
  for (const part of parts) {
    out.set(part, at);
    at += padded(part.length);
  }
  return out;
}

function option(code: number, value: Uint8Array): Uint8Array {
  const kept = value.subarray(0, LONGEST_OPTION);
  const out = new Uint8Array(4 + kept.length);
  new DataView(out.buffer).setUint16(0, code, true);
  new DataView(out.buffer).setUint16(2, kept.length, true);
  out.set(kept, 4);
  return out;
}

function textOption(code: number, text: string): Uint8Array {
  return option(code, encoder.encode(text));
}

const END = option(OPTION_END, new Uint8Array(0));

/** sectionHeader begins a section. */
export function sectionHeader(program: string, comments: readonly string[]): Uint8Array {
  const fixed = new Uint8Array(16);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, BYTE_ORDER, true);
  view.setUint16(4, 1, true); // version 1.0
  view.setBigInt64(8, -1n, true); // length not told
  return block(SECTION_HEADER, [fixed, ...comments.map((text) => textOption(OPTION_COMMENT, text)), textOption(SECTION_PROGRAM, program), END]);
}

function interfaceBlock(name: string, snapLength: number): Uint8Array {
  const fixed = new Uint8Array(8);
  const view = new DataView(fixed.buffer);
  view.setUint16(0, LINK_RAW_IP, true);
  view.setUint32(4, snapLength, true);
  return block(INTERFACE_DESCRIPTION, [fixed, textOption(INTERFACE_NAME, name), option(INTERFACE_RESOLUTION, Uint8Array.of(NANOSECONDS)), END]);
}

function packetBlock(packet: FilePacket, number: number): Uint8Array {
  const fixed = new Uint8Array(20);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, number, true);
  view.setUint32(4, Number(packet.timeNs >> 32n), true);
  view.setUint32(8, Number(packet.timeNs & 0xffff_ffffn), true);
  view.setUint32(12, packet.data.length, true);
  view.setUint32(16, packet.length, true);
  const flags = new Uint8Array(Uint32Array.of(DIRECTION[packet.direction]).buffer);
  return block(ENHANCED_PACKET, [fixed, packet.data, textOption(OPTION_COMMENT, packet.comment), option(PACKET_FLAGS, flags), END]);
}

/** What was lost belongs to no single point: it is told of an interface that stands for all of a router. */
function statisticsBlock({ timeNs, lost }: CaptureFile["whole"], number: number): Uint8Array {
  const fixed = new Uint8Array(12), dropped = new Uint8Array(8);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, number, true);
  view.setUint32(4, Number(timeNs >> 32n), true);
  view.setUint32(8, Number(timeNs & 0xffff_ffffn), true);
  new DataView(dropped.buffer).setBigUint64(0, BigInt(lost), true);
  return block(INTERFACE_STATISTICS, [fixed, option(STATISTICS_DROPPED, dropped), END]);
}

/** inOrder compares by time. */
export function inOrder(a: { timeNs: bigint }, b: { timeNs: bigint }): number {
  return a.timeNs < b.timeNs ? -1 : Number(a.timeNs > b.timeNs);
}

/** writePcapng writes a file; packets of one time stay in the order in which they are given. */
export const writePcapng: WriteCapture = ({ program, comments, snapLength, packets, whole }: CaptureFile) => {
  const names = [...new Set(packets.map((packet) => packet.interface))].sort();
  const numbers = new Map(names.map((name, number) => [name, number]));
  return joinBytes([
    sectionHeader(program, comments), ...[...names, whole.interface].map((name) => interfaceBlock(name, snapLength)),
    ...packets.toSorted(inOrder).map((packet) => packetBlock(packet, numbers.get(packet.interface) as number)), statisticsBlock(whole, names.length),
  ]);
};
