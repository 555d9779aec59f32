// Admin sockets of this machine: found below the state folders, by name, and nothing else taken for one.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSocketFinder } from "./discover.ts";

const base = mkdtempSync(join(tmpdir(), "svrctl-find-"));
const [first, second] = [join(base, "first"), join(base, "second")];
const servers: Server[] = [];

async function socketAt(path: string): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true });
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => { server.listen(path, resolve); });
}

beforeAll(async () => {
  await socketAt(join(first, "cloud/admin.sock"));
  await socketAt(join(second, "branch/admin.sock"));
  await socketAt(join(second, "cloud/admin.sock"));
  await socketAt(join(second, "other/other.sock"));
  mkdirSync(join(first, "stopped"));
  writeFileSync(join(first, "file"), "");
  mkdirSync(join(first, "plain"));
  writeFileSync(join(first, "plain/admin.sock"), "");
});

afterAll(async () => {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(base, { recursive: true, force: true });
});

test("sockets are listed in order; folders, files and other sockets are not", async () => {
  expect(await createSocketFinder([first, second, join(base, "absent")]).list()).toEqual({
    sockets: [join(first, "cloud/admin.sock"), join(second, "branch/admin.sock"), join(second, "cloud/admin.sock")], forbidden: [],
  });
});

test("a name is looked for in the order of the folders; one that is nowhere would be in the first", async () => {
  const finder = createSocketFinder([first, second]);
  expect(await Promise.all(["cloud", "branch", "gone"].map((name) => finder.of(name)))).toEqual([
    join(first, "cloud/admin.sock"), join(second, "branch/admin.sock"), join(first, "gone/admin.sock"),
  ]);
});
