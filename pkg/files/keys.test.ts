// Key files: the three forms, every refusal, and that no message shows a key.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { SvrError } from "../base/errors.ts";
import { createKeySource, decodeKey } from "./keys.ts";

const root = mkdtempSync(join(tmpdir(), "opensvr-keys-"));
afterAll(() => { rmSync(root, { recursive: true, force: true }); });
const fresh = (): string => mkdtempSync(join(root, "config-"));

const key = Uint8Array.from({ length: 32 }, (_, index) => (index * 37 + 129) & 0xff);
const hex = Buffer.from(key).toString("hex");
const base64 = Buffer.from(key).toString("base64");

/** Stores a key file in a folder. */
function store(folder: string, content: string | Uint8Array, mode = 0o600): string {
  writeFileSync(join(folder, "a.psk"), content);
  chmodSync(join(folder, "a.psk"), mode);
  return "a.psk";
}

test.each<[desc: string, content: string | Uint8Array]>([
  ["hex", hex], ["hex in capitals with a line end", `${hex.toUpperCase()}\n`], ["hex in groups", hex.replace(/.{8}/g, "$& ")],
  ["base64", base64], ["base64 in lines", `${base64.slice(0, 20)}\r\n${base64.slice(20)}\n`], ["base64 without padding", base64.replace("=", "")],
  ["base64url", Buffer.from(key).toString("base64url")], ["raw bytes", key],
])("%s gives the key", (_desc, content) => {
  const folder = fresh();
  expect(createKeySource(folder).psk(store(folder, content))).toEqual(key);
});

test("names are relative to the configuration directory, absolute ones stay; links are followed", () => {
  const folder = fresh();
  mkdirSync(join(folder, "keys"));
  symlinkSync("../a.psk", join(folder, "keys/b.psk"));
  store(folder, hex, 0o640);
  expect(createKeySource(folder).psk("keys/b.psk")).toEqual(key);
  expect(createKeySource("/nowhere").psk(join(folder, "a.psk"))).toEqual(key);
});

test.each<[desc: string, make: (folder: string) => string, why: string]>([
  ["a missing file", () => "no.psk", "ENOENT"],
  ["a directory", (folder) => { mkdirSync(join(folder, "d")); return "d"; }, "is not a file"],
  ["a file that everybody may read", (folder) => store(folder, hex, 0o644), "is open to every user"],
  ["a file that everybody may write", (folder) => store(folder, hex, 0o602), "is open to every user"],
  ["an empty file", (folder) => store(folder, ""), "holds a key of 0 bytes"],
  ["31 bytes", (folder) => store(folder, key.subarray(1)), "holds a key of 31 bytes"],
  ["31 bytes in hex", (folder) => store(folder, hex.slice(2)), "holds a key of 31 bytes"],
  ["a pass phrase", (folder) => store(folder, "correct horse battery staple, and some more words!"), "neither hex nor base64"],
  ["both alphabets of base64", (folder) => store(folder, `+_${base64}`), "neither hex nor base64"],
  ["an impossible length of base64", (folder) => store(folder, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs"), "neither hex nor base64"],
  ["a file that is no key", (folder) => store(folder, "a".repeat(4_097)), "more than 4096 bytes"],
])("%s is refused, and no message shows a key", (_desc, make, why) => {
  const folder = fresh();
  const file = make(folder);
  let caught: unknown;
  try {
    createKeySource(folder).psk(file);
  } catch (error) {
    caught = error;
  }
  if (!(caught instanceof SvrError)) throw new Error("not refused");
  expect(caught).toMatchObject({ code: "SVR_PSK_FILE", object: join(folder, file), message: expect.stringContaining(why) });
  const shown = `${caught.message} ${JSON.stringify(caught)} ${caught.stack ?? ""}`;
  for (const secret of [hex, hex.toUpperCase(), base64, "horse"]) expect(shown).not.toContain(secret.slice(0, 12));
});

test("any 32 bytes come back from their hex and base64 text, and from themselves unless all are text", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 64 }), (bytes) => {
    const of = (text: string): Uint8Array | undefined => decodeKey(Buffer.from(text));
    expect(of(Buffer.from(bytes).toString("hex"))).toEqual(bytes);
    expect(decodeKey(Uint8Array.from([...bytes, 0xff]))).toEqual(Uint8Array.from([...bytes, 0xff]));
    const text = Buffer.from(bytes).toString("base64");
    if (!/^[0-9a-fA-F]*$/.test(text)) expect(of(text)).toEqual(bytes);
  }));
});
