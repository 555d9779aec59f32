// Origin signatures on node:crypto: the router's own Ed25519 key out of its state directory, and raw public keys of others. Constructed by each
// shard's thread; the private key stays in here.
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { OriginKeys } from "../ports/origin.ts";

const LOOK_MS = 2_000;
const KEYS_MOST = 1_024;

/** openOriginKeys looks for a key file now and again: whoever renews the identity only writes files. */
export function openOriginKeys(options: { stateDir: string; nowMs(): number }): OriginKeys {
  const path = join(options.stateDir, "identity", "key.pem");
  let own: KeyObject | undefined, before: KeyObject | undefined, seen = "", due = Number.NEGATIVE_INFINITY;
  const look = (): KeyObject | undefined => {
    if (options.nowMs() < due) return own;
    due = options.nowMs() + LOOK_MS;
    const state = stateOf(path);
    if (state === seen) return own;
    seen = state;
    [before, own] = [own ?? before, state === "" ? undefined : readKey(path)];
    return own;
  };
  return createOriginKeys(look, () => (own === undefined ? undefined : before)); // others know a new key a moment later
}

/** createOriginKeys signs with the key that `own` gives, if it gives one, or the one before it; public keys that were used are kept in their quick form. */
export function createOriginKeys(own: () => KeyObject | undefined, before: () => KeyObject | undefined = () => undefined): OriginKeys {
  const known = new Map<string, KeyObject | undefined>(), raws = new WeakMap<KeyObject, Uint8Array>();
  const rawOf = (key: KeyObject): Uint8Array => {
    const kept = raws.get(key) ?? new Uint8Array(Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url"));
    raws.set(key, kept);
    return kept;
  };
  const keyOf = (raw: Uint8Array): KeyObject | undefined => {
    const name = Buffer.from(raw).toString("base64url");
    if (known.has(name)) return known.get(name);
    if (known.size >= KEYS_MOST) known.clear();
    const key = publicKey(name);
    known.set(name, key);
    return key;
  };
  return {
    sign(text, listed) {
      const key = [own(), before()].find((one) => one !== undefined && (listed === undefined || listed.some((raw) => Buffer.compare(raw, rawOf(one)) === 0)));
      return key === undefined ? undefined : new Uint8Array(sign(null, text, key));
    },
    verify(raw, text, signature) {
      const key = keyOf(raw);
      return key !== undefined && verify(null, text, key, signature);
    },
  };
}

function publicKey(x: string): KeyObject | undefined {
  try {
    return createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
  } catch {
    return undefined; // not 32 bytes: verifies nothing
  }
}

function stateOf(path: string): string {
  const info = statSync(path, { throwIfNoEntry: false });
  return info === undefined ? "" : [info.ino, info.size, info.mtimeMs, info.mode].join(" ");
}

/** A file that is open to others, or holds no Ed25519 key, signs nothing; the main thread says what is wrong with it. */
function readKey(path: string): KeyObject | undefined {
  if ((statSync(path).mode & 0o077) !== 0) return undefined;
  try {
    const key = createPrivateKey(readFileSync(path, "utf8"));
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}
