// Events: the same thing about the same object is one event with a count, also when the object changes meanwhile; all bounded; what
// cannot be written is counted and nobody hears more of it.
import { SvrError } from "../base/errors.ts";
import type { EventSink, KubeEvent, KubeObject } from "../ports/kube.ts";
import { createEventSink } from "./eventsink.ts";

const minute = 60_000;
/** Desk is a sink with what it wrote; `now` and `answer` are for tests to change. */
interface Desk { sink: EventSink; now: number; written: KubeObject[]; answer: () => Promise<void>; failures: unknown[] }

function openDesk(instance = "one"): Desk {
  const desk: Omit<Desk, "sink"> = { now: 0, written: [], answer: () => Promise.resolve(), failures: [] };
  const sink = createEventSink({
    controller: "opensvr.io/operator", instance, nowMs: () => desk.now, unixMs: () => Date.UTC(2026, 0, 1) + desk.now, digest: (text) => `${text.length}`, failed: (error) => { desk.failures.push(error); },
    kube: { async apply(_resource, object) { await desk.answer(); desk.written.push(object); return object; } },
  });
  return Object.assign(desk, { sink });
}

const event = (more: Partial<KubeEvent> = {}, name = "web", version = "1"): KubeEvent => ({
  regarding: { apiVersion: "opensvr.io/v1alpha1", kind: "Service", metadata: { name, namespace: "shop", uid: `uid-${name}`, resourceVersion: version }, spec: {} },
  type: "Warning", reason: "Invalid", action: "Reconcile", note: "spec.x: is bad", ...more,
});
const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

test("the same about the same object is one event: counted each time, written at most once a minute, and what may not change does not", async () => {
  const one = openDesk();
  for (let count = 1; count <= 4; count += 1) {
    one.sink.emit(event({}, "web", String(count))); // the object has another version each time
    one.now += minute / 2;
  }
  await settled();
  expect(one.written).toHaveLength(2);
  const [first, second] = one.written;
  expect(first?.["series"]).toBeUndefined();
  expect(second).toEqual({ ...first, series: { count: 3, lastObservedTime: "2026-01-01T00:01:00.000000Z" } });
  expect(first).toMatchObject({ metadata: { namespace: "shop" }, regarding: { name: "web", uid: "uid-web", resourceVersion: "1" } });
});

test("after ten quiet minutes it is another event; so is another note, another object, another type", async () => {
  const one = openDesk();
  const others = [event(), event({ note: "spec.y: is bad" }), event({}, "mail"), event({ type: "Normal" }), event({ reason: "LeftOut" })];
  for (const other of others) one.sink.emit(other);
  one.now += 10 * minute;
  one.sink.emit(event());
  await settled();
  expect(one.written.map((object) => object["series"])).toEqual(Array.from({ length: 6 }, () => undefined));
  expect(one.written.at(-1)?.["eventTime"]).not.toBe(one.written[0]?.["eventTime"]);
});

test("names, notes and instances are within the bounds of the API server", async () => {
  const one = openDesk("i".repeat(300));
  one.sink.emit(event({ note: "ß".repeat(2_000) }, `${"a".repeat(199)}.${"b".repeat(50)}`));
  await settled();
  const [{ metadata, note, reportingInstance }] = one.written as [KubeObject & { note: string; reportingInstance: string }];
  expect(metadata.name).toMatch(/^a{199}\.\d+$/);
  expect(Buffer.byteLength(note)).toBe(1_024);
  expect(reportingInstance).toHaveLength(128);
});

test("what cannot be written is counted, told once each, and what comes afterwards is written", async () => {
  const one = openDesk();
  const away = new SvrError("SVR_KUBE_UNREACHABLE", { object: "events", attempted: "no answer", fix: "wait" });
  one.answer = () => Promise.reject(away);
  one.sink.emit(event());
  await settled();
  one.answer = () => Promise.resolve();
  one.sink.emit(event({}, "mail"));
  await settled();
  expect([one.sink.dropped(), one.failures, one.written.map((object) => (object["regarding"] as { name: string }).name)]).toEqual([1, [away], ["mail"]]);
});

test("while the server hangs at most 256 events wait; the rest is counted", async () => {
  const one = openDesk();
  let open = (): void => undefined;
  const hanging = new Promise<void>((resolve) => { open = resolve; });
  one.answer = () => hanging;
  for (let index = 0; index < 300; index += 1) one.sink.emit(event({}, `s${index}`));
  expect(one.sink.dropped()).toBe(300 - 256);
  open();
  for (let turn = 0; turn < 3; turn += 1) await settled();
  expect(one.written).toHaveLength(256);
});

test("of very many different events the oldest are forgotten: they begin anew", async () => {
  const one = openDesk();
  for (let index = 0; index <= 4_096; index += 1) {
    one.sink.emit(event({}, `s${index}`));
    await Promise.resolve();
    if (index % 100 === 0) await settled();
  }
  one.now += minute;
  one.sink.emit(event({}, "s0"));
  one.sink.emit(event({}, "s4096"));
  await settled();
  expect(one.written.slice(-2).map((object) => object["series"])).toEqual([undefined, expect.objectContaining({ count: 2 })]);
});
