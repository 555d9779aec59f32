// Keys of exchanges in a file, one line a key, so that tests and the demo can read their own captures: the file, how it is read, and the
// router that writes it. The router of the product has no way to write one. Called by routermain.ts, tests and the demo.
import { appendFileSync, chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex, toHex } from "../../pkg/base/bytes.ts";
import type { PeerKeyPair } from "../../pkg/router/tables.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Router } from "./router.ts";

type Line = Record<"hmac" | "meta" | "salt", string> & Omit<PeerKeys, "hmac" | "meta" | "salt">;

/** openKeyLog gives what appends new keys to a file that only its owner reads. */
export function openKeyLog(path: string): (keys: Record<string, PeerKeyPair>) => void {
  appendFileSync(path, "", { mode: 0o600 });
  chmodSync(path, 0o600); // one that was there may have been open
  const written = new Set<string>();
  return (keys) => {
    const fresh = Object.values(keys).flatMap(({ send, receive }) => [...(send === undefined ? [] : [send]), ...receive]).filter((one) => !written.has(nameOf(one)));
    for (const one of fresh) written.add(nameOf(one));
    if (fresh.length > 0) appendFileSync(path, fresh.map((one) => `${JSON.stringify(lineOf(one))}\n`).join(""));
  };
}

/** readKeyLog gives the keys of a file, the oldest first. */
export function readKeyLog(path: string): PeerKeys[] {
  const lines = readFileSync(path, "utf8").split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Line).map((one) => ({ ...one, hmac: bytesOf(one.hmac), meta: bytesOf(one.meta), salt: bytesOf(one.salt) }));
}

/** logKeys makes a router write the keys that it exchanges, from its next start. */
export function logKeys(router: Router, path: string): void {
  router.main = join(import.meta.dirname, "routermain.ts");
  router.environment["OPENSVR_TEST_KEYS"] = path;
}

function nameOf({ sender, receiver, keyId }: PeerKeys): string {
  return `${sender} ${receiver} ${keyId}`;
}

function lineOf({ hmac, meta, salt, ...rest }: PeerKeys): Line {
  return { ...rest, hmac: toHex(hmac), meta: toHex(meta), salt: toHex(salt) };
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error("a key log holds no hexadecimal number");
  return bytes;
}
