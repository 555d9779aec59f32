// Pre-shared keys from files. Constructed by cmd/router, called by the router's configuration intake. Key bytes are given to
// the caller and to nobody else: no message, cache or log has them.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { SvrError } from "../base/errors.ts";
import type { KeySource } from "../ports/config.ts";
import { codeOf } from "./folder.ts";

/** shortestKey is the least bytes of a key (protocol 15.4). */
export const shortestKey = 32;

/** longestKeyFile is the most bytes of a file with a key. */
export const longestKeyFile = 4_096;

const howToMake = "make one with: (umask 077; head -c 32 /dev/urandom | base64 > FILE), the same on both routers";

/** createKeySource makes a source of key files; names are relative to `folder`, the configuration directory. */
export function createKeySource(folder: string): KeySource {
  return { psk: (file) => readKey(resolve(folder, file)) };
}

function readKey(path: string): Uint8Array {
  const bytes = readSecret(path);
  const key = decodeKey(bytes);
  if (key === undefined) throw refusal(path, "is text, but neither hex nor base64", howToMake);
  if (key.length < shortestKey) throw refusal(path, `holds a key of ${key.length} bytes, less than ${shortestKey}`, howToMake);
  return key;
}

/** Opens without waiting (a pipe has no key), then looks at what was opened: the name may lead elsewhere a moment later. */
function readSecret(path: string): Uint8Array {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw refusal(path, `cannot be read (${codeOf(cause)})`, howToMake);
  }
  try {
    const info = fstatSync(file);
    if (!info.isFile()) throw refusal(path, "is not a file", "name a file");
    if ((info.mode & 0o007) !== 0) throw refusal(path, "is open to every user of this machine", `run: chmod o-rwx ${path}, and use another key if others had an account`);
    if (info.size > longestKeyFile) throw refusal(path, `has more than ${longestKeyFile} bytes`, howToMake);
    const bytes = new Uint8Array(info.size);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * decodeKey reads the three forms: text of hex digits, base64 text (both alphabets; padding may be left out), or, when any
 * byte is not printable text, the bytes as they are. White space in text does not count. Undefined for other text.
 */
export function decodeKey(bytes: Uint8Array): Uint8Array | undefined {
  const raw = Buffer.from(bytes);
  if (raw.some((byte) => byte > 0x7e || (byte < 0x20 && !isSpace(byte)))) return Uint8Array.from(raw);
  const text = raw.toString("latin1").replace(/\s/g, "");
  if (/^([0-9a-fA-F]{2})*$/.test(text)) return Uint8Array.from(Buffer.from(text, "hex"));
  const body = text.replace(/={1,2}$/, "");
  const isBase64 = /^[A-Za-z0-9+/]*$/.test(body) || /^[A-Za-z0-9_-]*$/.test(body);
  return isBase64 && body.length % 4 !== 1 ? Uint8Array.from(Buffer.from(body, "base64")) : undefined;
}

/** Tab, line feed, vertical tab, form feed, carriage return. */
function isSpace(byte: number): boolean {
  return byte >= 0x09 && byte <= 0x0d;
}

function refusal(path: string, what: string, fix: string): SvrError {
  return new SvrError("SVR_PSK_FILE", { object: path, attempted: `the key file ${path} ${what}`, fix });
}
