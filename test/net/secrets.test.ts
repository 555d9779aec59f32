// Secrets stay inside: two routers with known keys run with everything that they can write (debug logs, records, audit logs, captures, answers of
// the admin API, svrctl, refused key files), and none of it has a byte of a key in any of the usual spellings. No core dump can be made.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../pkg/base/bytes.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import { openSite, pskFile, pskOf } from "../support/site.ts";
import { svrctl } from "../support/svrctl.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { pairKeys } from "../support/wire.ts";

const psk = pskOf("r1", "r2");
/** What nobody may read: the key of the pair, and what is derived from it. */
const secrets = [psk, ...pairKeys(psk, ["r1", "r2"]).flatMap(({ hmac, meta }) => [hmac, meta])];
const spellings = secrets.flatMap((secret) => {
  const bytes = Buffer.from(secret);
  return [bytes, Buffer.from(toHex(secret)), Buffer.from(toHex(secret).toUpperCase()), Buffer.from(bytes.toString("base64").slice(0, 40)), Buffer.from(bytes.toString("base64url").slice(0, 40)), Buffer.from(JSON.stringify([...secret]).slice(1, 60)), Buffer.from([...secret].map((byte) => `"${byte}`).join(",").slice(0, 60))];
});

const leaks = (written: ReadonlyMap<string, Buffer>): string[] => [...written].filter(([, bytes]) => spellings.some((spelling) => bytes.includes(spelling))).map(([name]) => name);

/** Every file below a folder; key files are where keys belong. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile() && !path.includes("/keys/"));
}

describeNet("secrets", () => {
  let fabric: Fabric;
  beforeAll(async () => {
    fabric = new Fabric(await openNet(pair), openSite());
    for (const router of fabric.routers) router.identity = ["--name", router.name, "--log-level", "debug"];
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test("B5 nothing that routers and svrctl write has a byte of a key", async () => {
    const sockets = fabric.routers.flatMap(({ stateDir }) => ["--socket", join(stateDir, "admin.sock")]);
    const written = new Map<string, Buffer>();
    const keep = (name: string, text: string): void => { written.set(name, Buffer.from(text)); };
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 8443 });
    await startUdpServer(fabric.net, "b", { address: hostAddress(2, 6), port: 8444 });
    const capture = svrctl("capture", ...sockets, "--for", "4s", "--write", join(fabric.net.folder, "all.pcapng"));
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 8443, sessions: 3, everyMs: 50, firstPort: 50_000 });
    const udp = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 6), port: 8444, firstPort: 52_000 });
    expect(await udp.send(5)).toMatchObject({ answered: 5 });
    await waitFor("sessions run", async () => (await client.report()).answered === 3);
    for (const words of ["status", "peers -o json", "sessions -o json", "counters -o json", "tables -o json", "verify -o json", "audit show", "audit verify", "version -o json", "trace --proto tcp --from 10.1.0.10:40000 --to 10.2.0.10:8443 -o json", "capture list -o json"]) {
      const { out, err } = await svrctl(...words.split(" "), ...sockets.slice(0, 2));
      keep(`svrctl ${words}`, out + err);
    }
    for (const router of fabric.routers) {
      for (const path of ["", "/sessions", "/counters", "/tables", "/peers", "/configuration", "/objects", "/audit", "/keys", "/verify"]) keep(`${router.name} GET ${path}`, (await router.ask("GET", `/api/v1/routers/self${path}`)).text);
    }
    await capture;
    await client.stop();
    fabric.router("r1").config.write(pskFile("r1", "r2"), `${toHex(psk)}00`); // too long by a byte: refused, and told
    await waitFor("the key file is refused or taken", () => fabric.router("r1").log().some(({ level }) => level >= 40) || fabric.router("r1").log().length > 5);
    await Promise.all(fabric.routers.map((router) => router.stop()));
    for (const router of fabric.routers) keep(`${router.name} log`, `${router.process.lines.join("\n")}\n${router.process.errors}`);
    for (const path of filesIn(fabric.net.folder)) written.set(path, readFileSync(path));
    expect([...written.keys()].filter((name) => /all\.pcapng|records\.jsonl|audit\.jsonl$|r1 log|peers -o json/.test(name)).length).toBeGreaterThanOrEqual(7);
    expect([...written].filter(([name]) => name.endsWith(" log")).every(([, bytes]) => bytes.length > 200)).toBe(true);
    expect(leaks(written)).toEqual([]);
    expect(leaks(new Map([["a log that has one", Buffer.from(`{"key":"${toHex(psk)}"}`)]]))).toEqual(["a log that has one"]);
  }, 90_000);

  test("B5 a router can make no core dump, whatever it was started with", async () => {
    const router = fabric.router("r2");
    await router.stop();
    router.wrapper = ["prlimit", "--core=unlimited"];
    await router.start();
    expect(readFileSync(`/proc/${router.process.pid}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m);
    await router.stop();
  }, 60_000);
});
