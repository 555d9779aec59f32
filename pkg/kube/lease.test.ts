// Election with wall clocks that are wrong, calls that hang, fail and come late: two never lead at the same moment, somebody leads when
// it is possible, and who loses the lease is told in time. The Lease is in memory; times are short, and safety does not depend on them.
import { passes, waitFor } from "../../test/support/wait.ts";
import { SvrError } from "../base/errors.ts";
import type { KubeObject, Leadership } from "../ports/kube.ts";
import { electLeader } from "./lease.ts";
import type { LeasePort } from "./lease.ts";

const times = { holdMs: 1_000, renewMs: 600, tryMs: 50 };
const conflict = (): SvrError => new SvrError("SVR_KUBE_CONFLICT", { object: "lease", attempted: "the lease is another by now", fix: "read it again" });
const away = (): SvrError => new SvrError("SVR_KUBE_UNREACHABLE", { object: "lease", attempted: "no answer", fix: "wait" });

/** A Lease with versions; a candidate's line to it may hang or be cut. */
class Leases {
  object: KubeObject | undefined;
  #version = 0;

  line(state: { is: "good" | "cut" | "hung" }): LeasePort {
    const pass = async (): Promise<void> => {
      await passes(2);
      if (state.is === "cut") throw away();
      if (state.is === "hung") {
        await waitFor("the line is good again", () => state.is !== "hung", { deadlineMs: 4_000 });
        throw away();
      }
    };
    return {
      get: async () => { await pass(); return this.object; },
      create: async (_resource, object) => {
        await pass();
        if (this.object !== undefined) throw conflict();
        return this.#put(object);
      },
      replace: async (_resource, object) => {
        await pass();
        if (object.metadata.resourceVersion !== this.object?.metadata.resourceVersion) throw conflict();
        return this.#put(object);
      },
    };
  }

  #put(object: KubeObject): KubeObject {
    this.#version += 1;
    this.object = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    return this.object;
  }

  get holder(): string { return (this.object?.["spec"] as { holderIdentity?: string } | undefined)?.holderIdentity ?? ""; }
}

interface Candidate { state: { is: "good" | "cut" | "hung" }; leadership: Leadership; told: boolean[] }

function candidates(leases: Leases, skewsMs: readonly number[]): Candidate[] {
  return skewsMs.map((skewMs, index) => {
    const state: Candidate["state"] = { is: "good" };
    const leadership = electLeader({ kube: leases.line(state), namespace: "d", name: "l", identity: `c${index}`, nowMs: () => performance.now() + skewMs, unixMs: () => Date.now() + skewMs, random: () => Math.random(), times });
    const told: boolean[] = [];
    leadership.watch((leads) => { told.push(leads); });
    return { state, leadership, told };
  });
}

/** Looks all the time how many lead. */
function watchLeaders(all: readonly Candidate[]): { most: () => number; stop: () => Promise<void> } {
  let most = 0;
  const look = (): void => { most = Math.max(most, all.filter(({ leadership }) => leadership.leads()).length); };
  let isOver = false;
  const run = async (): Promise<void> => { while (!isOver) { look(); await passes(1); } };
  const running = run();
  return { most: () => { look(); return most; }, stop: async () => { isOver = true; await running; } };
}

const leaderOf = (all: readonly Candidate[]): Promise<Candidate> => waitFor("a leader", () => all.find(({ leadership }) => leadership.leads()));

test.each(["cut", "hung"] as const)("clocks an hour apart, and the leader's line is %s: never two, and another one after its time", async (mishap) => {
  const all = candidates(new Leases(), [0, -3_600_000, 3_600_000]);
  const watch = watchLeaders(all);
  try {
    const first = await leaderOf(all);
    first.state.is = mishap;
    const started = performance.now();
    await waitFor("it is told that it leads no more", () => first.told.at(-1) === false, { everyMs: 1 });
    expect(first.leadership.leads()).toBe(false);
    const others = all.filter((one) => one !== first);
    const second = await leaderOf(others);
    expect(performance.now() - started).toBeGreaterThan(times.renewMs - times.tryMs * 3);
    first.state.is = "good";
    await passes(300);
    await waitFor("the second leads", () => second.leadership.leads());
    expect([first.leadership.leads(), watch.most()]).toEqual([false, 1]);
  } finally {
    await watch.stop();
    for (const one of all) one.state.is = "good";
    await Promise.all(all.map(({ leadership }) => leadership.release()));
  }
});

test("who goes gives the lease back, and the next one begins at once", async () => {
  const leases = new Leases();
  const all = candidates(leases, [0, 60_000]);
  const watch = watchLeaders(all);
  const first = await leaderOf(all);
  const other = all.find((one) => one !== first)!;
  await first.leadership.release();
  const started = performance.now();
  await waitFor("the other leads", () => other.leadership.leads(), { everyMs: 1 });
  expect(performance.now() - started).toBeLessThan(times.holdMs);
  expect([first.told.at(-1), watch.most()]).toEqual([false, 1]);
  await other.leadership.release();
  await watch.stop();
  expect([leases.holder, other.told.at(-1)]).toEqual(["", false]);
});

test("a Lease that somebody holds with a time far in the future or past is taken after one whole time, and not before", async () => {
  for (const renewTime of ["2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"]) {
    const leases = new Leases();
    await leases.line({ is: "good" }).create({} as never, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "l", namespace: "d" }, spec: { holderIdentity: "dead", leaseDurationSeconds: 1, renewTime } });
    const started = performance.now();
    const all = candidates(leases, [0]);
    await leaderOf(all);
    expect(performance.now() - started).toBeGreaterThanOrEqual(times.holdMs - 5);
    await all[0]?.leadership.release();
  }
});
