// An API server that misbehaves, for the whole operator: 429, 500, pages of something else, half a body, half a line, lost answers,
// resets and silence on lists, watches and writes; and two operators whose clocks are hours apart. Each is a retry: the process stays, nothing
// wrong is programmed, what was asked for gets there in the end, and two never write at once.
import { join } from "node:path";
import { conditionOf, headOf, itemOf, itemsOf, leaderOf, operatorNamespace } from "../support/kube/operator.ts";
import { openMeddler } from "../support/kube/meddler.ts";
import type { Meddler, Meddling, Question } from "../support/kube/meddler.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { headsAreRight } from "../support/kube/programming.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { skewedEnvironment } from "../support/kube/skew.ts";
import { waitFor } from "../support/wait.ts";
import { startWatched } from "../support/kube/watched.ts";
import type { Watched } from "../support/kube/watched.ts";

const three = join(import.meta.dirname, "../support/config/three");
const hours = 3_600_000;

let kube: Kube;
let meddler: Meddler;
let operator: Watched;
let edits = 0;

beforeAll(async () => {
  kube = await openKube();
  kube.applyCrds();
  for (const name of [operatorNamespace, "shop"]) kube.kubectl(["create", "namespace", name]);
  kube.kubectl(["apply", "-f", three]);
  meddler = await openMeddler(kube);
  operator = await startWatched(kube, { identity: "early", kubeconfig: configThrough("early", meddler), env: skewedEnvironment(-5 * hours) });
  await headsAreRight(kube, []);
}, testMs);
afterAll(async () => {
  await operator.stop();
  await meddler.close();
  await kube.close();
}, testMs);

function configThrough(name: string, { url }: Meddler): string {
  const { users } = JSON.parse(kube.kubectl(["config", "view", "--raw", "-o", "json"])) as { users: { user: { token: string } }[] };
  return kube.configFor(name, { url, token: users[0]?.user.token ?? "" });
}

/** Changes the configuration of router cloud, and of no other. */
function edit(): void {
  edits += 1;
  kube.kubectl(["patch", "routers.opensvr.io", "cloud", "--type=merge", "-p", JSON.stringify({ spec: { timers: { tcpIdle: `${1_800 + edits}s` } } })]);
}

const isList = ({ method, path, isWatch }: Question): boolean => method === "GET" && !isWatch && /\/(routers|services|tenants|routerconfigs)$/.test(path);
const isWatch = (question: Question): boolean => question.isWatch;
const isHead = ({ method, path }: Question): boolean => method === "PATCH" && path.endsWith("/routerconfigs/cloud");
const isPage = ({ method, path }: Question): boolean => method === "POST" && path.endsWith("/routerconfigs");
const isStatus = ({ method, path }: Question): boolean => method === "PATCH" && path.endsWith("/routers/cloud/status");
const isLease = ({ path }: Question): boolean => path.includes("/leases/");
const busy: Meddling = { kind: "status", code: 429, retryAfter: 1 };
const broken: Meddling = { kind: "status", code: 500 };
const gone: Meddling = { kind: "status", code: 410 };

/** Each once, in this order; what the server did, though nobody heard of it, comes last: there is nothing left to do then. */
type Row = [desc: string, fits: (question: Question) => boolean, meddlings: Meddling[]];

test.each<Row>([
  ["writes of a head", isHead, [busy, broken, { kind: "page" }, { kind: "reset" }, { kind: "silence" }, { kind: "half" }]],
  ["writes of pages", isPage, [busy, broken, { kind: "page" }, { kind: "reset" }, { kind: "lost" }]],
  ["writes of a status", isStatus, [broken, { kind: "lost" }]],
  ["renewals of the lease", isLease, [broken, { kind: "page" }, { kind: "reset" }, { kind: "half" }]],
])("%s that fail in every way are tried again", async (_desc, fits, meddlings) => {
  const orders = meddlings.map((meddling) => meddler.meddle(fits, meddling, 1));
  edit();
  await waitFor("everything went wrong once", () => orders.every(({ hits }) => hits === 1), { ...slow, show: () => orders.map(({ hits }) => hits).join() });
  for (const order of orders) order.stop();
  await headsAreRight(kube, []);
  await waitFor("the status is about this edit", () => itemOf(kube, "routers.opensvr.io", "cloud")?.status?.["observedGeneration"] === itemOf(kube, "routers.opensvr.io", "cloud")?.metadata.generation, slow);
  expect([await operator.health(), leaderOf(kube), operator.process.errors]).toEqual(["200 ok", "early", ""]);
}, testMs);

test("watches that are cut within a line, and lists after them that fail in every way: nothing is lost, nobody is forgotten", async () => {
  const before = { branch: headOf(kube, "branch")?.hash, transit: headOf(kube, "transit")?.hash };
  const orders = [meddler.meddle(isWatch, gone, 8), ...([busy, broken, { kind: "page" }, { kind: "half" }] as const).map((meddling) => meddler.meddle(isList, meddling, 2))];
  expect(meddler.halfLines()).toBeGreaterThanOrEqual(8);
  edit();
  await waitFor("lists failed in every way", () => orders.every(({ hits }) => hits > 1), { ...slow, show: () => orders.map(({ hits }) => hits).join() });
  await headsAreRight(kube, []);
  expect({ branch: headOf(kube, "branch")?.hash, transit: headOf(kube, "transit")?.hash }).toEqual(before);
  for (const order of orders) order.stop();
  expect([await operator.health(), operator.process.errors]).toEqual(["200 ok", ""]);
}, testMs);

const writesOf = ({ questions }: Meddler): Question[] => questions.filter((question) => question.method !== "GET" && !isLease(question));

interface Dated { type: string; status: string; lastTransitionTime: string }
function conditionsOf(kind: string): Record<string, Dated[]> {
  return Object.fromEntries(itemsOf(kube, `${kind}.opensvr.io`).map(({ metadata, status }) => [metadata.name, status?.["conditions"] as Dated[]]));
}

test("of two operators ten hours apart, of which one loses its line to the lease only, never both write; conditions keep their times", async () => {
  const line = await openMeddler(kube);
  const late = await startWatched(kube, { identity: "late", kubeconfig: configThrough("late", line), env: skewedEnvironment(5 * hours) });
  try {
    const times = conditionsOf("tenants");
    expect(Object.values(times).flat().length).toBeGreaterThanOrEqual(12);
    const cut = meddler.meddle(isLease, { kind: "silence" });
    const changed = { router: "", hash: headOf(kube, "cloud")?.hash };
    await waitFor("the other one writes", () => {
      edit();
      return writesOf(line).length > 0;
    }, slow);
    expect(leaderOf(kube)).toBe("late");
    cut.stop();
    const asked = meddler.questions.length;
    await waitFor("the first one asks for the lease again", () => meddler.questions.slice(asked).filter(isLease).length > 2, slow);
    edit();
    await headsAreRight(kube, []);
    expect(headOf(kube, "cloud")?.hash).not.toBe(changed.hash);
    const [last, first] = [writesOf(meddler).at(-1)?.atMs ?? 0, writesOf(line)[0]?.atMs ?? 0];
    expect(last).toBeGreaterThan(0);
    expect(first).toBeGreaterThan(last);
    expect(conditionsOf("tenants")).toEqual(times); // the same status since the same time, whoever looks
    for (const { lastTransitionTime } of Object.values(conditionsOf("routers")).flat()) expect(lastTransitionTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(conditionOf(itemOf(kube, "routers.opensvr.io", "cloud"), "Accepted")).toMatch(/^True/);
    expect([await operator.health(), await late.health(), operator.process.errors, late.process.errors]).toEqual(["200 ok", "200 ok", "", ""]);
  } finally {
    await late.stop();
    await line.close();
  }
}, testMs);
