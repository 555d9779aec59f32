// Who asks too often: counted by pod, in an hour of the API server's, without what was denied; the first ones stay the first ones.
import fc from "fast-check";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import type { KubeObject } from "../ports/kube.ts";
import { followAskers, requestsMost } from "./askers.ts";
import { signingRequests } from "./resources.ts";

const start = Date.parse("2026-01-01T00:00:00Z");
const request = (number: number, of: { pod?: string; account?: string; atMs?: number; status?: object } = {}): KubeObject => ({
  apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name: `r${String(number).padStart(4, "0")}`, creationTimestamp: new Date(start + (of.atMs ?? 0)).toISOString() },
  spec: { request: "", signerName: "opensvr.io/router", username: of.account ?? "a", ...(of.pod !== "" && { extra: { "authentication.kubernetes.io/pod-uid": [of.pod ?? "p1"] } }) }, ...(of.status && { status: of.status }),
});

async function world(...requests: KubeObject[]): Promise<{ kube: MemoryKube; beyond: (one: KubeObject) => boolean }> {
  const kube = new MemoryKube(), askers = followAskers(kube.follow(signingRequests));
  for (const one of requests) await kube.create(signingRequests, one);
  return { kube, beyond: (one) => askers.isBeyond(one) };
}

const many = (of: Parameters<typeof request>[1] = {}, from = 0): KubeObject[] => Array.from({ length: requestsMost }, (_, index) => request(from + index, of));

test("one more than may be is one too many, whichever was looked at first; another pod and another account have their own", async () => {
  const all = [...many(), request(500)];
  const { beyond } = await world(...all, request(900, { pod: "p2" }), request(901, { account: "b" }), request(902, { pod: "" }));
  expect(all.filter(beyond).map(({ metadata }) => metadata.name)).toEqual(["r0500"]);
  expect([request(900, { pod: "p2" }), request(901, { account: "b" }), request(902, { pod: "" })].map(beyond)).toEqual([false, false, false]);
});

test("what is older than an hour, denied, failed or gone does not count; what was signed does", async () => {
  const old = request(500, { atMs: 3_600_000 }), late = request(500, { atMs: 3_599_999 });
  const { beyond } = await world(...many());
  expect([old, late].map(beyond)).toEqual([false, true]);
  for (const type of ["Denied", "Failed"]) expect((await world(...many({ status: { conditions: [{ type }] } }))).beyond(late)).toBe(false);
  expect((await world(...many({ status: { conditions: [{ type: "Approved" }], certificate: "x" } }))).beyond(late)).toBe(true);
  const { kube, beyond: after } = await world(...many());
  await kube.status(signingRequests, { name: "r0000" }, { conditions: [{ type: "Denied" }] });
  expect(after(late)).toBe(false);
  await kube.create(signingRequests, request(100));
  expect(after(late)).toBe(true);
  await kube.remove(signingRequests, { name: "r0001" });
  expect(after(late)).toBe(false);
});

test("of whatever comes, in whatever order, the same ones may have a certificate, never more than the limit in an hour", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 7_200 }), { minLength: 60, maxLength: 120, size: "max" }), async (seconds) => {
    const all = seconds.map((second, index) => request(index, { atMs: second * 1_000 }));
    const [one, other] = [await world(...all), await world(...all.toReversed())];
    const granted = all.filter((each) => !one.beyond(each));
    expect(all.filter((each) => !other.beyond(each))).toEqual(granted);
    const times = granted.map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ""));
    expect(Math.max(...times.map((from) => times.filter((ms) => ms >= from && ms < from + 3_600_000).length))).toBeLessThanOrEqual(requestsMost);
  }), { numRuns: 60 });
});

test("one who is not the store's is judged too", async () => {
  expect((await world()).beyond({ apiVersion: "v1", kind: "X", metadata: { name: "x" } })).toBe(false);
});
