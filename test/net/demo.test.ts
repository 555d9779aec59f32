// The demo as a newcomer runs it, once, with --json: it ends by itself, its checks hold, its report has the promised form, and
// a second reader finds in the captures what the report says. Also: a run that is interrupted leaves nothing.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Report } from "../../scripts/demo/report.ts";
import { describeNet } from "../support/probe.ts";
import { TestProcess } from "../support/process.ts";
import { namespaceFolder } from "../support/run.ts";

const RUN_MS = 150_000, TEST_MS = RUN_MS + 30_000;
const folder = mkdtempSync(join(tmpdir(), "demo-test-"));
const main = join(import.meta.dirname, "../../scripts/demo/main.ts");
afterAll(() => { rmSync(folder, { recursive: true }); });

interface Ended { code: number | null; text: string }

/** runDemo runs it to its end; `interruptAt` sends SIGINT when a line matches. */
async function runDemo(words: readonly string[], interruptAt?: RegExp): Promise<Ended> {
  const demo = new TestProcess([process.execPath, "--disable-warning=ExperimentalWarning", main, ...words]);
  try {
    if (interruptAt !== undefined) {
      await demo.line(interruptAt, { deadlineMs: RUN_MS });
      demo.signal("SIGINT");
    }
    const { code } = await demo.end(RUN_MS);
    return { code, text: `${demo.lines.join("\n")}\n${demo.errors}` };
  } finally {
    if (demo.exit === undefined) await demo.stop(20_000);
  }
}

/** namespacesNamed lists namespaces of the run that the output names. */
function namespacesNamed(text: string): string[] {
  const prefix = /svr-\w+/.exec(text)?.[0];
  if (prefix === undefined) throw new Error(`the demo names no run: ${text}`);
  return readdirSync(namespaceFolder).filter((name) => name.startsWith(`${prefix}-`));
}

describeNet("the demo", () => {
  const file = join(folder, "report.json");
  let ended: Ended;
  let report: Report;
  beforeAll(async () => {
    ended = await runDemo(["--psk", "--json", file]);
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  }, TEST_MS);

  test("ends with code 0, every check holds, nothing is left", () => {
    expect(report.checks.filter((one) => !one.ok)).toEqual([]);
    expect({ code: ended.code, checks: report.checks.length > 20, left: namespacesNamed(ended.text) }).toEqual({ code: 0, checks: true, left: [] });
  });

  test("shows the drawing, the live table, one session hop by hop, and why finance is denied", () => {
    for (const words of [/tenant finance\.acme/, /SESSION +ROLE +TENANT/, /1\. branch \(ingress\)[\s\S]*2\. transit \(transit\)[\s\S]*3\. cloud \(egress\)/, /"denyReason":"access"/, /ok +routers know each other by pre-shared key: 4 neighbours/, /answer +deny/, /security +yes +AES-256-GCM/, /ok +what hosts say is encrypted where a policy asks for it: .*in 6 packets.*session clear.*in 0 packets.*session encrypted/]) expect(ended.text).toMatch(words);
  });

  test("the report has exactly the promised form", () => {
    expect(Object.keys(report).sort()).toEqual(["checks", "pcap", "psk", "sessions", "throughput"]);
    for (const one of report.checks) expect(Object.keys(one)).toEqual(["name", "ok", "detail"]);
    expect(Object.keys(report.throughput)).toEqual(["svr_gbps", "kernel_gbps", "ratio"]);
    expect(report.throughput.ratio).toBeCloseTo(report.throughput.svr_gbps / report.throughput.kernel_gbps, 2);
    expect(Object.keys(report.pcap).sort()).toEqual(["branch-transit", "transit-cloud"]);
    expect(report.psk["branch-transit"]).toEqual({ pair: ["branch", "transit"], key: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(report.psk["transit-cloud"]).toEqual({ pair: ["transit", "cloud"], key: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  });

  test("each session has one UUID and its three routers in order", () => {
    expect(report.sessions.length).toBeGreaterThan(5);
    for (const session of report.sessions) {
      expect(session.sessionId).toMatch(/^[0-9a-f]{32}$/);
      expect(session.hops.map((hop) => [hop.router, hop.role, hop.sessionId])).toEqual([["branch", "ingress", session.sessionId], ["transit", "transit", session.sessionId], ["cloud", "egress", session.sessionId]]);
    }
  });

  test("another reader finds whole packets in the captures, metadata on the first of each session", () => {
    for (const path of Object.values(report.pcap)) {
      const lines = execFileSync("tshark", ["-r", path, "-T", "fields", "-e", "frame.len", "-e", "frame.cap_len"], { encoding: "utf8", maxBuffer: 1 << 26 }).trim().split("\n");
      expect(lines.filter((line) => line.split("\t")[0] !== line.split("\t")[1])).toEqual([]);
      const signed = execFileSync("tshark", ["-r", path, "-Y", "frame contains 4c:48:db:c6:dd:f6:67:0c", "-T", "fields", "-e", "frame.number"], { encoding: "utf8" }).trim().split("\n");
      expect(signed.length).toBeGreaterThanOrEqual(2 * report.sessions.length);
      expect(signed.length).toBeLessThan(lines.length / 4);
    }
  });
});

describeNet("an interrupted demo", () => {
  test.each([/built \d+ network namespaces/, /traffic begins/])("takes everything down and ends with 130: at %s", async (moment) => {
    const { code, text } = await runDemo([], moment);
    expect({ code, left: namespacesNamed(text) }).toEqual({ code: 130, left: [] });
  }, TEST_MS);
});

describeNet("a demo by certificate, with --keep", () => {
  test("right after the first run: stays up until it is told to end, and says how to look around", async () => {
    const kept = join(folder, "kept.json");
    const { code, text } = await runDemo(["--keep", "--json", kept], /End it with Ctrl-C/);
    const failed = text.split("\n").filter((line) => line.startsWith("  FAIL"));
    expect({ code, failed, left: namespacesNamed(text) }).toEqual({ code: 0, failed: [], left: [] });
    for (const words of ["svrctl sessions", "nsenter --net=/run/netns/", "checks hold", "ok    routers know each other by certificate: 4 neighbours", "ok    HMAC is right under the keys of the pair"]) expect(text).toContain(words);
    expect((JSON.parse(readFileSync(kept, "utf8")) as Report).psk).toEqual({}); // nobody gave the routers a key
  }, TEST_MS);
});

test("an unknown option is refused with the usage", async () => {
  expect(await runDemo(["--jsn"])).toMatchObject({ code: 2, text: expect.stringContaining("unknown option --jsn") as string });
});
