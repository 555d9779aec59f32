// `svrctl ca` on real folders: what is made can be used, nothing is overwritten, no key is shown, and what is wrong is told with a way on.
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { makeRequest } from "../../pkg/security/authority.ts";
import { verifyChain } from "../../pkg/security/chain.ts";
import { nowMs, runCli } from "../../test/support/cli.ts";
import type { CliOutcome, CliWorld } from "../../test/support/cli.ts";
import type { CaView } from "../../pkg/cli/ca.ts";

describe("svrctl ca", () => {
  let root: string;
  beforeEach(() => { root = mkdtempSync(join(tmpdir(), "opensvr-ca-")); });
  afterEach(() => { rmSync(root, { recursive: true }); });

  const ca = (words: string, world?: CliWorld): Promise<CliOutcome> => runCli(`ca ${words.replace("--dir", `--dir ${join(root, "ca")}`).replaceAll("@", `${root}/`)}`, world);
  const file = (name: string): string => readFileSync(join(root, name), "utf8");
  const trusted = (): ReturnType<typeof verifyChain> => verifyChain([new Uint8Array(new X509Certificate(file("id/chain.pem")).raw)], { authorities: [new Uint8Array(new X509Certificate(file("id/authorities.pem")).raw)], revoked: new Set() }, nowMs);

  test.each(["Ed25519", "ECDSA"])("an authority and certificates with keys of %s: a router believes them, keys are closed to others and shown nowhere", async (key) => {
    const made = await ca(`init --dir --name acme --key ${key}`), issued = await ca(`issue branch --dir --key ${key} --write @id`), shown = await ca("show --dir -o json");
    expect([made.exit, issued.exit, shown.exit]).toEqual([0, 0, 0]);
    expect(trusted()).toMatchObject({ ok: true, value: { name: "branch" } });
    const view = JSON.parse(shown.out) as CaView;
    expect(view).toMatchObject({ name: "acme", key, items: [{ router: "branch", state: "counts", notAfter: new Date(nowMs + 90 * 86_400_000).toISOString() }] });
    expect([statSync(join(root, "ca/authority-key.pem")).mode & 0o777, statSync(join(root, "id/key.pem")).mode & 0o777]).toEqual([0o600, 0o600]);
    const said = [made, issued, shown, await ca("show --dir")].map(({ out, err }) => out + err).join();
    for (const secret of [file("ca/authority-key.pem"), file("id/key.pem")]) expect(said).not.toContain(secret.split("\n")[1]);
  });

  test("a request is signed when it holds its router's one name, and its key stays where it is", async () => {
    await ca("init --dir");
    const { request } = await makeRequest("branch", "ECDSA"), texts = { "/branch.csr": request, "/junk.csr": "junk" };
    expect(await ca("issue branch --dir --request /branch.csr --write @id", { texts })).toMatchObject({ exit: 0, err: expect.stringContaining("svrctl enroll branch --finish FOLDER") as string });
    expect([trusted().ok, () => file("id/key.pem")]).toEqual([true, expect.any(Function)]);
    expect(() => file("id/key.pem")).toThrow("ENOENT");
    for (const [words, exit, why] of [["other --dir --request /branch.csr", 1, "no certificate of router other is issued: the request is refused: it must hold the name urn:svr:router:other and nothing else"], ["branch --dir --request /junk.csr", 1, "it is no certificate signing request in PEM (malformed)"], ["branch --dir --request /none.csr", 4, "ENOENT"], ["Branch_1 --dir", 2, "all in lower case"]] as const) {
      expect(await ca(`issue ${words} --write @id2`, { texts })).toMatchObject({ exit, err: expect.stringContaining(why) as string });
    }
  });

  test("revoking takes --yes, one serial number or all of a router, and tells who must know", async () => {
    await ca("init --dir");
    for (const [router, to] of [["branch", "a"], ["branch", "b"], ["hub", "c"]] as const) await ca(`issue ${router} --dir --write @${to}`);
    const { items } = JSON.parse((await ca("show --dir -o json")).out) as CaView;
    const states = async (): Promise<string[]> => (JSON.parse((await ca("show --dir -o json")).out) as CaView).items.map(({ state }) => state);
    expect(await ca("revoke branch --dir")).toMatchObject({ exit: 2, out: expect.stringContaining("would revoke") as string, err: expect.stringMatching(/^SVR_USAGE: nothing is revoked in .*: it takes --yes.*svrctl ca revoke branch --dir .* --yes/) as string });
    expect((await ca("show --dir -o name")).out).toBe(items.map(({ serial }) => `${serial}\n`).join(""));
    expect(await ca("revoke branch --dir --dry-run --yes")).toMatchObject({ exit: 0 });
    expect(await states()).toEqual(["counts", "counts", "counts"]);
    expect(await ca(`revoke ${items[1]!.serial} --dir --yes`)).toMatchObject({ exit: 0, err: expect.stringContaining("spec.trust.revoked") as string });
    expect(await states()).toEqual(["counts", "revoked", "counts"]);
    expect((await ca("revoke branch --dir --yes")).out).toContain(`revoked certificate ${items[0]!.serial} of router branch`);
    expect(await states()).toEqual(["revoked", "revoked", "counts"]);
    expect(await ca("revoke branch --dir --yes")).toMatchObject({ exit: 4 });
    expect((JSON.parse((await ca("show --dir -o json", { atMs: nowMs + 91 * 86_400_000 })).out) as CaView).items.map(({ state }) => state)).toEqual(["revoked", "revoked", "expired"]);
  });

  test("nothing is overwritten, and an authority that is not whole signs nothing", async () => {
    expect(await ca("show --dir")).toMatchObject({ exit: 4, err: expect.stringMatching(/^SVR_NOT_FOUND: cannot show the authority in .*svrctl ca init --dir/) as string });
    await ca("init --dir");
    expect(await ca("init --dir")).toMatchObject({ exit: 1, err: expect.stringContaining("never overwritten") as string });
    expect(await ca("issue branch --dir --write @late", { atMs: nowMs + 3_651 * 86_400_000 })).toMatchObject({ exit: 1, err: expect.stringContaining("has expired") as string });
    expect(await ca("issue branch --dir --write @early", { atMs: nowMs - 86_400_000 })).toMatchObject({ exit: 1, err: expect.stringMatching(/authority CN=OpenSVR counts from .*by the clock of this machine it is .*; set the clock of this machine/) as string });
    const short = await ca("issue hub --dir --write @short", { atMs: nowMs + 3_640 * 86_400_000 });
    expect(short).toMatchObject({ exit: 0, err: expect.stringContaining("it counts for 10 days and not 90, for the authority ends then") as string });
    await ca("issue branch --dir --write @id");
    expect(await ca("issue branch --dir --write @id")).toMatchObject({ exit: 1, err: expect.stringContaining("no key is ever overwritten") as string });
    const key = join(root, "ca/authority-key.pem"), right = readFileSync(key), list = join(root, "ca/issued.jsonl");
    chmodSync(key, 0o644);
    expect(await ca("issue hub --dir --write @x")).toMatchObject({ exit: 1, err: expect.stringContaining("chmod 600") as string });
    chmodSync(key, 0o600);
    for (const [text, why] of [["junk", "no private key"], ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "has a passphrase"], [file("id/key.pem"), "not the key of"]] as const) {
      writeFileSync(key, text);
      expect(await ca("issue hub --dir --write @x")).toMatchObject({ exit: 1, err: expect.stringContaining(why) as string });
    }
    writeFileSync(key, right);
    writeFileSync(list, `${readFileSync(list, "utf8")}{"revokes":1}\n`);
    expect(await ca("show --dir")).toMatchObject({ exit: 1, err: expect.stringMatching(/line \d+ of .* cannot be read/) as string });
    writeFileSync(join(root, "ca/authority.pem"), "junk");
    expect(await ca("show --dir")).toMatchObject({ exit: 1, err: expect.stringContaining("holds no certificate in PEM") as string });
  });

  test("an answer to a request takes the place of no other router's, and goes beside no other key", async () => {
    await ca("init --dir");
    const { request } = await makeRequest("branch", "Ed25519"), texts = { "/branch.csr": request };
    for (const to of ["hub", "branch"]) await ca(`issue ${to} --dir --write @${to}`);
    rmSync(join(root, "hub/key.pem"));
    const before = [file("hub/chain.pem"), file("branch/chain.pem")];
    for (const [to, why] of [["hub", "there is a certificate of router hub in"], ["branch", "is not the key of the request"]] as const) {
      expect(await ca(`issue branch --dir --request /branch.csr --write @${to}`, { texts })).toMatchObject({ exit: 1, err: expect.stringContaining(why) as string });
    }
    expect([file("hub/chain.pem"), file("branch/chain.pem")]).toEqual(before);
    expect((JSON.parse((await ca("show --dir -o json")).out) as CaView).items).toHaveLength(2);
    for (const days of [90, 30]) expect(await ca(`issue branch --dir --request /branch.csr --write @id --days ${days}`, { texts })).toMatchObject({ exit: 0 }); // its own is replaced
  });

  test.each([["init --days 0", "number of days"], ["init --name /", "letters, digits"], ["issue branch", "--write"], ["init --key RSA", "Ed25519, ECDSA"]])("ca %s is a usage error", async (words, why) => {
    expect(await ca(words)).toMatchObject({ exit: 2, err: expect.stringContaining(why) as string });
  });

  test("ca init in a folder that nobody can make ends and says so", () => {
    const main = join(import.meta.dirname, "main.ts"), done = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", main, "ca", "init", "--dir", "/proc/opensvr/ca"], { encoding: "utf8", timeout: 20_000 });
    expect([done.status, done.stderr]).toEqual([1, expect.stringContaining("/proc/opensvr/ca cannot be written") as string]);
  }, 30_000);
});
