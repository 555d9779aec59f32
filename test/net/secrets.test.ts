// Secrets stay inside: two routers with known keys, by pre-shared key and by certificates that they got with one-time tokens, with encrypted payloads, run with everything that they can write (debug logs, records,
// audit logs, captures, answers of the admin API, svrctl, refused key files), and none of it has a byte of a key or of a token in any of the usual spellings. No core dump can be made.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
import { createPrivateKey } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../pkg/base/bytes.ts";
import { startCapture } from "../support/capture.ts";
import { openEnrollingSite } from "../support/enrolling.ts";
import type { EnrollingSite } from "../support/enrolling.ts";
import { logKeys, readKeyLog } from "../support/keylog.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { Router } from "../support/router.ts";
import { openSite, pskFile, pskOf } from "../support/site.ts";
import { svrctl } from "../support/svrctl.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { pairKeys, readWire } from "../support/wire.ts";

const psk = pskOf("r1", "r2");
/** What nobody may read: the key of the pair, and what is derived from it. */
const secrets = [psk, ...pairKeys(psk, ["r1", "r2"]).flatMap(({ hmac, meta }) => [hmac, meta])];
const spellingsOf = (all: readonly Uint8Array[]): Buffer[] => all.flatMap((secret) => {
  const bytes = Buffer.from(secret);
  return [bytes, Buffer.from(toHex(secret)), Buffer.from(toHex(secret).toUpperCase()), Buffer.from(bytes.toString("base64").slice(0, 40)), Buffer.from(bytes.toString("base64url").slice(0, 40)), Buffer.from(JSON.stringify([...secret]).slice(1, 60)), Buffer.from([...secret].map((byte) => `"${byte}`).join(",").slice(0, 60))];
});

const leaks = (written: ReadonlyMap<string, Buffer>, spellings = spellingsOf(secrets)): string[] => [...written].filter(([, bytes]) => spellings.some((spelling) => bytes.includes(spelling))).map(([name]) => name);

/** Every file below a folder; key and token files are where those belong. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile() && !/\/keys\/|\/identity\/key\.pem$|\.keys$|\.token$/.test(path));
}

const questions = ["status", "peers -o json", "alarms -o json", "sessions -o json", "counters -o json", "tables -o json", "verify -o json", "audit show", "audit verify", "version -o json", "trace --proto tcp --from 10.1.0.10:40000 --to 10.2.0.10:8443 -o json", "capture list -o json"];
const paths = ["", "/sessions", "/counters", "/tables", "/peers", "/configuration", "/objects", "/audit", "/keys", "/verify"];

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
    for (const words of questions) {
      const { out, err } = await svrctl(...words.split(" "), ...sockets.slice(0, 2));
      keep(`svrctl ${words}`, out + err);
    }
    for (const router of fabric.routers) {
      for (const path of paths) keep(`${router.name} GET ${path}`, (await router.ask("GET", `/api/v1/routers/self${path}`)).text);
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

describeNet("secrets of routers by certificate", () => {
  test("B5 nothing that routers, svrctl and operators write has a byte of a private key, of keys that were exchanged, of a payload key, or of a one-time token", async () => {
    const site = openSite({ more: { securityPolicyRef: { name: "gcm" } }, routers: { r1: { peers: { r2: { psk: undefined } } }, r2: { peers: { r1: { psk: undefined } } } } });
    const fabric = new Fabric(await openNet(pair), { ...site, policies: { gcm: { payloadEncryption: "GCM", adaptive: false } } }), endpoint = await openEnrollingSite(fabric.net.folder);
    const logOf = (router: Router): string => join(fabric.net.folder, `${router.name}.keys`);
    const privates: Uint8Array[] = [], tokens: Uint8Array[] = [], written = new Map<string, Buffer>();
    try {
      for (const router of fabric.routers) {
        router.identity = ["--name", router.name, "--log-level", "debug"];
        logKeys(router, logOf(router));
        tokens.push(await enrollTwice(endpoint, router, written));
        privates.push(new Uint8Array(Buffer.from(createPrivateKey(readFileSync(join(router.stateDir, "identity/key.pem"))).export({ format: "jwk" }).d ?? "", "base64url")));
      }
      await Promise.all(fabric.routers.map((router) => router.start()));
      for (const router of fabric.routers) await waitFor(`${router.name} has keys`, async () => (await router.peers())[0]?.state === "up");
      const sockets = fabric.routers.flatMap(({ stateDir }) => ["--socket", join(stateDir, "admin.sock")]);
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 8443 });
      const wire = await startCapture(fabric.net, "r1", "wan0"), capture = svrctl("capture", ...sockets, "--for", "4s", "--write", join(fabric.net.folder, "all.pcapng"));
      const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 8443, sessions: 3, everyMs: 50 });
      await waitFor("sessions run", async () => (await client.report()).answered === 3);
      for (const words of questions) {
        const { out, err } = await svrctl(...words.split(" "), ...sockets.slice(0, 2));
        written.set(`svrctl ${words}`, Buffer.from(out + err));
      }
      for (const { name, process: { pid } } of fabric.routers) written.set(`${name} arguments`, readFileSync(`/proc/${pid}/cmdline`));
      for (const router of fabric.routers) for (const path of paths) written.set(`${router.name} GET ${path}`, Buffer.from((await router.ask("GET", `/api/v1/routers/self${path}`)).text));
      await capture;
      await client.stop();
      expect(fabric.routers.flatMap((router) => router.log()).filter(({ level }) => level >= 50)).toEqual([]); // a question of an operator ends no router
      await Promise.all(fabric.routers.map((router) => router.stop()));
      const exchanged = fabric.routers.flatMap((router) => readKeyLog(logOf(router)));
      const payload = readWire(await wire.stop(), exchanged).flatMap(({ metadata }) => metadata?.tlvs.payloadKey?.key ?? []);
      expect([payload.length >= 3, exchanged.length >= 4, [...privates, ...tokens].map(({ length }) => length)]).toEqual([true, true, [32, 32, 32, 32]]);
      written.set("operator", Buffer.from(await endpoint.kept()));
      expect(written.get("operator")?.toString()).toMatch(/"audit":"enrolled".*"audit":"not enrolled".*EnrollmentRefused.*"state":\s*"used"/s);
      for (const router of fabric.routers) written.set(`${router.name} log`, Buffer.from(`${router.process.lines.join("\n")}\n${router.process.errors}`));
      for (const path of filesIn(fabric.net.folder)) written.set(path, readFileSync(path));
      expect([...written.keys()].filter((name) => /all\.pcapng|records\.jsonl|audit\.jsonl$|r1 log|peers -o json/.test(name)).length).toBeGreaterThanOrEqual(7);
      const spellings = spellingsOf([...privates, ...tokens, ...exchanged.flatMap(({ hmac, meta }) => [hmac, meta]), ...payload]);
      expect(leaks(written, spellings)).toEqual([]);
      expect(leaks(new Map([["a log that has one", Buffer.from(`{"key":"${toHex(payload[0]!)}"}`)], ["arguments", Buffer.from(Buffer.from(tokens[1]!).toString("base64url"))]]), spellings)).toEqual(["a log that has one", "arguments"]);
    } finally {
      await endpoint.close();
      await fabric.close();
    }
  }, 120_000);
});

/** Enrolls a router, after a token that was cut and before one that was used; keeps what everybody saw and gives the secret. */
async function enrollTwice(endpoint: EnrollingSite, router: Router, written: Map<string, Buffer>): Promise<Uint8Array> {
  const token = await endpoint.token(router.name), codes: (number | null)[] = [];
  for (const [what, text] of [["cut", token.slice(0, -1)], ["good", token], ["used", token]] as const) {
    const { code, out, err, seen } = await endpoint.enroll(router.name, text, what === "used" ? `${router.stateDir}.thief` : router.stateDir);
    written.set(`${router.name} enroll ${what}`, Buffer.from(out + err)).set(`${router.name} enroll ${what}, arguments and environment`, seen);
    codes.push(code);
  }
  expect(codes).toEqual([2, 0, 5]);
  return new Uint8Array(Buffer.from(token.split(".")[2] ?? "", "base64url"));
}
