// `svrctl enroll` on real folders: the key stays in the state directory and is shown nowhere; what an authority gives is judged before it counts;
// a crash between any two steps of a change leaves key and certificate of one pair.
import { X509Certificate, createPrivateKey } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openIdentityFiles } from "../../pkg/security/identityfiles.ts";
import { mendIdentity } from "../../pkg/security/identitywriter.ts";
import { nowMs, runCli } from "../../test/support/cli.ts";
import type { CliOutcome, CliWorld } from "../../test/support/cli.ts";

describe("svrctl enroll", () => {
  let root: string;
  beforeEach(() => { root = mkdtempSync(join(tmpdir(), "opensvr-enroll-")); });
  afterEach(() => { rmSync(root, { recursive: true }); });

  const texts = (): Record<string, string> => Object.fromEntries(existsSync(join(root, "id")) ? readdirSync(join(root, "id")).map((name) => [`${root}/id/${name}`, file(`id/${name}`)]) : []);
  const svrctl = (words: string, world: CliWorld = {}): Promise<CliOutcome> => runCli(words.replaceAll("@", `${root}/`), { texts: texts(), ...world });
  const file = (name: string): string => readFileSync(join(root, name), "utf8");
  const identity = () => {
    const refused: string[] = [], source = openIdentityFiles({ stateDir: join(root, "state"), keyDir: root, every: () => ({ stop: () => undefined }), refused: (problem) => { refused.push(problem); } });
    return { serial: source.current()?.serial, name: source.current()?.name, authorities: source.authorities().length, refused };
  };
  const enrolled = async (router = "branch"): Promise<CliOutcome> => {
    const { out } = await svrctl(`enroll ${router} --offline --state-dir @state`);
    rmSync(join(root, "id"), { recursive: true, force: true });
    await svrctl(`ca issue ${router} --dir @ca --request /r.csr --write @id`, { texts: { "/r.csr": out } });
    return svrctl(`enroll ${router} --finish @id --state-dir @state`);
  };

  test("offline: key and request here, chain from the authority, installed together; no key is shown or leaves", async () => {
    await svrctl("ca init --dir @ca");
    const asked = await svrctl("enroll branch --offline --state-dir @state --key ECDSA");
    expect([asked.exit, asked.out.startsWith("-----BEGIN CERTIFICATE REQUEST-----"), identity().name]).toEqual([0, true, undefined]);
    expect((await svrctl("enroll branch --offline --state-dir @state")).out).toBe(asked.out); // the key that waits is asked for again
    const key = file("state/identity.request/key.pem");
    expect([statSync(join(root, "state/identity.request/key.pem")).mode & 0o777, createPrivateKey(key).asymmetricKeyType]).toEqual([0o600, "ec"]);
    const done = await enrolled();
    expect([done.exit, done.out]).toEqual([0, expect.stringMatching(/^router branch has certificate [0-9a-f]{32} until 2026-/)]);
    expect([identity(), file("state/identity/key.pem") === key, existsSync(join(root, "state/identity.request"))]).toEqual([{ serial: expect.any(String), name: "branch", authorities: 1, refused: [] }, true, false]);
    expect(await svrctl("enroll branch --finish @id --state-dir @state")).toMatchObject({ exit: 0, out: done.out }); // the same again changes nothing
    expect(identity().refused).toEqual([]);
    for (const { out, err } of [asked, done]) expect(out + err).not.toContain(key.split("\n")[1]);
    expect([existsSync(join(root, "id/key.pem")), statSync(join(root, "state/identity/key.pem")).mode & 0o777]).toEqual([false, 0o600]);
  });

  test("again: the identity before counts until the new one is whole", async () => {
    await svrctl("ca init --dir @ca");
    await enrolled();
    const before = identity().serial;
    await svrctl("enroll branch --offline --state-dir @state");
    expect(identity().serial).toBe(before);
    await enrolled();
    expect([identity().serial === before, identity().name, readdirSync(join(root, "state"))]).toEqual([false, "branch", ["identity"]]);
  });

  test("what is not the answer to the request is refused with the reason, and nothing changes", async () => {
    await svrctl("ca init --dir @ca");
    await svrctl("ca init --dir @other");
    expect(await svrctl("enroll branch --finish @id --state-dir @state")).toMatchObject({ exit: 4, err: expect.stringContaining("ENOENT") as string });
    await svrctl("ca issue branch --dir @ca --write @id");
    const finish = (world?: CliWorld) => svrctl("enroll branch --finish @id --state-dir @state", world);
    expect(await finish()).toMatchObject({ exit: 1, err: expect.stringContaining("the key of the certificate is gone; begin again: svrctl enroll branch --offline") as string });
    await svrctl("enroll branch --offline --state-dir @state");
    expect(await finish()).toMatchObject({ exit: 1, err: expect.stringContaining("of another key") as string });
    const chain = `${root}/id/chain.pem`, authorities = `${root}/id/authorities.pem`, good = texts();
    await svrctl("ca issue hub --dir @ca --write @hub");
    const cases: [Record<string, string>, number, string][] = [
      [{ [chain]: "junk" }, nowMs, "no certificates in PEM"], [{ [authorities]: "" }, nowMs, "no certificates in PEM"], [{ [chain]: file("hub/chain.pem") }, nowMs, "router hub"],
      [{ [authorities]: file("other/authority.pem") }, nowMs, "not of the authorities"], [{}, nowMs + 91 * 86_400_000, "it has ended or"], [{}, nowMs - 86_400_000, "the clock of this machine is wrong"],
    ];
    for (const [change, atMs, why] of cases) expect(await finish({ texts: { ...good, ...change }, atMs })).toMatchObject({ exit: 1, out: "", err: expect.stringContaining(why) as string });
    expect([identity().name, existsSync(join(root, "state/identity.request/key.pem"))]).toEqual([undefined, true]);
    for (const words of ["enroll branch", "enroll branch --offline --finish x", "enroll Branch_1 --offline"]) expect((await svrctl(words)).exit).toBe(2);
  });

  test("a crash at any step of a change leaves one whole identity, the one before or the new one", async () => {
    await svrctl("ca init --dir @ca");
    await enrolled();
    const first = identity().serial, at = (name: string): string => join(root, "state", name);
    cpSync(at("identity"), join(root, "first"), { recursive: true });
    await enrolled();
    const second = identity().serial;
    cpSync(at("identity"), join(root, "second"), { recursive: true });
    const begin = (): void => { for (const name of readdirSync(at(""))) rmSync(at(name), { recursive: true }); cpSync(join(root, "first"), at("identity"), { recursive: true }); };
    const steps: [string, () => void, string | undefined][] = [
      ["the next one is not whole", () => { mkdirSync(at("identity.next")); writeFileSync(at("identity.next/key.pem"), file("second/key.pem"), { mode: 0o600 }); }, first],
      ["the next one is whole", () => { cpSync(join(root, "second"), at("identity.next"), { recursive: true }); }, first],
      ["the one before went", () => { cpSync(join(root, "second"), at("identity.next"), { recursive: true }); renameSync(at("identity"), at("identity.old")); }, second],
      ["the next one came", () => { renameSync(at("identity"), at("identity.old")); cpSync(join(root, "second"), at("identity"), { recursive: true }); }, second],
    ];
    for (const [step, crash, serial] of steps) {
      begin();
      crash();
      mendIdentity(at("")); // as the router does when it starts
      expect({ step, ...identity(), left: readdirSync(at("")) }).toEqual({ step, serial, name: "branch", authorities: 1, refused: [], left: ["identity"] });
      expect(createPrivateKey(file("state/identity/key.pem")).asymmetricKeyType).toBe("ed25519");
      expect(new X509Certificate(file("state/identity/chain.pem")).checkPrivateKey(createPrivateKey(file("state/identity/key.pem")))).toBe(true);
    }
  });

  test("a router that looks while a change is between its steps keeps what it has", async () => {
    await svrctl("ca init --dir @ca");
    await enrolled();
    let look = (): void => undefined, changes = 0;
    const source = openIdentityFiles({ stateDir: join(root, "state"), keyDir: root, every: (_ms, work) => { look = work; return { stop: () => undefined }; }, refused: () => undefined });
    source.watch(() => { changes++; });
    renameSync(join(root, "state/identity"), join(root, "state/identity.old"));
    look();
    expect([source.current()?.name, source.authorities().length, changes]).toEqual(["branch", 1, 0]);
  });
});
