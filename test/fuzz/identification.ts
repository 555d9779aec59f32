// What the eBPF program and the model need not agree on: the identification of an IPv4 packet that may be cut on its way, which each
// makes for itself (protocol 2.7). Called by differential.ts and copying.ts before they compare bytes.
import { fromHex, readU16, toHex, writeU16 } from "../../pkg/base/bytes.ts";

/** withoutId gives an IPv4 packet in hex as if its identification were 0, the header checksum following it; all else as it is. */
export function withoutId(text: string): string {
  const data = fromHex(text) ?? new Uint8Array(0);
  if (!text.startsWith("4") || data.length < 20) return text;
  const sum = (0xffff - readU16(data, 10)) + (0xffff - readU16(data, 4));
  writeU16(data, 4, 0);
  writeU16(data, 10, 0xffff - ((sum & 0xffff) + (sum >>> 16)));
  return toHex(data);
}
