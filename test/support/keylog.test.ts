// The file of exchanged keys that tests read captures with: closed to others, each key once, read as written. The router of the product writes
// none: it knows no flag for it, and no environment.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import { openKeyLog, readKeyLog } from "./keylog.ts";

const folder = mkdtempSync(join(tmpdir(), "keylog-"));
afterAll(() => { rmSync(folder, { recursive: true }); });
const key = (sender: string, receiver: string, keyId: number): PeerKeys => ({ sender, receiver, keyId, generation: 0, hmac: new Uint8Array(32).fill(keyId), meta: new Uint8Array(32), salt: new Uint8Array(8) });

test("keys are appended once, in a file that only its owner reads", () => {
  const path = join(folder, "a.keys");
  writeFileSync(path, "", { mode: 0o644 });
  const write = openKeyLog(path);
  write({ b: { send: key("a", "b", 1), receive: [key("b", "a", 1)] } });
  write({ b: { send: key("a", "b", 1), receive: [key("b", "a", 2), key("b", "a", 1)] }, c: { send: undefined, receive: [] } });
  expect(readKeyLog(path)).toEqual([key("a", "b", 1), key("b", "a", 1), key("b", "a", 2)]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("the product has no flag and no variable that makes a router write keys", () => {
  const cmd = join(import.meta.dirname, "../../cmd"), words = ["--config-dir", folder, "--name", "a", "--key-log", join(folder, "b.keys")];
  const { status, stderr } = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", join(cmd, "router/main.ts"), ...words], { encoding: "utf8" });
  expect([status, stderr]).toEqual([2, expect.stringContaining("unknown option '--key-log'")]);
  const sources = readdirSync(cmd, { recursive: true, encoding: "utf8" }).filter((name) => /\.ts$/.test(name) && !name.endsWith(".test.ts"));
  const calls = sources.flatMap((name) => readFileSync(join(cmd, name), "utf8").split("\n").filter((line) => /(?<!function )runRouter\(|OPENSVR_TEST/.test(line)));
  expect(calls).toEqual(["void runRouter(process.argv.slice(2));"]); // without hooks
});
