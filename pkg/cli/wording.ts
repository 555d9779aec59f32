// Words for numbers: durations, sizes, protocols, endpoints, as tables show them. Called by the views and option readers;
// pure. Data for programs keeps the numbers.
import { suggestWord } from "../api/suggest.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";

const second = 1_000;
const units = [["d", 86_400 * second], ["h", 3_600 * second], ["m", 60 * second], ["s", second]] as const;
const sizes = ["KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const highestProtocol = 255;

/** protocolWords are the names of protocol numbers on the command line and in tables. */
export const protocolWords: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, icmp6: 58, sctp: 132 };

const wordsByNumber = new Map(Object.entries(protocolWords).map(([word, number]) => [number, word]));

/** durationWord shows milliseconds by their two largest units: `340ms`, `12s`, `3m12s`, `2d4h`; `-` when unknown. */
export function durationWord(millis: number | undefined): string {
  if (millis === undefined || !Number.isFinite(millis) || millis < 0) return "-";
  if (millis < second) return `${Math.floor(millis)}ms`;
  const at = units.findIndex(([, size]) => millis >= size);
  const [unit, size] = units[at] ?? units[3];
  const next = units[at + 1];
  const rest = next === undefined ? 0 : Math.floor((millis % size) / next[1]);
  return `${Math.floor(millis / size)}${unit}${rest === 0 ? "" : `${rest}${next?.[0] ?? ""}`}`;
}

/** bytesWord shows a number of bytes: `512B`, `1.5KiB`, `230MiB`; `-` when unknown. */
export function bytesWord(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes)) return "-";
  let value = bytes;
  let unit = "B";
  for (const size of sizes) {
    if (value < 1_024) break;
    value /= 1_024;
    unit = size;
  }
  return `${unit !== "B" && value < 10 ? value.toFixed(1) : Math.floor(value)}${unit}`;
}

/** protocolWord names a protocol number. */
export function protocolWord(protocol: number | undefined): string {
  return protocol === undefined ? "-" : wordsByNumber.get(protocol) ?? String(protocol);
}

/** parseProtocol reads a protocol name or number 0-255; the error is the reason. */
export function parseProtocol(text: string): Result<number, string> {
  const word = text.toLowerCase();
  const known = Object.hasOwn(protocolWords, word) ? protocolWords[word] : undefined;
  if (known !== undefined) return ok(known);
  if (/^[0-9]{1,3}$/.test(text) && Number(text) <= highestProtocol) return ok(Number(text));
  const near = suggestWord(word, Object.keys(protocolWords));
  const hint = near === undefined ? `write ${Object.keys(protocolWords).join(", ")} or a number up to ${highestProtocol}` : `did you mean "${near}"?`;
  return fail(`there is no protocol "${text}"; ${hint}`);
}

/** hostPort writes address and port: `192.0.2.1:443`, `[2001:db8::1]:443`; port 0 is left out. */
export function hostPort(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return "-";
  if (port === undefined || port === 0) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
