// Lines of a watch as events. Total: a line that is no event is an event of type "bad". A stream that ends within a line, or is cut,
// is a reset and not an end. Called by listwatch.ts.
import type { IncomingMessage } from "node:http";
import type { KubeObject } from "../ports/kube.ts";

/** WatchEvent is one line of a watch. */
export type WatchEvent =
  | { type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"; object: KubeObject }
  | { type: "ERROR"; code: number; waitMs?: number }
  | { type: "bad" };

const longestLine = 16_777_216;

/** eventsOf reads a stream to its end; `touch` is called for each piece that arrives. Rejects when the connection is cut. */
export async function* eventsOf(answer: IncomingMessage, touch: () => void): AsyncGenerator<WatchEvent> {
  let rest = "";
  answer.setEncoding("utf8");
  for await (const piece of answer as AsyncIterable<string>) {
    touch();
    const lines = `${rest}${piece}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parseEvent(line);
    if (rest.length > longestLine) yield { type: "bad" };
  }
  if (rest !== "" || !answer.complete) throw new Error("the watch was cut off");
}

/** parseEvent reads one line. */
export function parseEvent(line: string): WatchEvent {
  let event: { type?: unknown; object?: unknown } | null;
  try {
    event = JSON.parse(line) as typeof event;
  } catch {
    return { type: "bad" }; // counted by the list-watch, which lists again
  }
  const { type, object } = event ?? {};
  if (typeof object !== "object" || object === null) return { type: "bad" };
  switch (type) {
    case "ERROR": return errorEvent(object);
    case "ADDED": case "MODIFIED": case "DELETED": return hasName(object) ? { type, object } : { type: "bad" };
    case "BOOKMARK": return hasMetadata(object) ? { type, object } : { type: "bad" };
    default: return { type: "bad" };
  }
}

function errorEvent(status: { code?: unknown; details?: { retryAfterSeconds?: unknown } }): WatchEvent {
  const seconds = status.details?.retryAfterSeconds;
  return { type: "ERROR", code: typeof status.code === "number" ? status.code : 0, ...(typeof seconds === "number" && { waitMs: seconds * 1000 }) };
}

function hasMetadata(object: unknown): object is KubeObject {
  const { metadata } = (object ?? {}) as { metadata?: unknown };
  return typeof metadata === "object" && metadata !== null;
}

/** hasName tells whether something can be an object. */
export function hasName(object: unknown): object is KubeObject {
  return hasMetadata(object) && typeof object.metadata.name === "string";
}
