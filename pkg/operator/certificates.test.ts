// Condition Certified of a Router: missing, in use, late, ended; and what a report that is not as it should be counts for.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { planned } from "../api/resources.ts";
import type { RouterConfig } from "../plan/config.ts";
import { certificateFacts, certifiedVerdict, followCertificates } from "./certificates.ts";
import type { CertificateFacts } from "./certificates.ts";

const DAY = 86_400_000, MINUTE = 60_000;
const start = Date.parse("2026-01-01T00:00:00Z");
const facts = (more: Partial<CertificateFacts> = {}): CertificateFacts => ({ isNeeded: true, isHeard: true, isRevoked: false, nowMs: start, ...more });
const held = (days: number, atMs: number): CertificateFacts => facts({ certificate: { serial: "0a", notBefore: start, notAfter: start + days * DAY }, nowMs: atMs });

test.each<[string, CertificateFacts, string, RegExp]>([
  ["nobody needs one", facts({ isNeeded: false }), "True CertificateNotNeeded", /no peer/],
  ["one that nobody needs has ended", { ...held(30, start + 31 * DAY), isNeeded: false }, "True CertificateNotNeeded", /no peer/],
  ["the router has said nothing yet", facts({ isHeard: false }), "Unknown Pending", /not said/],
  ["a router that just began has none", facts(), "False Pending", /no certificate yet/],
  ["it has one", held(30, start + DAY), "True CertificateInUse", /^certificate 0a until 2026-01-31T00:00:00Z$/],
  ["two thirds of its life are just over: a renewal takes a while", held(30, start + 20 * DAY + MINUTE), "True CertificateInUse", /0a/],
  ["before the renewal is late", held(30, start + 21.5 * DAY - 1), "True CertificateInUse", /0a/],
  ["the renewal is late", held(30, start + 21.5 * DAY), "True RenewalLate", /^warning: .*0a.*kubectl get csr/],
  ["a short life: five minutes of grace", held(1 / 24, start + 44 * MINUTE), "True CertificateInUse", /0a/],
  ["a short life, late", held(1 / 24, start + 45 * MINUTE), "True RenewalLate", /0a/],
  ["it is revoked", { ...held(30, start + DAY), isRevoked: true }, "False CertificateRevoked", /0a .*is revoked/],
  ["it has ended", held(30, start + 30 * DAY), "False CertificateExpired", /has ended/],
])("%s", (_what, given, verdict, message) => {
  const { type, status, reason, message: said } = certifiedVerdict(given, undefined);
  expect([type, `${status} ${reason}`]).toEqual(["Certified", verdict]);
  expect(said).toMatch(message);
});

test("one that does not come for a minute is missing", () => {
  const since = (ms: number): string => certifiedVerdict(facts(), { status: "False", lastTransitionTime: new Date(start - ms).toISOString() }).reason;
  expect([since(59_000), since(MINUTE)]).toEqual(["Pending", "CertificateMissing"]);
  expect(certifiedVerdict(facts(), { status: "True", lastTransitionTime: new Date(start - DAY).toISOString() }).reason).toBe("Pending");
});

test.each([
  ["no report", {}, { isHeard: false }],
  ["a report without one", { time: "2026-01-01T00:00:00Z" }, { isHeard: true }],
  ["times that are none", { time: "x", certificate: { serial: "1", notBefore: "now", notAfter: 7 } }, { isHeard: true }],
  ["a number for a serial number", { time: "x", certificate: { serial: 1, notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-01-01T00:00:00Z" } }, { isHeard: true }],
  ["no object at all", { time: "x", certificate: null }, { isHeard: true }],
  ["a good one", { time: "x", certificate: { serial: "1", notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-01-02T00:00:00Z" } }, { isHeard: true, certificate: { serial: "1", notBefore: start, notAfter: start + DAY } }],
])("%s", (_what, status, read) => {
  expect(certificateFacts(undefined, status, 5)).toEqual({ isNeeded: false, ...read, isRevoked: false, nowMs: 5 });
});

test("whether one is needed is in the configuration", () => {
  const config = (authentication?: "certificate"): RouterConfig => ({ name: "a", peers: [{ name: "b", ...(authentication && { authentication }) }] } as RouterConfig);
  expect([undefined, config(), config("certificate")].map((one) => certificateFacts(one, {}, 0).isNeeded)).toEqual([false, false, true]);
});

test("a serial number is revoked however many zeros it has in front, and only that of its own certificate", () => {
  const status = { certificate: { serial: "0a", notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-01-02T00:00:00Z" } };
  const isRevoked = (...revoked: string[]): boolean => certificateFacts({ name: "a", peers: [], trust: { authorities: [], revoked } } as unknown as RouterConfig, status, 0).isRevoked;
  expect([isRevoked(), isRevoked("0b", "a0"), isRevoked("0b", "000A")]).toEqual([false, false, true]);
  expect(certificateFacts({ name: "a", peers: [], trust: { authorities: [], revoked: ["0"] } } as unknown as RouterConfig, {}, 0).isRevoked).toBe(false);
});

test("a Router is looked at when it reports for the first time and when its certificate is another one", async () => {
  const kube = new MemoryKube(), looks: string[] = [];
  const following = followCertificates(kube.follow(planned.Router), (id) => void looks.push(id));
  const say = (status: object): Promise<unknown> => kube.status(planned.Router, { name: "r1" }, status);
  await kube.create(planned.Router, { apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "r1" }, spec: {} });
  const certificate = (serial: string): object => ({ serial, notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-01-02T00:00:00Z" });
  const counts: number[] = [];
  for (const status of [{ time: "1" }, { time: "2" }, { time: "3", certificate: certificate("1") }, { time: "4", certificate: certificate("1") }, { time: "5", certificate: certificate("2") }]) {
    await say(status);
    counts.push(looks.length);
  }
  await kube.remove(planned.Router, { name: "r1" });
  following.stop();
  expect([counts, new Set(looks), looks.length]).toEqual([[1, 1, 2, 2, 3], new Set(["Router r1"]), 3]);
});
