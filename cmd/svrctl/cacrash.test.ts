// `svrctl ca` dies before each of its changes of files in turn: the same command again ends well, nothing counts that is not in the list, and
// whoever looks in between finds no half of anything.
import { X509Certificate, createPrivateKey } from "node:crypto";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeRequest } from "../../pkg/security/authority.ts";
import { crashAtEach } from "../../test/support/crashes.ts";
import { runCli } from "../../test/support/cli.ts";
import type { CliOutcome } from "../../test/support/cli.ts";
import type { CaView } from "../../pkg/cli/ca.ts";

describe("svrctl ca after a crash at any step", () => {
  let before: string, folder: string | undefined;
  beforeEach(() => { before = mkdtempSync(join(tmpdir(), "opensvr-ca-")); });
  afterEach(() => { for (const one of [before, folder]) if (one !== undefined) rmSync(one, { recursive: true, force: true }); });

  const ca = (words: string, at: string, texts: Record<string, string> = {}): Promise<CliOutcome> => runCli(`ca ${words.replaceAll("@", `${at}/`)}`, { texts });
  const listed = async (at: string): Promise<CaView["items"]> => (JSON.parse((await ca("show --dir @ca -o json", at)).out) as CaView).items;
  const crash = (words: string, texts?: Record<string, string>): string[] => {
    const crashes = crashAtEach({ before, words: `ca ${words}`, ...(texts !== undefined && { texts }) });
    folder = crashes.folder;
    expect(crashes.copies.length).toBeGreaterThan(2);
    return crashes.copies;
  };
  const serialOf = (path: string): string => new X509Certificate(readFileSync(path)).serialNumber.toLowerCase();
  const isPair = (at: string): boolean => new X509Certificate(readFileSync(join(at, "chain.pem"))).checkPrivateKey(createPrivateKey(readFileSync(join(at, "key.pem"))));

  test("init: no half of an authority is there, and the next one makes it", async () => {
    for (const at of crash("init --dir @ca --name acme")) {
      const has = existsSync(join(at, "ca/authority.pem")), again = await ca("init --dir @ca --name again --key ECDSA", at);
      expect({ at, has, again }).toMatchObject(has ? { again: { exit: 1 } } : { again: { exit: 0 } });
      expect(await ca("show --dir @ca", at)).toMatchObject({ exit: 0, out: expect.stringContaining(has ? "acme" : "again") as string });
      expect([await ca("issue branch --dir @ca --write @id", at), readdirSync(join(at, "ca")).sort()]).toMatchObject([{ exit: 0 }, ["authority-key.pem", "authority.pem", "issued.jsonl"]]);
      expect(statSync(join(at, "ca/authority-key.pem")).mode & 0o777).toBe(0o600);
    }
  });

  test("init: a key or a list whose certificate is gone is no leftover", async () => {
    await ca("init --dir @ca", before);
    await ca("issue branch --dir @ca --write @id", before);
    rmSync(join(before, "ca/authority.pem"));
    expect(await ca("init --dir @ca", before)).toMatchObject({ exit: 1, err: expect.stringContaining("bring it back") as string });
    rmSync(join(before, "ca/authority-key.pem"));
    expect(await ca("init --dir @ca", before)).toMatchObject({ exit: 1, err: expect.stringContaining("list issued.jsonl of another authority") as string });
  });

  test("issue: the same again gives one identity, whose certificate is in the list, and no key of before is lost or replaced", async () => {
    await ca("init --dir @ca", before);
    for (const at of crash("issue branch --dir @ca --write @id")) {
      const chain = join(at, "id/chain.pem"), key = join(at, "id/key.pem"), keyBefore = existsSync(key) ? readFileSync(key, "utf8") : undefined;
      const hasAll = existsSync(chain), noted = await listed(at);
      if (hasAll) expect([noted.map(({ serial }) => serial), isPair(join(at, "id"))]).toEqual([[serialOf(chain)], true]);
      expect(await ca("issue branch --dir @ca --write @id", at)).toMatchObject({ exit: hasAll ? 1 : 0 });
      const left = await listed(at);
      expect({ at, left: left.map(({ serial }) => serial), files: readdirSync(join(at, "id")).sort(), isPair: isPair(join(at, "id")) })
        .toEqual({ at, left: [serialOf(chain)], files: ["authorities.pem", "chain.pem", "key.pem"], isPair: true });
      expect([statSync(key).mode & 0o777, keyBefore === undefined || keyBefore === readFileSync(key, "utf8")]).toEqual([0o600, true]);
    }
  });

  test("issue with a request: the chain that was there counts until the new one is in the list", async () => {
    await ca("init --dir @ca", before);
    const { request } = await makeRequest("branch", "Ed25519"), texts = { "/r.csr": request, "/other.csr": (await makeRequest("branch", "Ed25519")).request };
    await ca("issue branch --dir @ca --request /r.csr --write @id", before, texts);
    const first = serialOf(join(before, "id/chain.pem"));
    for (const at of crash("issue branch --dir @ca --request /r.csr --write @id", texts)) {
      const chain = join(at, "id/chain.pem"), was = serialOf(chain);
      expect([first, ...(await listed(at)).map(({ serial }) => serial)]).toContain(was);
      expect(await ca("issue branch --dir @ca --request /r.csr --write @id", at, texts)).toMatchObject({ exit: 0 });
      const serials = (await listed(at)).map(({ serial }) => serial);
      expect({ at, count: serials.length, last: serials.at(-1) }).toEqual({ at, count: was === first ? 2 : 3, last: serialOf(chain) });
    }
  });

  test("issue: what was left of another router, request or list is not taken", async () => {
    await ca("init --dir @ca", before);
    const texts = { "/r.csr": (await makeRequest("branch", "Ed25519")).request };
    const noted = crash("issue branch --dir @ca --write @id").find((at) => readFileSync(join(at, "ca/issued.jsonl"), "utf8").endsWith("\n") && existsSync(join(at, "id/key.pem.new")))!;
    const left = serialOf(join(noted, "id/chain.pem.new"));
    expect(await ca("issue branch --dir @ca --request /r.csr --write @id", noted, texts)).toMatchObject({ exit: 0 });
    expect([serialOf(join(noted, "id/chain.pem")) === left, readdirSync(join(noted, "id")).sort()]).toEqual([false, ["authorities.pem", "chain.pem"]]);
  });

  test("issue: a key is made where what was left is of a request, or of a router of another name", async () => {
    await ca("init --dir @ca", before);
    const texts = { "/r.csr": (await makeRequest("branch", "Ed25519")).request };
    for (const at of crash("issue branch --dir @ca --request /r.csr --write @id", texts)) {
      const router = existsSync(join(at, "id/chain.pem")) ? "hub" : "branch";
      expect([await ca(`issue ${router} --dir @ca --write @id`, at), isPair(join(at, "id"))]).toMatchObject([{ exit: 0 }, true]);
    }
    rmSync(folder!, { recursive: true });
    for (const at of crash("issue branch --dir @ca --write @id").filter((one) => !existsSync(join(one, "id/key.pem")))) {
      expect([await ca("issue hub --dir @ca --write @id", at), (await listed(at)).at(-1)]).toMatchObject([{ exit: 0 }, { router: "hub", serial: serialOf(join(at, "id/chain.pem")) }]);
    }
  });

  test("revoke: all of a router are revoked or the same again revokes them; a line that was cut says nothing", async () => {
    await ca("init --dir @ca", before);
    for (const to of ["a", "b"]) await ca(`issue branch --dir @ca --write @${to}`, before);
    for (const at of crash("revoke branch --dir @ca --yes")) {
      const left = (await listed(at)).filter(({ state }) => state === "counts").length;
      expect({ at, ...await ca("revoke branch --dir @ca --yes", at) }).toMatchObject({ at, exit: left === 0 ? 4 : 0 });
      expect((await listed(at)).map(({ state }) => state)).toEqual(["revoked", "revoked"]);
    }
  });

  test("a list: a last line that lacks its end counts, one that says nothing goes, one in the middle stops everything", async () => {
    await ca("init --dir @ca", before);
    await ca("issue branch --dir @ca --write @a", before);
    const list = join(before, "ca/issued.jsonl");
    truncateSync(list, statSync(list).size - 1);
    expect(await listed(before)).toHaveLength(1);
    await ca("issue branch --dir @ca --write @b", before);
    appendFileSync(list, "\0".repeat(100));
    await ca("issue branch --dir @ca --write @c", before);
    expect([(await listed(before)).length, readFileSync(list, "utf8").split("\n").length]).toEqual([3, 4]);
    appendFileSync(list, `{"revokes":"${"0".repeat(32)}","at":1}\n`); // of a certificate that is not in the list
    expect(await ca("show --dir @ca", before)).toMatchObject({ exit: 1, err: expect.stringContaining("line 4 of") as string });
  });
});
