// Files of captured packets for tests: made and joined by the real writer, and read again by a reader that shares nothing with it.
import { writePcapng } from "../../pkg/capture/pcapng.ts";
export { joinPcapng } from "../../pkg/capture/join.ts";

/** captureFile is a file of one router with one packet at a time. */
export function captureFile(router: string, timeNs: bigint): Uint8Array {
  return writePcapng({
    program: "OpenSVR 0.1.0", comments: [router], snapLength: 2048, whole: { interface: `${router} all points`, lost: 0, timeNs },
    packets: [{ interface: `${router} lan0 forward in`, direction: "in", timeNs, length: 20, data: new Uint8Array(20), comment: router }],
  });
}

/** droppedIn reads what the statistics blocks of a file say was lost, by the name of the interface; throws when its blocks do not fit together. */
export function droppedIn(file: Uint8Array): Record<string, number> {
  const bytes = Buffer.from(file), names: string[] = [], dropped: Record<string, number> = {};
  for (let at = 0; at < bytes.length;) {
    const type = bytes.readUInt32LE(at), length = bytes.readUInt32LE(at + 4), block = bytes.subarray(at, at + length);
    if (length < 12 || block.length !== length || block.readUInt32LE(length - 4) !== length) throw new Error(`the block at ${at} is broken`);
    if (type === 1) names.push(optionOf(block, 16, 2)?.toString() ?? "");
    if (type === 5) dropped[names[block.readUInt32LE(8)] ?? ""] = Number(optionOf(block, 20, 5)?.readBigUInt64LE() ?? -1n);
    at += length;
  }
  return dropped;
}

function optionOf(block: Buffer, from: number, code: number): Buffer | undefined {
  for (let at = from; at + 4 <= block.length - 4;) {
    const length = block.readUInt16LE(at + 2);
    if (block.readUInt16LE(at) === code) return block.subarray(at + 4, at + 4 + length);
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return undefined;
}
