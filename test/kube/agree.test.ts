// Our schemas and the API server accept and refuse the same objects: every file in good/ and bad/ goes to both. A bad one says in its
// comment which field is wrong; both must name that field, and say what to write instead or what is allowed.
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { checkServed, fieldPath } from "../../pkg/api/objectcheck.ts";
import { namings, served, servedKinds } from "../../pkg/api/served.ts";
import type { ServedKind } from "../../pkg/api/served.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { waitFor } from "../support/wait.ts";

const folder = (name: string): string => join(import.meta.dirname, name);
const filesOf = (name: string): string[] => readdirSync(folder(name)).filter((file) => file.endsWith(".yaml")).sort();
const [good, bad] = [filesOf("good"), filesOf("bad")];
interface Example { text: string; kind: ServedKind; object: { spec?: unknown } }

function exampleOf(kind: "good" | "bad", file: string): Example {
  const text = readFileSync(join(folder(kind), file), "utf8");
  const object = parse(text, { version: "1.1" }) as Example["object"] & { kind: ServedKind };
  return { text, kind: object.kind, object };
}

let kube: Kube;
/** what the API server says of each bad file */
const refusals = new Map<string, string>();
const accepted = new Map<string, { spec: unknown }>();

beforeAll(async () => {
  kube = await openKube();
  kube.applyCrds();
  const refused = kube.tryKubectl(["create", "--dry-run=server", "--validate=strict", "-o", "name", "-f", folder("bad")]);
  for (const part of refused.err.split(/(?=error when creating ")/)) {
    const file = /error when creating "([^"]+)"/.exec(part)?.[1];
    if (file !== undefined) refusals.set(basename(file), part);
  }
  for (const file of good) {
    const { status, out, err } = kube.tryKubectl(["create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", join(folder("good"), file)]);
    if (status === 0) accepted.set(file, JSON.parse(out) as { spec: unknown });
    else refusals.set(file, err);
  }
}, testMs);
afterAll(async () => { await kube.close(); }, testMs);

test.each(good)("good/%s is accepted by both, with the same defaults", (file) => {
  const { kind, object } = exampleOf("good", file);
  const read = served[kind].schema.safeParse(object);
  expect([read.error?.issues, refusals.get(file)]).toEqual([undefined, undefined]);
  expect(accepted.get(file)?.spec).toEqual((read.data as { spec: unknown }).spec);
});

/** How a fix of ours begins: what to write, or what to do with what is there. */
const fixes = /^(?:write|add|remove|list|give|leave|name|did you mean|known fields:|it needs) ?\S/;

/** The first name of a list is what a server without indexes for sets and map keys can name. */
test.each(bad)("bad/%s is refused by both, with the field and a way on", (file) => {
  const { text, kind, object } = exampleOf("bad", file);
  const field = /^# field: (.*)$/m.exec(text)?.[1] ?? "";
  const issues = served[kind].schema.safeParse(object).error?.issues ?? [];
  const ours = issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys.map((key) => fieldPath([...issue.path, key])) : [fieldPath(issue.path)]));
  expect(ours.some((path) => path === field || path.startsWith(`${field}.`))).toBe(true);
  for (const one of checkServed(kind, object)) expect([one.field, one.fix]).toEqual([one.field, expect.stringMatching(fixes)]);
  const said = refusals.get(file) ?? "accepted";
  expect(said).toContain(field === "spec.member" ? 'unknown field "spec.member"' : field);
  expect(said).toMatch(/; \w|Unsupported value|should be|must be|unknown field|Required value|Duplicate value|Too long|Too many|at least/);
});

test("every kind has good and bad examples, and every rule of a CRD is broken by one", () => {
  for (const kind of servedKinds) expect([kind, good.some((file) => exampleOf("good", file).kind === kind), bad.some((file) => exampleOf("bad", file).kind === kind)]).toEqual([kind, true, true]);
  const said = [...refusals.values()].join("\n");
  const messages = servedKinds.flatMap((kind) => [...readFileSync(join(folder("../.."), `crds/${namings[kind].plural}.yaml`), "utf8").matchAll(/^ *(?:- )?message: (.*)$/gm)].map((match) => match[1]?.replace(/^"(.*)"$/, "$1").replaceAll('\\"', '"') ?? ""));
  const rules = [...new Set(messages)].filter((message) => !message.includes("; write for example ") && !message.includes("ever changes")); // patterns, all in one way; changes: crds.test.ts
  expect(rules.length).toBeGreaterThan(30);
  expect(rules.filter((message) => !said.includes(message))).toEqual([]);
});

test("kubectl explains every field, knows the short names, and lists the category", async () => {
  for (const kind of servedKinds) {
    const { short } = namings[kind]; // kubectl explain takes services.opensvr.io for the core kind (decision 019)
    const text = await waitFor(`${kind} is explained`, () => { // the API server publishes schemas a moment later
      const { status, out } = kube.tryKubectl(["explain", `${short}.spec`, "--recursive"]);
      return status === 0 && out;
    }, { ...slow, show: () => kube.tryKubectl(["explain", `${short}.spec`]).err });
    expect(text).toMatch(new RegExp(`GROUP: +opensvr.io\nKIND: +${kind}\n`));
    expect(kube.kubectl(["get", namings[kind].short, "-A", "--ignore-not-found"])).toBe("");
  }
  expect(kube.kubectl(["explain", "svrs.spec.idleTimeout"])).toMatch(/Time without packets[^]*Example: 300s/);
  expect(kube.tryKubectl(["get", "opensvr", "-A"]).status).toBe(0);
}, testMs);
