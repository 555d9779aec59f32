// One batch: patches merge, installs succeed, fail and try again, those who wait are always decided.
import type { OpResult } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { flowSession } from "../../test/support/flows.ts";
import { changeFields, changeFlags, changeHandshake, countPackets, endSession, enterDraft, handleOf, newBatch, settle, waitFor } from "./batch.ts";

const session = (n = 1): Session => flowSession({ family: 4, proto: "udp", role: "ingress" }, n);
const full: OpResult = { ok: false, why: "full" };
const done = (index: number, localPort: number): OpResult => ({ ok: true, index, localPort });

const plainly = (work: () => void): void => work();

test("changes of one session are one operation, the last change of a bit wins", () => {
  const batch = newBatch(1);
  const handle = handleOf(batch, 5, { ...session(), flags: 0b0001 });
  changeFlags(batch, handle, { set: 0b0110 });
  changeFlags(batch, handle, { clear: 0b0010 });
  changeFlags(batch, handle, { clear: 0b0001, set: 0b1000 });
  changeFields(batch, handle, { idleMs: 7 });
  changeFields(batch, handle, { idleMs: 8, service: 9 });
  changeHandshake(batch, handle, { ...handle.state.handshake, haveReverse: 1 });
  countPackets(batch, handle, 0, { packets: 1, bytes: 100 });
  countPackets(batch, handle, 0, { packets: 1, bytes: 50 });
  countPackets(batch, handle, 1, { packets: 1, bytes: 10 });
  expect(batch.ops).toEqual([expect.objectContaining({
    kind: "patch", clearFlags: 0b0011, setFlags: 0b1100, fields: { idleMs: 8, service: 9 }, addPackets: [2, 1], addBytes: [150, 10], handshake: expect.objectContaining({ haveReverse: 1 }),
  })]);
  expect([handle.state.flags, handle.state.idleMs, handleOf(batch, 5, session(2))]).toEqual([0b1100, 8, handle]);
});

test("after it was applied, further changes are a new operation", () => {
  const batch = newBatch(1);
  const handle = handleOf(batch, 5, session());
  changeFlags(batch, handle, { set: 1 });
  settle(batch, [done(5, 1)], plainly);
  changeFlags(batch, handle, { set: 2 });
  expect(batch.ops).toEqual([expect.objectContaining({ kind: "patch", setFlags: 2, clearFlags: 0 })]);
});

test("an ended session is in GUARD for the rest of the batch; its first reason stays", () => {
  const batch = newBatch(1);
  const handle = handleOf(batch, 5, session());
  endSession(batch, handle, 100, false);
  endSession(batch, handle, 105, true);
  expect([handle.state.life, handle.state.endReason, batch.ops.length]).toEqual([Life.guard, 100, 2]);
});

test("a draft without a slot asks nothing of the data plane", () => {
  const batch = newBatch(1);
  enterDraft(batch, { key: "k", session: session(), installed: () => undefined, failed: () => undefined });
  const draft = batch.drafts.get("k")!;
  changeFields(batch, draft, { idleMs: 1 });
  endSession(batch, draft, 1, true);
  countPackets(batch, draft, 0, { packets: 1, bytes: 1 });
  expect(batch.ops.map((op) => op.kind)).toEqual(["install"]);
});

describe("installs", () => {
  /** Plays results for one draft and tells what happened, in order. */
  function play(results: OpResult[], retries: number): string[] {
    const batch = newBatch(1);
    const told: string[] = [];
    let left = retries;
    const enter = (): void => enterDraft(batch, {
      key: "k", session: session(),
      installed: (handle) => void told.push(`installed ${handle.ref?.index} port ${handle.state.side[1].localPort}`),
      failed: (result) => {
        told.push(`failed ${result.why}`);
        if (left-- > 0) enter();
      },
    });
    enter();
    for (const name of ["a", "b"]) waitFor(batch, batch.drafts.get("k")!, () => void told.push(name));
    for (const result of results) settle(batch, [result], plainly);
    return told;
  }

  test.each<{ desc: string; results: OpResult[]; retries: number; told: string[] }>([
    { desc: "a slot and a port: then those who waited, in order", results: [done(3, 777)], retries: 0, told: ["installed 3 port 777", "a", "b"] },
    { desc: "refused: those who waited are decided too", results: [full], retries: 0, told: ["failed full", "a", "b"] },
    { desc: "refused, tried again: they go on waiting", results: [full, done(4, 9)], retries: 1, told: ["failed full", "installed 4 port 9", "a", "b"] },
    { desc: "refused twice", results: [full, full], retries: 1, told: ["failed full", "failed full", "a", "b"] },
  ])("3.1 $desc", ({ results, retries, told }) => {
    expect(play(results, retries)).toEqual(told);
  });

  test("a fault of one packet leaves the others alone", () => {
    const batch = newBatch(1);
    const told: string[] = [];
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        told.push(String(error));
      }
    };
    const enter = (key: string, installed: () => void): void => enterDraft(batch, { key, session: session(), installed, failed: () => undefined });
    enter("a", () => { throw new Error("a"); });
    enter("b", () => void told.push("b"));
    waitFor(batch, batch.drafts.get("a")!, () => { throw new Error("who waited"); });
    waitFor(batch, batch.drafts.get("a")!, () => void told.push("who waited too"));
    settle(batch, [done(1, 1), done(2, 2)], attempt);
    expect(told).toEqual(["Error: a", "Error: who waited", "who waited too", "b"]);
  });

  test("a missing result is a refusal", () => {
    const batch = newBatch(1);
    const told: string[] = [];
    enterDraft(batch, { key: "k", session: session(), installed: () => undefined, failed: (result) => void told.push(result.why) });
    settle(batch, [], plainly);
    expect(told).toEqual(["gone"]);
  });

  test.each([[1, 32], [200, 20]])("3.8 %i shards: %i wait for one flow", (shards, waits) => {
    const batch = newBatch(shards);
    enterDraft(batch, { key: "k", session: session(), installed: () => undefined, failed: () => undefined });
    const draft = batch.drafts.get("k")!;
    expect(Array.from({ length: 40 }, () => waitFor(batch, draft, () => undefined)).filter(Boolean)).toHaveLength(waits);
  });
});
