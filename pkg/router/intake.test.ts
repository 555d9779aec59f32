// Configuration intake over the real compiler, a source in memory and key files that can be taken away.
import { parseDocuments } from "../api/document.ts";
import { SvrError } from "../base/errors.ts";
import { compileKeeping } from "../plan/compile.ts";
import type { LastGood } from "../ports/config.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { compilingSource } from "./compiling.ts";
import { createIntake } from "./intake.ts";
import type { Applied, Intake } from "./intake.ts";

const tenant = (name: string): string => `apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: ${name} }\n`;
const router = (name: string, more = ""): string => `apiVersion: opensvr.io/v1alpha1
kind: Router
metadata: { name: ${name} }
spec:
  interfaces:
    - { name: wan0, type: WAN, addresses: [192.0.2.1/24], waypoints: [{ address: 192.0.2.1 }] }
  peers:
    - { name: west, psk: { file: west.psk }, paths: [{ name: a, interface: wan0, remoteAddress: 192.0.2.2 }] }
${more}`;

const never = new AbortController().signal;

interface World {
  intake: Omit<Intake, "first"> & { first(): Promise<Applied> };
  files: Record<string, string>;
  keys: Record<string, string>;
  unreadable: boolean;
  errors: string[];
  now: number;
  disk: Disk;
}

/** A state directory: what it holds, and whether it refuses. */
interface Disk { state: LastGood | "garbage" | undefined; full: boolean; writes: number }

function makeWorld(files: Record<string, string>, disk: Disk = { state: undefined, full: false, writes: 0 }): World {
  const errors: string[] = [];
  const world: Omit<World, "intake"> = { files, keys: { "west.psk": "k1" }, unreadable: false, errors, now: 1_767_225_600_000, disk };
  const say = (_fields: object, message: string): void => { errors.push(message); };
  const key = (from: string, to: string, text: string): PeerKeys => ({
    keyId: text.charCodeAt(1) * 100 + from.charCodeAt(0), hmac: new Uint8Array(32), meta: new Uint8Array(32), salt: new Uint8Array(8), sender: from, receiver: to, generation: 1,
  });
  const clock = { monotonicMs: () => 0, unixMs: () => world.now }, log = { info: say, warn: say, error: say };
  const source = compilingSource({
    compiler: compileKeeping, name: "branch", clock, log,
    source: {
      read: () => (world.unreadable ? Promise.reject(new Error("gone")) : Promise.resolve(parseDocuments(Object.entries(world.files).map(([path, text]) => ({ path, text }))))),
      watch: () => ({ stop: () => undefined }),
    },
    lastGood: {
      read: () => (disk.state === "garbage" ? Promise.reject(new SvrError("SVR_LAST_GOOD", { object: "disk", attempted: "it is garbage", fix: "remove it" })) : Promise.resolve(disk.state)),
      write(state) {
        if (disk.full) return Promise.reject(new SvrError("SVR_LAST_GOOD", { object: "disk", attempted: "the disk is full", fix: "make room" }));
        disk.state = state;
        disk.writes += 1;
        return Promise.resolve();
      },
    },
  });
  const inner = createIntake({
    source, clock, log,
    keys: {
      psk(file) {
        const text = world.keys[file];
        if (text === undefined) throw new SvrError("SVR_PSK_FILE", { object: file, attempted: `cannot read ${file}`, fix: "make it readable" });
        return new TextEncoder().encode(text);
      },
    },
    derive: (own, peer, psk) => ({ send: key(own, peer, new TextDecoder().decode(psk.key)), receive: [key(peer, own, new TextDecoder().decode(psk.key))] }),
  });
  const intake = { ...inner, first: () => inner.first(never) };
  return Object.assign(world, { intake });
}

test("an object of another router changes nothing to put in force, and is told as it is now", async () => {
  const { intake, files } = makeWorld({ "r.yaml": router("branch"), "o.yaml": router("other") });
  const applied = await intake.first();
  files["o.yaml"] = router("other", "  timers: { udpIdle: 20s }\n");
  expect(await intake.again()).toBeUndefined();
  const { config, at, objects } = intake.current();
  expect([config, at]).toEqual([applied.config, applied.at]);
  expect(objects).toContainEqual(expect.objectContaining({ metadata: expect.objectContaining({ name: "other" }) as unknown, spec: expect.objectContaining({ timers: expect.objectContaining({ udpIdle: "20s" }) as unknown }) as unknown }));
});

test("the first reading gives the router's configuration, its keys and a hash", async () => {
  const { intake } = makeWorld({ "r.yaml": router("branch"), "t.yaml": tenant("acme") });
  const applied = await intake.first();
  expect(applied).toMatchObject({ config: { name: "branch" }, problems: [], isPartial: false, at: "2026-01-01T00:00:00.000Z" });
  expect(applied.hash).toMatch(/^[0-9a-f]{16}$/);
  expect(Object.keys(applied.keys)).toEqual(["west"]);
  expect([intake.current(), intake.stale()]).toEqual([applied, false]);
});

test("nothing new is no change; a change gives another hash", async () => {
  const world = makeWorld({ "r.yaml": router("branch"), "t.yaml": tenant("acme") });
  const first = await world.intake.first();
  world.now += 1_000;
  expect(await world.intake.again()).toBeUndefined();
  expect(world.intake.current()).toBe(first);
  world.files = { ...world.files, "t.yaml": tenant("other") };
  const next = await world.intake.again();
  expect(next?.config.tenants.map((one) => one.name)).toEqual(["<global>", "other"]);
  expect(next?.hash).not.toBe(first.hash);
});

test("another key gives another hash, and the hash is of key ids, not of keys", async () => {
  const world = makeWorld({ "r.yaml": router("branch") });
  const first = await world.intake.first();
  world.keys = { "west.psk": "k2" };
  const next = await world.intake.again();
  expect(next?.hash).not.toBe(first.hash);
  world.keys = { "west.psk": "k2 with other bytes behind its id" };
  expect(await world.intake.again()).toBeUndefined();
});

test("a broken object keeps its last good version, is told with its place, and makes the configuration stale", async () => {
  const world = makeWorld({ "r.yaml": router("branch"), "t.yaml": tenant("acme") });
  const first = await world.intake.first();
  world.files = { ...world.files, "r.yaml": router("branch", "  shards: many\n") };
  const next = await world.intake.again();
  expect(next?.config).toEqual(first.config);
  expect(next?.problems).toEqual([expect.stringContaining("the last good version stays in force"), expect.stringMatching(/^r\.yaml:9:3: error: Router branch spec\.shards: /)]);
  expect(world.intake.stale()).toBe(true);
  world.files = { ...world.files, "r.yaml": router("branch") };
  expect(await world.intake.again()).toMatchObject({ problems: [] });
  expect(world.intake.stale()).toBe(false);
});

test("a source that cannot be read leaves everything as it is, and says so", async () => {
  const world = makeWorld({ "r.yaml": router("branch") });
  const first = await world.intake.first();
  world.unreadable = true;
  expect(await world.intake.again()).toBeUndefined();
  expect([world.intake.current(), world.intake.stale(), world.errors]).toEqual([first, true, ["configuration refused; the last good one stays in force"]]);
});

test("a router that disappears from the source stays in force", async () => {
  const world = makeWorld({ "r.yaml": router("branch") });
  const first = await world.intake.first();
  world.files = { "r.yaml": router("other") };
  expect(await world.intake.again()).toBeUndefined();
  expect([world.intake.current(), world.intake.stale()]).toEqual([first, true]);
});

test("without this router there is no start: the others and the first problem are named", async () => {
  await expect(makeWorld({ "r.yaml": router("other") }).intake.first()).rejects.toMatchObject({ code: "SVR_CONFIG_EMPTY", message: expect.stringContaining("there are other") as string });
  await expect(makeWorld({ "r.yaml": router("branch", "  shards: many\n") }).intake.first()).rejects.toMatchObject({ code: "SVR_CONFIG_EMPTY", message: expect.stringContaining("r.yaml:") as string });
});

test("a peer without key is not usable either when its name is one that every object has", async () => {
  const world = makeWorld({ "a.yaml": router("branch").replace("name: west", "name: constructor") });
  world.keys = {};
  expect(await world.intake.first()).toMatchObject({ isPartial: true, problems: [expect.stringContaining("peer constructor is not usable: SVR_PSK_FILE")] });
  expect(Object.keys(world.intake.current().keys)).toEqual([]);
});

test("a peer without key is not usable and the rest is; a key that goes away later stays in force", async () => {
  const world = makeWorld({ "r.yaml": router("branch") });
  world.keys = {};
  expect(await world.intake.first()).toMatchObject({ keys: {}, isPartial: true, keyFault: { code: "SVR_PSK_FILE" }, problems: [expect.stringContaining("peer west is not usable: SVR_PSK_FILE: cannot read west.psk")] });
  world.keys = { "west.psk": "k1" };
  const good = await world.intake.again();
  expect([Object.keys(good?.keys ?? {}), world.intake.stale()]).toEqual([["west"], false]);
  world.keys = {};
  const kept = await world.intake.again();
  expect(kept).toMatchObject({ hash: good?.hash, keys: good?.keys, problems: [expect.stringContaining("peer west keeps its last key: SVR_PSK_FILE")] });
  expect(world.intake.stale()).toBe(true);
});

test("two peers whose keys have one id: the first is usable, the other is told", async () => {
  const two = router("branch").replace("    - { name: west,", "    - { name: wild, psk: { file: west.psk }, paths: [{ name: a, interface: wan0, remoteAddress: 192.0.2.3 }] }\n    - { name: west,");
  const { intake } = makeWorld({ "r.yaml": two });
  const applied = await intake.first();
  expect(Object.keys(applied.keys)).toHaveLength(1);
  expect(applied).toMatchObject({ isPartial: true, problems: [expect.stringMatching(/^peer w\w+ is not usable: its key id equals that of peer w\w+; raise psk\.generation/)] });
});

test("a configuration that could not be programmed is taken back", async () => {
  const world = makeWorld({ "r.yaml": router("branch") });
  const first = await world.intake.first();
  world.files = { ...world.files, "t.yaml": tenant("acme") };
  await world.intake.again();
  expect(world.intake.refused(new Error("full"))).toBe(first);
  expect([world.intake.current(), world.intake.stale()]).toEqual([first, true]);
});

test("names are numbered by the data plane; one that gets no number is told", async () => {
  const world = makeWorld({ "r.yaml": router("branch") });
  const applied = await world.intake.first();
  const ids = applied.number((name) => (name === "router/west" ? 0 : name.length));
  expect(ids["path/west/a"]).toBe("path/west/a".length);
  expect(ids).not.toHaveProperty("router/west");
  expect(world.errors).toEqual(["no number left for this name; it is not in force"]);
});

describe("over a restart", () => {
  const good = { "r.yaml": router("branch"), "t.yaml": tenant("acme"), "u.yaml": tenant("zeta") };
  const broken = { ...good, "r.yaml": router("branch", "  shards: many\n"), "t.yaml": "{" };
  const onDisk = (world: World): string => JSON.stringify(world.disk.state);
  const names = (applied: Applied | undefined): string[] | undefined => applied?.config.tenants.map((one) => one.name);
  const stays = (file: string, object: string, time: string): string => `${file}: warning: ${object}: the last good version stays in force (since ${time}); correct the object, or remove it`;

  test("objects whose files are broken are in force as they were, and it is told which, since when and what to do", async () => {
    const before = makeWorld(good);
    const first = await before.intake.first();
    before.files = broken;
    before.now += 60_000;
    await before.intake.again();
    const after = makeWorld(broken, before.disk);
    after.now += 3_600_000;
    const applied = await after.intake.first();
    expect(applied.config).toEqual(first.config);
    expect(applied.problems).toEqual(expect.arrayContaining([stays("r.yaml", "Router branch", "2026-01-01T00:01:00.000Z"), stays("t.yaml", "Tenant acme", "2026-01-01T00:01:00.000Z")]));
    expect(applied.problems.filter((line) => line.includes("error"))).toHaveLength(2);
    expect(after.intake.stale()).toBe(true);
    after.files = good;
    await after.intake.again();
    after.files = broken;
    after.now += 1_000;
    expect((await after.intake.again())?.problems).toContain(stays("t.yaml", "Tenant acme", "2026-01-01T01:00:01.000Z")); // it was well in between
  });

  test("a file that broke while no router ran is as it was, since the start; one that is gone is gone", async () => {
    const before = makeWorld(good);
    await before.intake.first();
    const after = makeWorld({ "r.yaml": router("branch"), "t.yaml": "{" }, before.disk);
    const applied = await after.intake.first();
    expect(names(applied)).toEqual(["<global>", "acme"]);
    expect(applied.problems).toContain(stays("t.yaml", "Tenant acme", "2026-01-01T00:00:00.000Z"));
    after.files = { "r.yaml": router("branch") };
    expect(names(await after.intake.again())).toEqual(["<global>"]);
    expect(names(await makeWorld({ "r.yaml": router("branch"), "t.yaml": "{" }, before.disk).intake.first())).toEqual(["<global>"]);
  });

  test("of two objects of one name the one that was in force is", async () => {
    const copies = { "r.yaml": router("branch"), "t.yaml": `${tenant("acme")}spec: { budgets: { sessions: 7 } }\n---\n${tenant("acme")}` };
    const before = makeWorld(copies);
    const first = await before.intake.first();
    const swapped = { ...copies, "t.yaml": `${tenant("acme")}---\n${tenant("acme")}spec: { budgets: { sessions: 7 } }` };
    expect((await makeWorld(swapped, before.disk).intake.first()).config).toEqual(first.config);
    expect((await makeWorld(swapped).intake.first()).config).not.toEqual(first.config);
  });

  test("a full disk keeps nothing from force: told once, shown until it is well, tried again", async () => {
    const world = makeWorld(good);
    await world.intake.first();
    const kept = world.disk.state;
    world.disk.full = true;
    for (const name of ["one", "two"]) {
      world.files = { ...good, "t.yaml": tenant(name) };
      expect(names(await world.intake.again())).toEqual(["<global>", name, "zeta"]);
    }
    await world.intake.retry();
    expect(world.errors).toEqual(["the last good configuration cannot be kept on disk; it is in force, and it is tried again"]);
    expect(world.intake.troubles()).toEqual(["the last good configuration is not kept on disk, a broken object would be gone after a restart: SVR_LAST_GOOD: the disk is full; make room"]);
    expect([world.disk.state, world.intake.stale()]).toEqual([kept, false]);
    world.disk.full = false;
    await world.intake.retry();
    expect([world.intake.troubles(), world.errors.at(-1)]).toEqual([[], "the last good configuration is kept on disk again"]);
    expect(onDisk(world)).toContain('"name":"two"');
    const { writes } = world.disk;
    await world.intake.retry();
    expect(world.disk.writes).toBe(writes);
  });

  test("what cannot be read from disk is told, and the start goes on without it", async () => {
    const world = makeWorld({ "r.yaml": router("branch"), "t.yaml": "{" }, { state: "garbage", full: false, writes: 0 });
    expect(names(await world.intake.first())).toEqual(["<global>"]);
    expect(world.errors).toEqual(["the last good configuration on disk cannot be used; a broken object is not in force"]);
    expect(world.disk.state).not.toBe("garbage");
  });

  test("a configuration that could not be programmed is not what the next start goes back to", async () => {
    const world = makeWorld(good);
    const first = await world.intake.first();
    const kept = world.disk.state;
    world.files = { ...good, "t.yaml": `${tenant("acme")}spec: { budgets: { sessions: 7 } }\n` };
    await world.intake.again();
    expect(world.intake.refused(new Error("full"))).toBe(first);
    await world.intake.retry();
    expect(world.disk.state).toEqual(kept);
    world.files = { ...good, "t.yaml": "{" };
    expect((await world.intake.again())?.config ?? world.intake.current().config).toEqual(first.config);
  });

  test("no key and no key file's text is on disk", async () => {
    const world = makeWorld(good);
    world.keys = { "west.psk": "kQ-very-secret" };
    await world.intake.first();
    expect(onDisk(world)).toContain("west.psk");
    expect(onDisk(world)).not.toContain("secret");
  });
});
