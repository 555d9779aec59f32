// `svrctl audit`: a log is verified against the end that its router tells, or one that is given; each way to tamper gives exit 3 and says what.
import { createHash } from "node:crypto";
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CliOutcome } from "../../test/support/cli.ts";
import { auditLine, noHash } from "../api/audit.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const events = [["audit", "opened", "audit log"], ["policy", "in-force", "configuration 0a"], ["key", "rotated", "peer west", "-"], ["denial", "refused", "Service shop/web"]] as const;
const { lines, head } = events.reduce<{ lines: string[]; head: { sequence: number; hash: string } }>(({ lines: before, head: at }, [kind, action, object]) => {
  const sequence = at.sequence + 1;
  const { text, hash } = auditLine({ sequence, time: "2026-01-01T00:00:00.000Z", previous: at.hash, kind, action, object, detail: kind === "denial" ? { reason: "access", count: 7 } : {} }, sha256);
  return { lines: [...before, text], head: { sequence, hash } };
}, { lines: [], head: { sequence: 0, hash: noHash } });

const path = "/state/cloud/audit.jsonl";
const run = (words: string, log: readonly string[] | string = lines): Promise<CliOutcome> => runCli(words, { sockets: { [socketOf("cloud")]: { [self]: statusBody("cloud"), [`${self}/audit`]: { body: { path, head } } } }, audits: { [path]: log, "copy.jsonl": log } });

test("a whole log verifies against the end that its router tells", async () => {
  const { exit, out, err } = await run("audit verify");
  expect([exit, err]).toEqual([0, ""]);
  expect(out).toMatch(/router +cloud\nfile +\/state\/cloud\/audit.jsonl\nanswer +whole\nevents +1 to 4\nend +4:[0-9a-f]{64}, and should be 4\n/);
});

test.each<[string, readonly string[], RegExp]>([
  ["changed", lines.map((line) => line.replace("peer west", "peer east")), /changed +\/state\/cloud\/audit.jsonl:3 +event 3 is not as it was written/],
  ["removed", lines.filter((_, index) => index !== 1), /missing +\/state\/cloud\/audit.jsonl:2 +event 2 is missing before event 3/],
  ["moved", [...lines.slice(0, 1), lines[2] ?? "", lines[1] ?? "", ...lines.slice(3)], /misplaced +\S+ +event 2 stands behind event 3/],
  ["cut", lines.slice(0, 2), /cut +end +events 3 to 4 are missing at the end/],
])("a log that was %s gives exit 3 and says where", async (_what, log, said) => {
  const { exit, out } = await run("audit verify", log);
  expect([exit, out]).toEqual([3, expect.stringMatching(said)]);
});

test("a file that was brought here is verified with an end that is given; without one a note says what is not seen", async () => {
  const given = await run(`audit verify --file copy.jsonl --head ${head.sequence}:${head.hash}`, lines.slice(0, 3));
  const none = await run("audit verify --file copy.jsonl", lines.slice(2));
  expect([given.exit, given.out, none.exit, none.out, none.err]).toEqual([3, expect.stringMatching(/answer +1 fault\n[^]*and should be 4\n[^]*event 4 is missing at the end/), 0, expect.stringContaining("3 to 4, older files are gone"), expect.stringContaining("a cut end is not seen; give --head SEQUENCE:HASH")]);
  expect((await run("audit verify --file copy.jsonl", [])).out).toContain("events  none");
});

test("of very many faults the rest is a number", async () => {
  expect((await run("audit verify", Array.from({ length: 120 }, () => "x"))).out).toContain("and 20 more\n");
});

test("the last events are shown, of one kind when asked; lines that are none are left out", async () => {
  const all = await run("audit show --limit 2", [...lines, "broken"]);
  expect([all.exit, all.out.split("\n").slice(1, 3).map((line) => line.split(/ {2,}/).slice(3))]).toEqual([0, [["key", "rotated", "peer west", "-"], ["denial", "refused", "Service shop/web", "reason=access count=7"]]]);
  expect([(await run("audit show")).err, all.err]).toEqual(["", `note: 1 line of ${path} cannot be read; "svrctl audit verify" tells which\n`]);
  expect((await run("audit show --kind policy -o json")).out).toMatch(/"object": "configuration 0a"/);
});

test.each([["ENOENT", 4, "there is no such file"], ["EACCES", 5, "EACCES; run svrctl as a user who may read it"], ["EISDIR", 4, "it is a folder"]])("files that cannot be read (%s) are told", async (code, exit, said) => {
  for (const word of ["show", "verify"]) expect(await run(`audit ${word}`, code)).toMatchObject({ exit, err: expect.stringContaining(said) as string });
});

test("an end that is none is a usage error", async () => {
  expect(await run("audit verify --head 5")).toMatchObject({ exit: 2, err: expect.stringContaining("64 hexadecimal digits") as string });
});
