// Origin signatures on node:crypto: RFC 8032 vectors, keys that are none, a key file that comes, changes and goes.
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "../base/bytes.ts";
import { createOriginKeys, openOriginKeys } from "./origin.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const rawOf = (key: KeyObject): Uint8Array => new Uint8Array(Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url"));

test.each([ // RFC 8032 7.1, tests 1 to 3
  ["9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"],
  ["4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"],
  ["c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"],
])("RFC 8032 %#", (secret, open, text, signature) => {
  const own = createPrivateKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", d: Buffer.from(secret, "hex").toString("base64url"), x: Buffer.from(open, "hex").toString("base64url") } });
  const keys = createOriginKeys(() => own);
  expect(toHex(keys.sign(hex(text)) ?? new Uint8Array(0))).toBe(signature);
  expect(keys.verify(hex(open), hex(text), hex(signature))).toBe(true);
  expect(keys.verify(hex(open), hex(`${text}00`), hex(signature))).toBe(false);
  for (let at = 0; at < 64; at++) {
    const bent = hex(signature);
    bent[at]! ^= 1;
    expect(keys.verify(hex(open), hex(text), bent)).toBe(false);
  }
});

test("a key that is none verifies nothing, and does not throw", () => {
  const keys = createOriginKeys(() => undefined);
  expect(keys.sign(new Uint8Array(4))).toBeUndefined();
  for (const length of [0, 31, 33, 44]) expect(keys.verify(new Uint8Array(length), new Uint8Array(4), new Uint8Array(64))).toBe(false);
  expect(keys.verify(new Uint8Array(32), new Uint8Array(4), new Uint8Array(63))).toBe(false);
});

test("a router signs with its newest key that others know, and with none that nobody knows", () => {
  const stateDir = mkdtempSync(join(tmpdir(), "origin-"));
  try {
    let nowMs = 0;
    const keys = openOriginKeys({ stateDir, nowMs: () => nowMs }), text = new Uint8Array(20).fill(5);
    mkdirSync(join(stateDir, "identity"));
    const renew = (): Uint8Array => {
      const pair = generateKeyPairSync("ed25519");
      writeFileSync(join(stateDir, "identity", "key.new"), pair.privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
      renameSync(join(stateDir, "identity", "key.new"), join(stateDir, "identity", "key.pem"));
      nowMs += 2_000;
      return rawOf(pair.publicKey);
    };
    const signer = (known: Uint8Array[], of: Uint8Array[]): number => {
      const signature = keys.sign(text, known);
      return signature === undefined ? -1 : of.findIndex((one) => keys.verify(one, text, signature));
    };
    const first = renew();
    expect([signer([first], [first]), signer([], [first]), signer([new Uint8Array(32)], [first])]).toEqual([0, -1, -1]);
    const second = renew(), both = [first, second];
    expect([signer([first], both), signer([second, first], both), signer([second], both), signer([], both)]).toEqual([0, 1, 1, -1]);
    rmSync(join(stateDir, "identity", "key.pem"));
    nowMs += 2_000;
    expect(signer(both, both)).toBe(-1);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});

test("the key file is looked at again every 2 s; one that is open to others or no Ed25519 key signs nothing", () => {
  const stateDir = mkdtempSync(join(tmpdir(), "origin-"));
  try {
    let nowMs = 0;
    const keys = openOriginKeys({ stateDir, nowMs: () => nowMs });
    const path = join(stateDir, "identity", "key.pem");
    const put = (type: "ed25519" | "ec", mode = 0o600): KeyObject => {
      const pair = type === "ec" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
      writeFileSync(`${path}.new`, pair.privateKey.export({ format: "pem", type: "pkcs8" }), { mode });
      chmodSync(`${path}.new`, mode);
      renameSync(`${path}.new`, path);
      return pair.publicKey;
    };
    const text = new Uint8Array(20).fill(3);
    const signsFor = (key: KeyObject): boolean => {
      const signature = keys.sign(text);
      return signature !== undefined && keys.verify(rawOf(key), text, signature);
    };
    expect(keys.sign(text)).toBeUndefined();
    mkdirSync(join(stateDir, "identity"));
    const first = put("ed25519");
    nowMs = 1_999;
    expect(signsFor(first)).toBe(false);
    nowMs = 2_000;
    expect(signsFor(first)).toBe(true);
    const second = put("ed25519");
    nowMs = 4_000;
    expect([signsFor(first), signsFor(second)]).toEqual([false, true]);
    for (const bad of [() => put("ec"), () => put("ed25519", 0o640), () => { writeFileSync(path, "no key", { mode: 0o600 }); chmodSync(path, 0o600); }, () => { rmSync(path); }]) {
      bad();
      nowMs += 2_000;
      expect(keys.sign(text)).toBeUndefined();
    }
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});
