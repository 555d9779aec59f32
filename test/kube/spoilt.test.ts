// Our schemas and the API server agree on thousands of objects that nobody wrote down: every good example, with one change in every field.
// Whoever finds a difference first should not be a user whose file works and whose cluster refuses it.
import { readFileSync, readdirSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { parse } from "yaml";
import { isDeepStrictEqual } from "node:util";
import { namings, served, servedVersion } from "../../pkg/api/served.ts";
import type { ServedKind } from "../../pkg/api/served.ts";
import { openAccess } from "../../pkg/kube/access.ts";
import type { KubeAccess } from "../../pkg/kube/access.ts";
import { testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { spoiltOf } from "../support/kube/spoil.ts";
import type { Spoilt } from "../support/kube/spoil.ts";

const AT_ONCE = 8;
const folder = join(import.meta.dirname, "good");
const files = readdirSync(folder).sort();

let kube: Kube;
let access: KubeAccess;
beforeAll(async () => {
  kube = await openKube();
  kube.applyCrds();
  access = openAccess({ kubeconfig: kube.kubeconfig });
}, testMs);
afterAll(async () => {
  access.close();
  await kube.close();
}, testMs);

interface Verdict { accepted: boolean; spec?: unknown; said: string }

async function theirs(kind: ServedKind, object: Record<string, unknown>): Promise<Verdict> {
  const path = `/apis/opensvr.io/${servedVersion}/${served[kind].namespaced ? "namespaces/default/" : ""}${namings[kind].plural}?dryRun=All&fieldValidation=Strict`;
  const answer = await access.send({ method: "POST", path, contentType: "application/json", body: JSON.stringify(object), signal: AbortSignal.timeout(60_000) });
  const text = await textOf(answer);
  if (answer.statusCode === 201) return { accepted: true, spec: (JSON.parse(text) as { spec?: unknown }).spec, said: "" };
  const { code, message } = JSON.parse(text) as { code: number; message: string };
  if (code !== 422 && code !== 400) throw new Error(`${kind}: ${code} ${message}`);
  return { accepted: false, said: message };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

function ours(kind: ServedKind, object: Record<string, unknown>): Verdict {
  const read = served[kind].schema.safeParse(object);
  return read.success ? { accepted: true, spec: (read.data as { spec: unknown }).spec, said: "" } : { accepted: false, said: read.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join(", ") };
}

async function differenceOf(kind: ServedKind, { path, change, object }: Spoilt): Promise<string | undefined> {
  const [we, they] = [ours(kind, object), await theirs(kind, object)];
  if (we.accepted !== they.accepted) return `${path} ${change}: ${we.accepted ? `accepted by us, refused by the API server: ${they.said}` : `refused by us, accepted by the API server: ${we.said}`}`;
  return isDeepStrictEqual(we.spec, they.spec) ? undefined : `${path} ${change}: other defaults: ${JSON.stringify(we.spec)} and ${JSON.stringify(they.spec)}`;
}

test.each(files)("good/%s spoilt in every field is judged alike", async (file) => {
  const object = parse(readFileSync(join(folder, file), "utf8"), { version: "1.1" }) as Record<string, unknown> & { kind: ServedKind };
  const all = spoiltOf(object);
  expect(all.length).toBeGreaterThan(25);
  const differences: string[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE) differences.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map((one) => differenceOf(object.kind, one)))).filter((one) => one !== undefined));
  expect(differences).toEqual([]);
}, testMs);
