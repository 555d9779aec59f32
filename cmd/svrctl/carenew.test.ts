// `svrctl ca renew`: a router on this machine gets another key and certificate together, at whatever step it dies; authorities follow each other.
import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openIdentityFiles } from "../../pkg/security/identityfiles.ts";
import { mendIdentity } from "../../pkg/security/identitywriter.ts";
import { crashAtEach } from "../../test/support/crashes.ts";
import { nowMs, runCli } from "../../test/support/cli.ts";
import type { CliOutcome, CliWorld } from "../../test/support/cli.ts";
import type { CaView } from "../../pkg/cli/ca.ts";

const day = 86_400_000;

describe("svrctl ca renew", () => {
  let root: string, folder: string | undefined;
  beforeEach(() => { root = mkdtempSync(join(tmpdir(), "opensvr-renew-")); });
  afterEach(() => { for (const one of [root, folder]) if (one !== undefined) rmSync(one, { recursive: true, force: true }); });

  const ca = (words: string, at = root, world: CliWorld = {}): Promise<CliOutcome> => runCli(`ca ${words.replaceAll("@", `${at}/`)}`, world);
  const serials = async (at = root): Promise<string[]> => (JSON.parse((await ca("show --dir @ca -o json", at)).out) as CaView).items.map(({ serial }) => serial);
  const identity = (at = root) => {
    const refused: string[] = [], source = openIdentityFiles({ stateDir: join(at, "state"), keyDir: at, every: () => ({ stop: () => undefined }), refused: (problem) => { refused.push(problem); } });
    return { serial: source.current()?.serial, name: source.current()?.name, authorities: source.authorities().length, refused };
  };
  const keyOf = (at = root): string => readFileSync(join(at, "state/identity/key.pem"), "utf8");
  const begin = async (key = "Ed25519"): Promise<void> => {
    await ca("init --dir @ca");
    await ca(`issue branch --dir @ca --write @state/identity --key ${key}`);
  };

  test.each(["Ed25519", "ECDSA"])("another key of the same kind (%s) and its certificate, closed to others and shown nowhere", async (key) => {
    await begin(key);
    const [first, before] = [await serials(), keyOf()];
    const done = await ca("renew branch --dir @ca --state-dir @state --days 30 -o json");
    expect([done.exit, JSON.parse(done.out)]).toEqual([0, expect.objectContaining({ router: "branch", state: "counts", notAfter: new Date(nowMs + 30 * day).toISOString(), folder: `${root}/state/identity`, madeKey: true })]);
    expect([await serials(), identity()]).toEqual([[...first, identity().serial], { serial: expect.not.stringMatching(first[0]!), name: "branch", authorities: 1, refused: [] }]);
    expect([keyOf() === before, createPrivateKey(keyOf()).asymmetricKeyType, statSync(join(root, "state/identity/key.pem")).mode & 0o777]).toEqual([false, key === "ECDSA" ? "ec" : "ed25519", 0o600]);
    expect([readdirSync(join(root, "state")), done.out + done.err]).toEqual([["identity"], expect.not.stringContaining(keyOf().split("\n")[1]!)]);
  });

  test("by another authority: the router trusts both, until the first one has ended", async () => {
    await begin();
    await ca("init --dir @other --days 3000", root, { atMs: nowMs + 3_600 * day });
    await ca("renew branch --dir @other --state-dir @state", root, { atMs: nowMs + 3_600 * day });
    expect(identity()).toMatchObject({ name: "branch", authorities: 2, refused: [] });
    await ca("renew branch --dir @other --state-dir @state", root, { atMs: nowMs + 3_700 * day });
    expect([identity().authorities, readFileSync(join(root, "state/identity/authorities.pem"), "utf8")]).toEqual([1, new X509Certificate(readFileSync(join(root, "other/authority.pem"))).toString()]);
  });

  test("where there is no identity of this router nothing is renewed and nothing is written", async () => {
    await begin();
    const before = await serials();
    for (const words of ["hub --dir @ca --state-dir @state", "branch --dir @ca --state-dir @none", "branch --dir @ca --state-dir @ca"]) {
      expect(await ca(`renew ${words}`)).toMatchObject({ exit: 1, err: expect.stringContaining("nothing is renewed") as string });
    }
    expect(await ca("renew branch --dir @none --state-dir @state")).toMatchObject({ exit: 4, err: expect.stringContaining("svrctl ca init") as string });
    writeFileSync(join(root, "state/identity/key.pem"), "junk");
    expect(await ca("renew branch --dir @ca --state-dir @state")).toMatchObject({ exit: 1, err: expect.stringContaining("no private key") as string });
    expect([await serials(), readdirSync(root).sort()]).toEqual([before, ["ca", "state"]]);
  });

  test("a crash at any step leaves one whole identity, and the same again needs no third certificate", async () => {
    await begin();
    const [first] = await serials();
    const crashes = crashAtEach({ before: root, words: "ca renew branch --dir @ca --state-dir @state" });
    folder = crashes.folder;
    for (const at of crashes.copies) {
      mendIdentity(join(at, "state")); // as a router does when it starts
      const counts = identity(at), noted = await serials(at), hasEnded = counts.serial !== first;
      expect({ at, counts }).toEqual({ at, counts: { serial: noted.length === 1 ? first : expect.any(String), name: "branch", authorities: 1, refused: [] } });
      expect(noted).toContain(counts.serial);
      const again = await ca("renew branch --dir @ca --state-dir @state", at);
      expect({ at, exit: again.exit, count: (await serials(at)).length, last: (await serials(at)).at(-1), left: readdirSync(join(at, "state")) }).toEqual({ at, exit: 0, count: hasEnded ? 3 : 2, last: identity(at).serial, left: ["identity"] });
    }
    expect(crashes.copies.length).toBeGreaterThan(20);
  });
});
