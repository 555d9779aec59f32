// The list-watch and the client against a server that misbehaves, one case a row: whatever happened, the store has in the end what the
// server has, the cause was counted, and nothing was listed again that a watch could mend.
import type { Call } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import { createWatcher } from "../../pkg/kube/watcher.ts";
import type { KubeResource, KubeStore, KubeWatcher } from "../../pkg/ports/kube.ts";
import { openMisbehaving } from "../support/kube/misbehaving.ts";
import type { Misbehaving } from "../support/kube/misbehaving.ts";
import { passes, waitFor } from "../support/wait.ts";

const configMaps: KubeResource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
const times = { firstPauseMs: 10, longestPauseMs: 100, idleMs: 300, answerMs: 300 };

let server: Misbehaving;
let watcher: KubeWatcher;
let store: KubeStore;

async function start(): Promise<void> {
  watcher = createWatcher({ access: server.access, unixMs: () => Date.now(), random: () => 0.5, times });
  store = watcher.follow(configMaps);
  await watcher.synced(AbortSignal.timeout(5_000));
}

beforeEach(async () => {
  server = await openMisbehaving();
  server.put("a", "1");
});
afterEach(async () => {
  await watcher.stop();
  await server.close();
});

const textOf = (): string => [...store.list()].map((object) => `${object.metadata.name}=${(object["data"] as { value: string }).value}`).sort().join(" ");
const has = (text: string): Promise<unknown> => waitFor(`the store has ${text}`, () => textOf() === text, { show: () => `${textOf()}; ${server.asked.join(", ")}` });
const counted = (cause: string): number => watcher.gauges()[0]?.restarts[cause] ?? 0;
const lists = (): number => server.asked.filter((one) => one.startsWith("list")).length;
const event = (type: string, name: string, version: number, value = "x"): string => `${JSON.stringify({ type, object: { metadata: { name, namespace: "d", uid: `uid-${name}`, resourceVersion: String(version) }, data: { value } } })}\n`;

test.each<[string, string, boolean, () => void]>([
  ["a clean close", "closed", false, () => { server.end("close"); }],
  ["a reset", "reset", false, () => { server.end("reset"); }],
  ["a line that is no JSON", "line", true, () => { server.say("{rubbish\n"); }],
  ["an event of an unknown type", "line", true, () => { server.say('{"type":"MAYBE","object":{"metadata":{"name":"z"}}}\n'); }],
  ["an event without an object", "line", true, () => { server.say('{"type":"ADDED"}\n'); }],
  ["an object without a name", "line", true, () => { server.say('{"type":"ADDED","object":{"metadata":{}}}\n'); }],
  ["half a line, then a reset", "reset", false, () => { server.say('{"type":"ADDED","obj'); server.end("reset"); }],
  ["half a line, then a close", "reset", false, () => { server.say('{"type":"ADDED","obj'); server.end("close"); }],
  ["an error event of gone versions", "gone", true, () => { server.say('{"type":"ERROR","object":{"kind":"Status","code":410}}\n'); }],
  ["an error event of a busy server", "busy", true, () => { server.say('{"type":"ERROR","object":{"kind":"Status","code":429,"details":{"retryAfterSeconds":0}}}\n'); }],
  ["silence", "idle", false, () => undefined],
])("%s", async (_desc, cause, isListed, mishap) => {
  await start();
  await waitFor("a watch", () => server.asked.length === 2);
  mishap();
  await waitFor(`${cause} is counted`, () => counted(cause) >= 1, { show: () => JSON.stringify(watcher.gauges()) });
  server.put("b", "2");
  server.remove("a");
  await has("b=2");
  expect(lists()).toBe(isListed ? 2 : 1);
});

test.each<[string, string, () => void]>([
  ["a watch that is refused as gone", "gone", () => { server.watches.push({ kind: "status", code: 410 }); }],
  ["a watch that is refused by 500", "answer", () => { server.watches.push({ kind: "status", code: 500 }); }],
  ["a watch that is refused by 401", "denied", () => { server.watches.push({ kind: "status", code: 401 }); }],
  ["a watch that is answered 429 with a time", "busy", () => { server.watches.push({ kind: "status", code: 429, retryAfter: "0" }); }],
  ["a watch that is never answered", "idle", () => { server.watches.push({ kind: "silence" }); }],
  ["a list that is refused by 503", "busy", () => { server.lists.push({ kind: "status", code: 503 }); }],
  ["a list that is cut within its body", "reset", () => { server.lists.push({ kind: "halfBody" }); }],
  ["a list that is never answered", "reset", () => { server.lists.push({ kind: "silence" }); }],
  ["a list that is no JSON", "line", () => { server.lists.push({ kind: "lines", lines: ["<html>"], then: "close" }); }],
  ["a list that is null", "line", () => { server.lists.push({ kind: "lines", lines: ["null"], then: "close" }); }],
  ["a list with an object without a name", "line", () => { server.lists.push({ kind: "lines", lines: ['{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"z"}},null]}'], then: "close" }); }],
  ["a list without a version", "line", () => { server.lists.push({ kind: "lines", lines: ['{"items":[]}'], then: "close" }); }],
])("%s", async (_desc, cause, mishap) => {
  mishap();
  await start();
  server.put("b", "2");
  await has("a=1 b=2");
  expect(counted(cause)).toBeGreaterThanOrEqual(1);
});

test("bookmarks alone keep a watch alive and move its version on", async () => {
  await start();
  for (let count = 0; count < 6; count += 1) {
    await passes(100); // within the idle time
    server.bookmark();
  }
  expect(counted("idle")).toBe(0);
  server.end("close");
  await waitFor("a watch from the last bookmark", () => server.asked.at(-1) === "watch 107", { show: () => server.asked.join(", ") });
});

test("what is repeated or comes late changes nothing, and nobody is told", async () => {
  server.put("a", "2"); // version 102
  await start();
  await waitFor("a watch", () => server.asked.length === 2);
  let told = 0;
  store.watch(() => { told += 1; });
  server.say(event("MODIFIED", "a", 102, "2"));
  server.say(event("MODIFIED", "a", 101, "older"));
  server.say(event("ADDED", "c", 110, "new"));
  await has("a=2 c=new");
  expect(told).toBe(1);
  server.say(event("DELETED", "c", 111));
  await has("a=2");
  expect(Object.isFrozen(store.get("d/a"))).toBe(true);
  expect(Object.isFrozen((store.get("d/a")?.["data"]))).toBe(true);
});

test("a list that begins again tells the difference only", async () => {
  server.put("b", "1");
  await start();
  const told: string[] = [];
  store.watch(({ key, before, after }) => { told.push(`${key} ${before === undefined ? "new" : after === undefined ? "gone" : "changed"}`); });
  server.watches.push({ kind: "status", code: 410 });
  server.lists.push({ kind: "status", code: 500 });
  server.end("reset");
  server.put("b", "2");
  server.put("c", "1");
  server.remove("a");
  server.compact();
  await has("b=2 c=1");
  expect(told.sort()).toEqual(["d/a gone", "d/b changed", "d/c new"]);
});

test("after a restore from a backup, with smaller versions, the store has what was restored", async () => {
  server.put("b", "1");
  await start();
  await waitFor("a watch", () => server.asked.length === 2);
  server.restore(50, "a", "old");
  server.bookmark();
  await has("a=old");
  server.put("a", "new");
  await has("a=new");
});

test("a busy server is left alone for as long as it asks", async () => {
  server.watches.push({ kind: "status", code: 429, retryAfter: "0.4" });
  watcher = createWatcher({ access: server.access, unixMs: () => Date.now(), random: () => 0, times: { ...times, longestPauseMs: 5_000 } });
  store = watcher.follow(configMaps);
  await waitFor("the watch that is refused", () => server.asked.length === 2, { everyMs: 1 });
  const refused = performance.now();
  await waitFor("the next watch", () => server.asked.length === 3, { everyMs: 1 });
  expect(performance.now() - refused).toBeGreaterThan(350);
});

test("lists that succeed before watches that fail each time do not shorten the pauses", async () => {
  for (let count = 0; count < 6; count += 1) server.watches.push({ kind: "lines", lines: ["rubbish\n"], then: "stay" });
  const started = performance.now();
  await start();
  await waitFor("six lines are counted, and a watch", () => counted("line") === 6 && server.watches.length === 0 && server.asked.filter((one) => one.startsWith("watch")).length === 7);
  expect(performance.now() - started).toBeGreaterThan(0.75 * (10 + 20 + 40 + 80 + 100 + 100) - 10);
});

test("a list whose versions are gone between two pages begins again, for stores and for calls", async () => {
  for (const name of ["b", "c", "d", "e"]) server.put(name, "1");
  server.pageSize = 2;
  server.lists.push({ kind: "well" }, { kind: "well" }, { kind: "status", code: 410 });
  await start();
  await has("a=1 b=1 c=1 d=1 e=1");
  expect(server.asked.slice(0, 6)).toEqual(["list", "list more", "list more", "list", "list more", "list more"]);
  expect(counted("gone")).toBe(1);
  const client = openKubeClient({ access: server.access, deadlineMs: 3_000 });
  server.lists.push({ kind: "well" }, { kind: "status", code: 410 });
  expect(await client.list(configMaps)).toHaveLength(5);
  server.lists.push(...Array.from({ length: 3 }, () => [{ kind: "well" }, { kind: "status", code: 410 }] as const).flat());
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_ANSWER" }); // not for ever
});

test("a listener that throws is counted as what it is; the others are told, and the watch goes on", async () => {
  const faults: unknown[] = [];
  watcher = createWatcher({ access: server.access, unixMs: () => Date.now(), random: () => 0.5, times, failed: (resource, error) => { faults.push([resource, error]); } });
  store = watcher.follow(configMaps);
  await watcher.synced(AbortSignal.timeout(5_000));
  const told: string[] = [];
  const mistake = new Error("a mistake");
  store.watch(() => { throw mistake; });
  store.watch(({ key }) => { told.push(key); });
  server.put("b", "2");
  await has("a=1 b=2");
  server.put("c", "3");
  await has("a=1 b=2 c=3");
  expect(told).toEqual(["d/b", "d/c"]);
  expect(faults).toEqual([["configmaps", mistake], ["configmaps", mistake]]);
  expect(watcher.gauges()[0]).toMatchObject({ faults: 2, restarts: { reset: 0, fault: 0 } });
});

test("what is left out of objects is left out of each page as it comes; a trim that throws is a fault, and no reset", async () => {
  server.put("b", "2");
  server.pageSize = 1;
  let isWrong = true;
  const trimmedAfter: number[] = [];
  watcher = createWatcher({ access: server.access, unixMs: () => Date.now(), random: () => 0.5, times });
  store = watcher.follow(configMaps, {
    trim(object) {
      if (isWrong) throw new Error("a mistake");
      trimmedAfter.push(server.asked.filter((one) => one.startsWith("list")).length);
      return object;
    },
  });
  await waitFor("a fault is counted", () => counted("fault") > 0);
  expect(counted("reset")).toBe(0);
  server.asked.length = 0;
  isWrong = false;
  await has("a=1 b=2");
  const [first = 0, second = 0] = trimmedAfter;
  expect(second).toBe(first + 1);
});

test("a server that one list-watch reaches again is asked by the others at once, but not each time when it comes and goes", async () => {
  let isDown = false, isDownForOther = true, tries = 0;
  const access = { ...server.access, async send(call: Call) {
    const isOther = call.path.includes("fieldSelector");
    if (isOther) tries += 1;
    if (isDown || (isOther && isDownForOther)) throw new Error("no connection");
    return server.access.send(call);
  } };
  watcher = createWatcher({ access, unixMs: () => Date.now(), random: () => 0.5, times: { ...times, idleMs: 60_000, longestPauseMs: 20_000 } });
  store = watcher.follow(configMaps);
  await waitFor("a watch", () => server.asked.some((one) => one.startsWith("watch")));
  const other = watcher.follow(configMaps, { fieldSelector: "metadata.name=a" });
  await waitFor("the other pauses for two seconds", () => tries === 9);
  const comeAndGo = async (): Promise<void> => {
    const { reset = 0 } = watcher.gauges()[0]?.restarts ?? {};
    isDown = true;
    server.end("reset");
    await waitFor("it is away", () => counted("reset") > reset + 1);
    isDown = false;
    const asked = server.asked.length;
    await waitFor("it is back", () => server.asked.length > asked);
  };
  isDownForOther = false;
  await comeAndGo();
  const from = performance.now();
  await waitFor("the other has it", () => other.synced());
  expect(performance.now() - from).toBeLessThan(1_000);
  await waitFor("it watches", () => tries === 11);
  isDownForOther = true;
  tries = 0;
  await comeAndGo();
  await waitFor("the other pauses for two seconds again", () => tries === 9);
  await comeAndGo();
  expect(tries).toBe(9);
});

test("calls: what is no JSON object is no answer: nothing is taken for missing", async () => {
  await start();
  const client = openKubeClient({ access: server.access, deadlineMs: 3_000 });
  for (const text of ["<html>", '{"items":[', "null", ""]) {
    server.lists.push({ kind: "lines", lines: [text], then: "close" }, { kind: "lines", lines: [text], then: "close" });
    await expect(client.list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_ANSWER", message: expect.stringContaining("something else answers") as string });
    await expect(client.get(configMaps, { namespace: "d", name: "a" })).rejects.toMatchObject({ code: "SVR_KUBE_ANSWER" });
  }
  server.lists.push({ kind: "status", code: 429, retryAfter: "5" });
  await expect(openKubeClient({ access: server.access, deadlineMs: 200 }).list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_BUSY" }); // it did answer
});

test("calls: a busy server is asked again after its time, a few times; a cut answer is told", async () => {
  await start();
  const client = openKubeClient({ access: server.access, deadlineMs: 3_000 });
  server.lists.push({ kind: "status", code: 429, retryAfter: "0" }, { kind: "status", code: 503, retryAfter: "0" });
  expect(await client.list(configMaps)).toHaveLength(1);
  server.lists.push(...Array.from({ length: 4 }, () => ({ kind: "status", code: 429, retryAfter: "0" }) as const));
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_BUSY" });
  server.lists.push({ kind: "status", code: 429, retryAfter: "3600" });
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_BUSY" }); // nobody waits an hour
  server.lists.push({ kind: "status", code: 500 });
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_ANSWER" });
  server.lists.push(...Array.from({ length: 4 }, () => ({ kind: "halfBody" }) as const));
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_UNREACHABLE" });
  server.lists.push({ kind: "silence" });
  await expect(openKubeClient({ access: server.access, deadlineMs: 200 }).list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_UNREACHABLE" });
});
