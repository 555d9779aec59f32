// The log of exchanged keys (--key-log): one line a key, so that tests and the demo can read their own captures. Off unless asked for; whoever
// has the file reads and forges metadata between the routers. The router says loudly that it writes it.
import { appendFileSync, chmodSync } from "node:fs";
import { toHex } from "../../pkg/base/bytes.ts";
import type { Log } from "../../pkg/ports/log.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { PeerKeyPair } from "../../pkg/router/tables.ts";

/** openKeyLog gives what appends new keys to a file that only its owner reads. */
export function openKeyLog(path: string, log: Log): (keys: Record<string, PeerKeyPair>) => void {
  log.warn({ file: path }, "keys of exchanges are written to a file (--key-log): whoever reads it reads and forges metadata; for tests only");
  appendFileSync(path, "", { mode: 0o600 });
  chmodSync(path, 0o600); // one that was there may have been open
  const written = new Set<string>();
  return (keys) => {
    const fresh = Object.values(keys).flatMap(({ send, receive }) => [...(send === undefined ? [] : [send]), ...receive]).filter((one) => !written.has(nameOf(one)));
    for (const one of fresh) written.add(nameOf(one));
    if (fresh.length > 0) appendFileSync(path, fresh.map((one) => `${JSON.stringify(lineOf(one))}\n`).join(""));
  };
}

function nameOf({ sender, receiver, keyId }: PeerKeys): string {
  return `${sender} ${receiver} ${keyId}`;
}

function lineOf({ hmac, meta, salt, ...rest }: PeerKeys): object {
  return { ...rest, hmac: toHex(hmac), meta: toHex(meta), salt: toHex(salt) };
}
