// Enrolment with one-time tokens against real TLS endpoints of two operators that share one API server in memory: used once, for one name, in its
// time; nothing is sent to who is not of the authority that the token names; sizes, times and rates are bounded.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, existsSync } from "node:fs";
import { request as httpsRequest, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { SvrError } from "../../pkg/base/errors.ts";
import type { ErrorCode } from "../../pkg/base/errors.ts";
import { authorityKeys } from "../../pkg/operator/authority.ts";
import { secrets } from "../../pkg/operator/resources.ts";
import { listenSite } from "../../pkg/operator/site.ts";
import type { RunningSite } from "../../pkg/operator/site.ts";
import type { KubeEvent } from "../../pkg/ports/kube.ts";
import { makeAuthority, makeRequest } from "../../pkg/security/authority.ts";
import { verifyChain, pemCertificates } from "../../pkg/security/chain.ts";
import { createRouterSigner } from "../../pkg/security/routersigner.ts";
import { createSiteSigner } from "../../pkg/security/sitesigner.ts";
import { runCli } from "../../test/support/cli.ts";
import type { CliOutcome } from "../../test/support/cli.ts";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { waitFor } from "../../test/support/wait.ts";

const namespace = "opensvr", tokensSecret = { namespace, name: "opensvr-site-tokens" };

describe("enrolment by token", () => {
  let root: string, kube: MemoryKube, sites: RunningSite[], aheadMs: number, monotonicMs: number;
  const logs: object[] = [], events: KubeEvent[] = [];
  const nowMs = (): number => Date.now() + aheadMs;
  const authority = () => authorityKeys({ kube, namespace, signer: createRouterSigner(), nowMs: () => Date.now() - 2_000 });
  const say = (fields: object, message: string): void => { logs.push({ ...fields, message }); };
  const listen = (): Promise<RunningSite> => listenSite({
    kube, namespace, port: 0, signer: createSiteSigner(), authority, clock: { monotonicMs: () => monotonicMs, unixMs: nowMs }, events: { emit: (event) => { events.push(event); } },
    log: { info: say, warn: say, error: say }, every: () => ({ stop: () => undefined }),
  });
  beforeEach(async () => {
    [root, kube, aheadMs, monotonicMs] = [mkdtempSync(join(tmpdir(), "opensvr-site-")), new MemoryKube(), 0, 0];
    logs.length = events.length = 0;
    sites = await Promise.all([listen(), listen()]); // both find no authority and no Secret
  });
  afterEach(async () => {
    await Promise.all(sites.map((site) => site.close()));
    rmSync(root, { recursive: true });
  });

  const svrctl = (words: string): Promise<CliOutcome> => runCli(words.replaceAll("@", `${root}/`), { kube, atMs: nowMs() });
  const tokenFor = async (router: string, words = ""): Promise<string> => (await svrctl(`site token create ${router} --operator-namespace ${namespace} ${words}`)).out.trim();
  const enroll = (token: string, { router = "branch", at = sites[0]!.port, state = "state" } = {}): Promise<CliOutcome> => svrctl(`enroll ${router} --token ${token} --to 127.0.0.1:${at} --state-dir @${state}`);
  const listed = async (): Promise<{ id: string; state: string; serial?: string }[]> => (JSON.parse((await svrctl(`site token list --operator-namespace ${namespace} -o json`)).out) as { items: { id: string; state: string; serial?: string }[] }).items;
  const kept = async (): Promise<string> => JSON.stringify(await kube.get(secrets, tokensSecret));

  test("a token gives a certificate once; its secret is kept nowhere, and who tries again is told, in the log and as an event", async () => {
    const token = await tokenFor("branch"), secret = token.split(".")[2]!;
    expect([(await listed()).map(({ state }) => state), await kept()]).toEqual([["counts"], expect.not.stringContaining(secret)]);
    const done = await enroll(token);
    expect([done.exit, done.out, done.err]).toEqual([0, expect.stringMatching(/^router branch has certificate [0-9a-f]{32} until /), expect.stringContaining("within seconds")]);
    const chain = pemCertificates(readFileSync(join(root, "state/identity/chain.pem"), "utf8"))!, authorities = pemCertificates(readFileSync(join(root, "state/identity/authorities.pem"), "utf8"))!;
    expect(verifyChain(chain, { authorities, revoked: new Set() }, Date.now())).toMatchObject({ ok: true, value: { name: "branch" } });
    expect(await listed()).toEqual([expect.objectContaining({ state: "used", serial: /certificate (\w+)/.exec(done.out)![1] })]);
    const again = await enroll(token, { at: sites[1]!.port, state: "thief" });
    expect([again.exit, again.err, existsSync(join(root, "thief/identity"))]).toEqual([5, expect.stringMatching(/the token was used already; if that was not you, .* revoke it/), false]);
    expect(events.map(({ type, reason, note }) => `${type} ${reason}: ${note}`)).toEqual([expect.stringMatching(/^Normal Enrolled: router branch has certificate \w+ by token \w+$/), expect.stringMatching(/^Warning EnrollmentRefused: token \w+ for router branch: the token was used already$/)]);
    expect(logs).toMatchObject([{}, {}, { audit: "enrolled", router: "branch", from: expect.any(String) as string }, { audit: "not enrolled", status: 409 }]);
    expect([JSON.stringify([logs, events]) + await kept()]).toEqual([expect.not.stringContaining(secret)]);
  });

  test("of many uses at once, at two operators, one is taken", async () => {
    const token = await tokenFor("branch");
    for (const { port } of sites) expect((await enroll(token, { router: "hub", at: port, state: "hub" })).exit).toBe(5); // both know it from here on
    readTogether(8);
    const all = await Promise.all(Array.from({ length: 8 }, (_, number) => enroll(token, { at: sites[number % 2]!.port, state: `s${number}` })));
    expect(all.map(({ exit }) => exit).sort()).toEqual([0, 5, 5, 5, 5, 5, 5, 5]);
    expect(Array.from({ length: 8 }, (_, number) => existsSync(join(root, `s${number}/identity/chain.pem`))).filter((is) => is)).toHaveLength(1);
  });

  /** The first write of a token is done, and then that becomes of its answer; gives how often anybody wrote. */
  const loseAnswer = (code: ErrorCode): () => number => {
    const replace = kube.replace.bind(kube);
    let writes = 0;
    kube.replace = async (resource, object) => {
      const done = await replace(resource, object);
      writes++;
      if (writes === 1) throw new SvrError(code, { object: "server", attempted: "the answer is lost", fix: "wait" });
      return done;
    };
    return () => writes;
  };

  test.each(["SVR_KUBE_UNREACHABLE", "SVR_KUBE_ANSWER", "SVR_KUBE_CONFLICT"] as const)("an operator whose mark of use is written and whose answer is lost (%s) knows that it was its own: who asked gets that certificate, and nobody else one", async (code) => {
    const token = await tokenFor("branch"), writes = loseAnswer(code);
    const done = await enroll(token);
    expect([done.exit, writes(), await listed()]).toEqual([0, 1, [expect.objectContaining({ state: "used", serial: /certificate (\w+)/.exec(done.out)?.[1] })]]);
    expect(await enroll(token, { at: sites[1]!.port, state: "late" })).toMatchObject({ exit: 5, err: expect.stringContaining("the token was used already") as string });
  });

  test("an operator whose mark of use is not written, and whose token another one takes meanwhile, gives nothing", async () => {
    const token = await tokenFor("branch"), replace = kube.replace.bind(kube), others: CliOutcome[] = [];
    kube.replace = async () => {
      kube.replace = replace;
      others.push(await enroll(token, { at: sites[1]!.port, state: "other" }));
      throw new SvrError("SVR_KUBE_UNREACHABLE", { object: "server", attempted: "away", fix: "wait" });
    };
    const done = await enroll(token);
    expect([done.exit, done.err, others.map(({ exit }) => exit)]).toEqual([5, expect.stringContaining("the token was used already"), [0]]);
    expect(existsSync(join(root, "state/identity"))).toBe(false);
  });

  test("one that has ended, that is for another name, changed, unknown or deleted is refused; those that count, count still", async () => {
    const token = await tokenFor("branch", "--for 1m"), [id] = (await listed()).map((one) => one.id);
    expect(await enroll(token, { router: "hub" })).toMatchObject({ exit: 5, err: expect.stringContaining("not for router hub; make another one: svrctl site token create hub") as string });
    const parts = token.split("."), changed = [parts[0], parts[1], `${parts[2]!.startsWith("A") ? "B" : "A"}${parts[2]!.slice(1)}`, parts[3]].join(".");
    const unknown = [parts[0], "0".repeat(16), parts[2], parts[3]].join(".");
    for (const wrong of [changed, unknown]) expect(await enroll(wrong)).toMatchObject({ exit: 5, err: expect.stringContaining("the token is not known here") as string });
    expect(await enroll("svr1.abc")).toMatchObject({ exit: 2, err: expect.stringContaining("it is no token") as string });
    expect(events.map(({ note }) => note)).toEqual([expect.stringContaining("not for router hub")]); // without a secret that fits nobody makes events
    aheadMs = 61_000;
    expect(await enroll(token)).toMatchObject({ exit: 5, err: expect.stringContaining("the time of the token has ended") as string });
    aheadMs = 0;
    expect((await svrctl(`site token delete ${id} --operator-namespace ${namespace}`)).exit).toBe(2);
    const other = await tokenFor("branch");
    expect((await enroll(other)).exit).toBe(0);
    expect((await svrctl(`site token delete ${id} --operator-namespace ${namespace} --yes`)).out).toContain("deleted token");
    expect(await enroll(token, { state: "s2" })).toMatchObject({ exit: 5, err: expect.stringContaining("not known here") as string });
  });

  test("a token is sent to nobody who is not of the authority that it names", async () => {
    const token = await tokenFor("branch"), heard: string[] = [];
    const real = await authority(), wrong = await makeAuthority({ name: "OpenSVR routers", key: "Ed25519", days: 1, nowMs: Date.now() }), signer = createSiteSigner();
    const foreign = await signer.server(wrong, Date.now()), { key, request } = await makeRequest("hub", "Ed25519");
    const { chain } = await signer.issue(real, { request, router: "hub", nowMs: Date.now() });
    const foreignLeaf = `${foreign.certificate.split("-----END CERTIFICATE-----")[0]!}-----END CERTIFICATE-----\n`;
    const late = await signer.server(real, Date.now() - 8 * 86_400_000);
    const men: [string, { key: string; cert: string }, string][] = [
      ["of another authority", { key: foreign.key, cert: foreign.certificate }, "not of the authority that the token names"],
      ["of another authority, who shows the right one too", { key: foreign.key, cert: `${foreignLeaf}${real.certificate}` }, "not"],
      ["a router of the authority", { key, cert: `${chain}${real.certificate}` }, "its certificate is not believed"],
      ["with a certificate that has ended", { key: late.key, cert: late.certificate }, "its certificate is not believed (CERT_HAS_EXPIRED)"],
    ];
    for (const [, credentials, why] of men) {
      const man = createServer({ ...credentials, minVersion: "TLSv1.3" }, (request_, response) => { heard.push(request_.headers.authorization ?? "nothing"); response.end("{}"); });
      await new Promise<void>((resolve) => { man.listen(0, "127.0.0.1", resolve); });
      expect(await enroll(token, { at: (man.address() as AddressInfo).port })).toMatchObject({ exit: 1, err: expect.stringMatching(new RegExp(`^SVR_SITE_NOT_TRUSTED: .*${why.replace(/[()]/g, "\\$&")}.*somebody may stand in between`)) as string });
      await new Promise((resolve) => { man.close(resolve); });
    }
    expect([heard, (await listed()).map(({ state }) => state)]).toEqual([[], ["counts"]]);
    expect(await enroll(token, { at: 1 })).toMatchObject({ exit: 6, err: expect.stringContaining("ECONNREFUSED") as string });
    expect((await enroll(token)).exit).toBe(0);
  });

  /** Whoever reads tokens waits until so many have read the same: first all judge, then all are about to write. */
  const readTogether = (many: number): void => {
    const get = kube.get.bind(kube);
    let waiting: (() => void)[] = [], rounds = 0;
    kube.get = async (resource, at) => {
      const found = await get(resource, at);
      if (at.name !== tokensSecret.name || rounds === 2) return found;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < many) return;
        rounds++;
        for (const go of waiting) go();
        waiting = [];
      });
      return found;
    };
  };

  /** Asks as somebody with own words does. */
  const ask = (of: { token?: string; body?: string; method?: string; path?: string }): Promise<{ status: number; text: string }> => new Promise((resolve, reject) => {
    const asked = httpsRequest({ host: "127.0.0.1", port: sites[0]!.port, method: of.method ?? "POST", path: of.path ?? "/api/v1/enrollments", rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${of.token ?? ""}` } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => { text += part; }).once("end", () => { resolve({ status: response.statusCode ?? 0, text }); });
    });
    asked.once("error", reject).end(of.body);
  });

  test("requests of the wrong form, too long ones and those for keys that routers may not have are refused, and the token counts still", async () => {
    const token = await tokenFor("branch"), hub = (await makeRequest("hub", "Ed25519")).request;
    const tries: [Parameters<typeof ask>[0], number, string][] = [
      [{ method: "GET" }, 405, "only POST"], [{ path: "/" }, 404, "nothing here"], [{ token, body: "x".repeat(16_385) }, 413, "16384"], [{ token, body: "junk" }, 400, "in JSON"], [{ token, body: '{"router":"branch"}' }, 400, "in JSON"],
      [{ token, body: '{"router":"Branch_1","request":""}' }, 400, "in JSON"], [{ token, body: JSON.stringify({ router: "branch", request: "junk" }) }, 422, "malformed"], [{ token, body: JSON.stringify({ router: "branch", request: hub }) }, 422, "wrong-name"],
      [{ token: "x".repeat(300), body: JSON.stringify({ router: "branch", request: hub }) }, 401, "not known"],
    ];
    for (const [of, status, words] of tries) expect(await ask(of)).toEqual({ status, text: expect.stringContaining(words) as string });
    monotonicMs += 60_000;
    kube.fault = (call) => { if (call.startsWith("replace")) throw new SvrError("SVR_KUBE_UNREACHABLE", { object: "server", attempted: "away", fix: "wait" }); };
    expect(await enroll(token)).toMatchObject({ exit: 5, err: expect.stringContaining("the cluster does not answer") as string });
    kube.fault = () => undefined;
    expect((await enroll(token)).exit).toBe(0);
  });

  test("strangers behind the address of everybody wait, and who has a token does not; a token that is tried too often waits alone", async () => {
    const [first, second] = [await tokenFor("branch"), await tokenFor("hub")], unknown = [...first.split(".").slice(0, 2), "A".repeat(43), first.split(".")[3]].join(".");
    const stranger = (): Promise<number> => ask({ token: unknown, body: JSON.stringify({ router: "branch", request: "junk" }) }).then(({ status }) => status);
    const tried = [...await Promise.all(Array.from({ length: 8 }, stranger)), ...await Promise.all(Array.from({ length: 8 }, stranger))];
    expect([tried.filter((status) => status === 401), tried.filter((status) => status === 429)].map(({ length }) => length)).toEqual([10, 6]);
    expect(await enroll(first)).toMatchObject({ exit: 0 });
    for (let number = 0; number < 10; number++) await enroll(first, { state: "again" }); // used: nine are refused for that, the last one has to wait
    expect(await enroll(first, { state: "again" })).toMatchObject({ exit: 5, err: expect.stringContaining("with this token") as string });
    expect(await stranger()).toBe(429);
    expect(await enroll(second, { router: "hub", state: "hub" })).toMatchObject({ exit: 0 });
  }, 40_000);

  test("who takes connections and says nothing is cut off, by others first and then by time, and others are served meanwhile", async () => {
    let open = 0, ended = 0;
    const idle = Array.from({ length: 40 }, () => connect({ host: "127.0.0.1", port: sites[0]!.port, rejectUnauthorized: false }, () => { open++; }));
    for (const socket of idle) socket.resume().on("error", () => undefined).on("close", () => { ended++; });
    await waitFor("eight of forty have no place", () => open >= 32 && ended === 8, { deadlineMs: 5_000, show: () => `${open} ${ended}` });
    for (const socket of idle) if (!socket.destroyed) socket.write("POST /api/v1/enrollments HTTP/1.1\r\nx: "); // and no more
    expect((await enroll(await tokenFor("branch"))).exit).toBe(0);
    expect(ended).toBeGreaterThan(8);
    await waitFor("the others are cut off", () => ended === 40, { deadlineMs: 15_000, show: () => String(ended) });
    expect((await enroll(await tokenFor("hub"), { router: "hub", state: "hub" })).exit).toBe(0);
  }, 40_000);

  test("there are 256 tokens at most, those whose time has ended go when another is made, and without an endpoint there are none", async () => {
    const secret = (await kube.get(secrets, tokensSecret))!, hash = createHash("sha256").update("x").digest("hex");
    const many = Object.fromEntries(Array.from({ length: 256 }, (_, number) => [`token.${String(number).padStart(16, "0")}`, Buffer.from(JSON.stringify({ router: "branch", hash, endsMs: Date.now() + 60_000 })).toString("base64")]));
    await kube.replace(secrets, { ...secret, data: { ...secret["data"] as object, ...many } });
    expect(await svrctl(`site token create hub --operator-namespace ${namespace}`)).toMatchObject({ exit: 2, err: expect.stringContaining("there are 256") as string });
    aheadMs = 60_001;
    expect((await svrctl(`site token create hub --operator-namespace ${namespace}`)).exit).toBe(0);
    expect(await listed()).toHaveLength(1);
    expect(await svrctl("site token list --operator-namespace other")).toMatchObject({ exit: 4, err: expect.stringContaining("site.enabled=true") as string });
    expect((await svrctl(`site token create hub --for 8d --operator-namespace ${namespace}`)).exit).toBe(2);
  });
});

