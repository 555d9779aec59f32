// Events of the API server: few, for people. The same thing about the same object is one event with a count. Bounded; what cannot be
// written is dropped and counted, and nobody waits for it. Constructed by cmd/operator.
import type { EventSink, KubeEvent, KubeObject, KubePort, KubeResource } from "../ports/kube.ts";

/** EventOptions: who reports, and the clocks. */
export interface EventOptions {
  kube: Pick<KubePort, "apply">;
  /** `reportingController`, such as opensvr.io/operator */
  controller: string;
  instance: string;
  nowMs: () => number;
  unixMs: () => number;
  /** a short text that differs for different input, such as 16 digits of a hash */
  digest: (text: string) => string;
  failed?: (error: unknown) => void;
}

const events: KubeResource = { group: "events.k8s.io", version: "v1", plural: "events", kind: "Event", namespaced: true };

const MOST_WAITING = 256;
const MOST_KNOWN = 4_096;
const SERIES_MS = 600_000; // the same thing after ten quiet minutes is a new event
const COUNT_MS = 60_000; // a count is written at most so often
const longestNote = 1_024; // bytes
const longestInstance = 128;

/** What never changes in an event, also when its object does, and how often it was. */
interface Known { name: string; regarding: KubeObject; first: string; count: number; lastMs: number; writtenMs: number }

/** createEventSink makes a sink. */
export function createEventSink(options: EventOptions): EventSink {
  const { kube, nowMs, unixMs, digest } = options;
  const known = new Map<string, Known>();
  let waiting = 0;
  let dropped = 0;
  let writing = Promise.resolve();
  const write = (object: KubeObject): void => {
    if (waiting >= MOST_WAITING) return void (dropped += 1);
    waiting += 1;
    writing = writing.then(async () => {
      try {
        await kube.apply(events, object, { manager: "opensvr-operator", force: true });
      } catch (error) {
        dropped += 1;
        options.failed?.(error);
      }
      waiting -= 1;
    });
  };
  return {
    dropped: () => dropped,
    emit(event) {
      const key = [event.regarding.metadata.uid ?? event.regarding.metadata.name, event.type, event.reason, event.action, event.note].join("\n");
      const now = `${new Date(unixMs()).toISOString().slice(0, 23)}000Z`; // microseconds
      const old = known.get(key);
      known.delete(key); // to the end: what is oldest is forgotten first
      const one: Known = old !== undefined && nowMs() - old.lastMs < SERIES_MS ? { ...old, count: old.count + 1, lastMs: nowMs() }
        : { name: `${event.regarding.metadata.name.slice(0, 200).replace(/[-.]+$/, "")}.${digest(`${key}${now}`)}`, regarding: reducedTo(event.regarding), first: now, count: 1, lastMs: nowMs(), writtenMs: -Infinity };
      known.set(key, one);
      if (known.size > MOST_KNOWN) known.delete(known.keys().next().value ?? "");
      if (nowMs() - one.writtenMs < COUNT_MS) return;
      one.writtenMs = nowMs();
      write(eventObject(options, event, { ...one, now }));
    },
  };
}

function eventObject({ controller, instance }: EventOptions, event: KubeEvent, one: Known & { now: string }): KubeObject {
  const { related, type, reason, action, note } = event;
  const { regarding } = one;
  return {
    apiVersion: "events.k8s.io/v1", kind: "Event", metadata: { name: one.name, namespace: regarding.metadata.namespace ?? "default" },
    eventTime: one.first, reportingController: controller, reportingInstance: instance.slice(0, longestInstance), type, reason, action, note: shortened(note), regarding: referenceTo(regarding),
    ...(related !== undefined && { related: referenceTo(related) }), ...(one.count > 1 && { series: { count: one.count, lastObservedTime: one.now } }),
  };
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject): object {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion, kind, name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) };
}

/** The object itself may be large, and the sink remembers thousands. */
function reducedTo({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject {
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) } };
}

/** The API server counts bytes. */
function shortened(note: string): string {
  let text = note.slice(0, longestNote);
  while (Buffer.byteLength(text) > longestNote) text = text.slice(0, -Math.ceil((Buffer.byteLength(text) - longestNote) / 4));
  return text;
}
