// Files of several routers as one, in the order of time, so that a reader sees a packet go from hop to hop. Reads what pcapng.ts writes
// and nothing else. Called by svrctl; total: what is no such file gives undefined.
import { joinBytes } from "../base/bytes.ts";
import type { JoinCaptures } from "../ports/capture.ts";
import { BLOCK_FRAME, BYTE_ORDER, ENHANCED_PACKET, inOrder, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS, OPTION_COMMENT, OPTION_END, padded, SECTION_HEADER, sectionHeader } from "./pcapng.ts";

const OPTIONS_OF_SECTION = 24, LEAST_PACKET = 32, LEAST_STATISTICS = 24; // where they begin in the block; block without data
const PROGRAM = 4;

interface Block { type: number; bytes: Uint8Array; view: DataView }
interface Packet { timeNs: bigint; bytes: Uint8Array }
interface Section { program: string; comments: string[]; interfaces: Uint8Array[]; packets: Packet[]; statistics: Uint8Array[] }

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Blocks of a file; undefined when their lengths lie. */
function blocksOf(file: Uint8Array): Block[] | undefined {
  const blocks: Block[] = [];
  const view = viewOf(file);
  for (let at = 0; at < file.length;) {
    const length = file.length - at < BLOCK_FRAME ? 0 : view.getUint32(at + 4, true);
    if (length < BLOCK_FRAME || length % 4 !== 0 || length > file.length - at || view.getUint32(at + length - 4, true) !== length) return undefined;
    const bytes = file.slice(at, at + length);
    blocks.push({ type: view.getUint32(at, true), bytes, view: viewOf(bytes) });
    at += length;
  }
  return blocks;
}

/** Texts of the options with a code. */
function textsOf({ bytes, view }: Block, code: number): string[] {
  const texts: string[] = [];
  for (let at = OPTIONS_OF_SECTION; at + 4 <= bytes.length - 4;) {
    const found = view.getUint16(at, true), length = view.getUint16(at + 2, true);
    if (found === OPTION_END || at + 4 + length > bytes.length - 4) break;
    if (found === code) texts.push(new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + padded(length);
  }
  return texts;
}

function sectionOf(file: Uint8Array, firstInterface: number): Section | undefined {
  const [header, ...rest] = blocksOf(file) ?? [];
  if (header?.type !== SECTION_HEADER || header.bytes.length < OPTIONS_OF_SECTION + 4 || header.view.getUint32(8, true) !== BYTE_ORDER) return undefined;
  const section: Section = { program: textsOf(header, PROGRAM)[0] ?? "", comments: textsOf(header, OPTION_COMMENT), interfaces: [], packets: [], statistics: [] };
  for (const { type, bytes, view } of rest) {
    if (type === INTERFACE_DESCRIPTION) section.interfaces.push(bytes);
    else if (type === ENHANCED_PACKET && bytes.length >= LEAST_PACKET) {
      view.setUint32(8, view.getUint32(8, true) + firstInterface, true);
      section.packets.push({ timeNs: (BigInt(view.getUint32(12, true)) << 32n) | BigInt(view.getUint32(16, true)), bytes });
    } else if (type === INTERFACE_STATISTICS && bytes.length >= LEAST_STATISTICS) {
      view.setUint32(8, view.getUint32(8, true) + firstInterface, true);
      section.statistics.push(bytes);
    } else return undefined;
  }
  return section;
}

/** joinPcapng makes one file of several; comments and interfaces of all stand in it. */
export const joinPcapng: JoinCaptures = (files) => {
  const sections: Section[] = [];
  let interfaces = 0;
  for (const file of files) {
    const section = sectionOf(file, interfaces);
    if (section === undefined) return undefined;
    sections.push(section);
    interfaces += section.interfaces.length;
  }
  return joinBytes([
    sectionHeader(sections[0]?.program ?? "", sections.flatMap((one) => one.comments)), ...sections.flatMap((one) => one.interfaces),
    ...sections.flatMap((one) => one.packets).toSorted(inOrder).map((one) => one.bytes), ...sections.flatMap((one) => one.statistics),
  ]);
};
