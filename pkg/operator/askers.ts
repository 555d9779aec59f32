// How often each pod asks for certificates: requests that are open or were signed, by who asked. Whoever asks too often is told so instead of
// getting a certificate for each, and waits behind the others. Ages are by the clock of the API server alone. Made by operator.ts; signing.ts
// asks.
import type { KubeObject, KubeStore } from "../ports/kube.ts";
import type { RequestSpec } from "./requester.ts";

/** Askers knows all requests of the signer. */
export interface Askers {
  /** so many of the same pod came before it that it is one too many */
  isBeyond(request: KubeObject): boolean;
  stop(): void;
}

const WINDOW_MS = 3_600_000;
/** requestsMost of one pod in an hour count: a router asks once in days, some times when it is denied. */
export const requestsMost = 32;

interface RequestStatus { conditions?: readonly { type: string }[] }

/** followAskers counts what the store has, and follows it. */
export function followAskers(requests: KubeStore): Askers {
  const asked = new Map<string, Map<string, number>>();
  const drop = (object: KubeObject): void => {
    const key = askerOf(object), ofAsker = asked.get(key);
    ofAsker?.delete(object.metadata.name);
    if (ofAsker?.size === 0) asked.delete(key);
  };
  const put = (object: KubeObject): void => {
    const key = askerOf(object), ofAsker = asked.get(key) ?? new Map<string, number>();
    asked.set(key, ofAsker.set(object.metadata.name, createdMs(object)));
  };
  for (const object of requests.list()) if (isCounted(object)) put(object);
  const watch = requests.watch(({ before, after }) => {
    if (before !== undefined) drop(before);
    if (after !== undefined && isCounted(after)) put(after);
  });
  return {
    isBeyond(request) {
      let count = 0;
      for (const [name, ms] of asked.get(askerOf(request)) ?? []) {
        if (!isBefore({ name, ms }, request)) continue;
        count += 1;
        if (count >= requestsMost) return true;
      }
      return false;
    },
    stop() { watch.stop(); },
  };
}

/** Of two in one second the name decides, so that each of them is judged the same again. */
function isBefore({ name, ms }: { name: string; ms: number }, request: KubeObject): boolean {
  const own = createdMs(request);
  return own - ms < WINDOW_MS && (ms < own || (ms === own && name < request.metadata.name));
}

function createdMs({ metadata: { creationTimestamp = "" } }: KubeObject): number {
  return Date.parse(creationTimestamp);
}

function isCounted(object: KubeObject): boolean {
  const { conditions = [] } = (object["status"] ?? {}) as RequestStatus;
  return !conditions.some(({ type }) => type === "Denied" || type === "Failed");
}

function askerOf(object: KubeObject): string {
  const { username = "", extra } = (object["spec"] ?? {}) as Partial<RequestSpec>;
  return `${username} ${extra?.["authentication.kubernetes.io/pod-uid"]?.[0] ?? ""}`;
}
