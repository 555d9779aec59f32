// The log of exchanged keys: closed to others, each key once, told loudly.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../pkg/ports/log.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import { openKeyLog } from "./keylog.ts";

const folder = mkdtempSync(join(tmpdir(), "keylog-"));
afterAll(() => { rmSync(folder, { recursive: true }); });
const key = (sender: string, receiver: string, keyId: number): PeerKeys => ({ sender, receiver, keyId, generation: 0, hmac: new Uint8Array(32).fill(keyId), meta: new Uint8Array(32), salt: new Uint8Array(8) });

test("keys are appended once, in a file that only its owner reads, and the log warns of it", () => {
  const path = join(folder, "a.keys"), warnings: string[] = [];
  writeFileSync(path, "", { mode: 0o644 });
  const write = openKeyLog(path, { warn: (_fields: object, text: string) => { warnings.push(text); } } as unknown as Log);
  write({ b: { send: key("a", "b", 1), receive: [key("b", "a", 1)] } });
  write({ b: { send: key("a", "b", 1), receive: [key("b", "a", 2), key("b", "a", 1)] }, c: { send: undefined, receive: [] } });
  const lines = readFileSync(path, "utf8").trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ sender, keyId }) => [sender, keyId])).toEqual([["a", 1], ["b", 1], ["b", 2]]);
  expect([lines[0]?.["hmac"], statSync(path).mode & 0o777]).toEqual(["01".repeat(32), 0o600]);
  expect(warnings).toEqual([expect.stringMatching(/for tests only/)]);
});
