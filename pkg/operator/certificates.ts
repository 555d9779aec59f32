// Condition Certified of a Router: whether it has a certificate where it needs one, and whether that is renewed in time. From what the router
// reports and what it is configured to do. Called by statuses.ts; operator.ts has Routers looked at again by it.
import type { Condition, Verdict } from "../api/conditions.ts";
import type { RouterConfig } from "../plan/config.ts";
import { needsIdentity } from "../plan/identity.ts";
import type { KubeObject, KubeStore } from "../ports/kube.ts";

/** CertificateFacts about one Router; times in unix milliseconds. */
export interface CertificateFacts {
  /** its configuration needs an identity */
  isNeeded: boolean;
  /** it has reported since it began */
  isHeard: boolean;
  certificate?: { serial: string; notBefore: number; notAfter: number };
  /** its serial number counts no more */
  isRevoked: boolean;
  nowMs: number;
}

const type = "Certified";
const RENEW_AT = 2 / 3; // of life; routers begin a little earlier
const GRACE_PART = 1 / 20, GRACE_MS = 300_000; // and a renewal takes a while
const FIRST_MS = 60_000; // asking for the first one, too

/** certifiedVerdict tells how it is; `before` is the condition as it stands. */
export function certifiedVerdict(facts: CertificateFacts, before: Partial<Condition> | undefined): Verdict {
  const { certificate, isNeeded, isHeard, isRevoked, nowMs } = facts;
  if (!isNeeded) return { type, status: "True", reason: "CertificateNotNeeded", message: "no peer knows it by certificate" };
  if (certificate === undefined) return missingVerdict(isHeard, missingMs(before, nowMs));
  const { serial, notBefore, notAfter } = certificate, life = notAfter - notBefore;
  const words = `certificate ${serial} until ${timeOf(notAfter)}`;
  if (isRevoked) return { type, status: "False", reason: "CertificateRevoked", message: `${words} is revoked: peers by certificate do not believe it; take folder identity out of the state directory of the router, if its key may have another one` };
  if (nowMs >= notAfter) return { type, status: "False", reason: "CertificateExpired", message: `${words} has ended: peers by certificate do not believe it; ${next}` };
  const lateMs = notBefore + life * RENEW_AT + Math.max(life * GRACE_PART, GRACE_MS);
  if (nowMs >= lateMs) return { type, status: "True", reason: "RenewalLate", message: `warning: ${words} is not renewed, and two thirds of its life are over; ${next}` };
  return { type, status: "True", reason: "CertificateInUse", message: words };
}

const next = 'see "kubectl get csr" and the log of the router pod';

function missingVerdict(isHeard: boolean, ms: number): Verdict {
  if (!isHeard) return { type, status: "Unknown", reason: "Pending", message: "the router has not said yet whether it has a certificate" };
  if (ms < FIRST_MS) return { type, status: "False", reason: "Pending", message: "the router has no certificate yet" };
  return { type, status: "False", reason: "CertificateMissing", message: `the router has no certificate, so peers by certificate get no keys; set identity.enabled in the chart, or enrol it with svrctl; ${next}` };
}

/** The condition keeps its time while it is False. */
function missingMs(before: Partial<Condition> | undefined, nowMs: number): number {
  return before?.status === "False" ? nowMs - Date.parse(before.lastTransitionTime ?? "") : 0;
}

function timeOf(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}Z`;
}

/** followCertificates has a Router looked at when it reports another certificate. */
export function followCertificates(routers: KubeStore, look: (id: string) => void): { stop(): void } {
  return routers.watch(({ before, after }) => {
    if (after !== undefined && saidOf(before) !== saidOf(after)) look(`Router ${after.metadata.name}`);
  });
}

function saidOf(object: KubeObject | undefined): string {
  const status = (object?.["status"] ?? {}) as Record<string, unknown>;
  return `${isHeardOf(status)} ${certificateOf(status)?.serial ?? ""}`;
}

function isHeardOf(status: Readonly<Record<string, unknown>>): boolean {
  return typeof status["time"] === "string";
}

/** certificateFacts reads what a router reports. */
export function certificateFacts(config: RouterConfig | undefined, status: Readonly<Record<string, unknown>>, nowMs: number): CertificateFacts {
  const certificate = certificateOf(status);
  return { isNeeded: config !== undefined && needsIdentity(config), isHeard: isHeardOf(status), ...(certificate && { certificate }), isRevoked: certificate !== undefined && revokes(config, certificate.serial), nowMs };
}

function revokes(config: RouterConfig | undefined, serial: string): boolean {
  return config?.trust?.revoked.some((one) => plainSerial(one) === plainSerial(serial)) === true;
}

/** Zeros in front are how some write a number. */
function plainSerial(serial: string): string {
  return serial.toLowerCase().replace(/^0+(?=.)/, "");
}

/** What is not as it should be counts as nothing. */
function certificateOf(status: Readonly<Record<string, unknown>>): CertificateFacts["certificate"] {
  const { serial, notBefore, notAfter } = (status["certificate"] ?? {}) as Record<string, unknown>;
  const [from, until] = [notBefore, notAfter].map((time) => (typeof time === "string" ? Date.parse(time) : NaN)) as [number, number];
  return typeof serial === "string" && !Number.isNaN(from) && !Number.isNaN(until) ? { serial, notBefore: from, notAfter: until } : undefined;
}
