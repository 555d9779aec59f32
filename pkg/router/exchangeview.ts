// What an operator sees of certificates and keys (behaviour 9.2): why a peer is down, alarms on the router's own certificate and on peers. Pure;
// called by keying.ts with what exchanges know.
import type { AlarmView, CertificateView, PeerView } from "../api/view.ts";
import type { Identity } from "../ports/identity.ts";
import type { PeerExchange } from "./exchange.ts";

/** ExchangeFacts are what is looked at. */
export interface ExchangeFacts {
  router: string;
  /** what the self test found; asked only where peers are known by certificate */
  faults: () => readonly string[];
  identity: Identity | undefined;
  /** serial numbers that count no more */
  revoked: readonly string[];
  peers: ReadonlyMap<string, PeerExchange>;
  /** when the newest keys of a peer came */
  sinceMs: (peer: string) => number | undefined;
  nowMs: number;
  unixMs: number;
}

const DAY_MS = 86_400_000;
const SOON_MS = 30 * DAY_MS, VERY_SOON_MS = 7 * DAY_MS;
const SOON_PART = 4, VERY_SOON_PART = 8; // of its life: one that lives for days is renewed in time, too
const START_MS = 10_000; // an exchange takes a while
const LATE_MS = 300_000;

/** exchangeAlarms lists what holds now; none where no peer is known by certificate. */
export function exchangeAlarms(facts: ExchangeFacts): AlarmView[] {
  if (facts.peers.size === 0) return [];
  return [...identityAlarm(facts), ...[...facts.peers.values()].flatMap((peer) => peerAlarm(facts, peer))];
}

function identityAlarm({ router, faults, identity, revoked, unixMs }: ExchangeFacts): AlarmView[] {
  const alarm = (severity: AlarmView["severity"], name: string, text: string): AlarmView[] => [{ severity, name, object: `Router ${router}`, text }];
  if (faults().length > 0) return alarm("critical", "exchange-self-test", `${faults().join(", ")}: keys are exchanged with nobody; start the router with a Node.js whose OpenSSL has these`);
  if (identity === undefined) return alarm("critical", "no-certificate", "there is no certificate: peers by certificate get no keys; enrol the router");
  if (identity.name !== router) return alarm("critical", "certificate-name", `the certificate is that of router ${identity.name}; issue one for ${router}`);
  if (revoked.some((one) => plainSerial(one) === plainSerial(identity.serial))) return alarm("critical", "certificate-revoked", `the certificate ${identity.serial} is revoked, so peers do not believe it; enrol the router again, if it may have another one`);
  const left = identity.notAfter - unixMs, life = identity.notAfter - identity.notBefore;
  if (left <= 0) return alarm("critical", "certificate-expired", `the certificate ended at ${dateOf(identity.notAfter)}; renew it`);
  if (left < VERY_SOON_MS && left < life / VERY_SOON_PART) return alarm("major", "certificate-ends", `the certificate ends at ${dateOf(identity.notAfter)}, in less than 7 days; renew it`);
  if (left < SOON_MS && left < life / SOON_PART) return alarm("minor", "certificate-ends", `the certificate ends at ${dateOf(identity.notAfter)}, in less than 30 days; renew it`);
  return [];
}

/** Zeros in front are how some write a number. */
function plainSerial(serial: string): string {
  return serial.toLowerCase().replace(/^0+(?=.)/, "");
}

function peerAlarm(facts: ExchangeFacts, peer: PeerExchange): AlarmView[] {
  const { nowMs, sinceMs } = facts, { name } = peer.config;
  const alarm = (kind: string, text: string): AlarmView[] => [{ severity: "critical", name: kind, object: `peer ${name}`, text }];
  if (peer.refused !== undefined) return alarm("certificate-refused", `${wordsOf(peer.refused)}: its keys are removed and its sessions ended`);
  const lacking = peer.lackingMs === undefined ? 0 : nowMs - peer.lackingMs;
  if (sinceMs(name) === undefined) return lacking < START_MS ? [] : alarm("peer-not-authenticated", wordsOf(peer.problem ?? "no-answer"));
  return peer.lackingMs !== undefined && lacking >= LATE_MS ? alarm("rotation-failed", `new keys are due and do not come (${wordsOf(peer.problem ?? "no-answer")}); the ones before stay in use`) : [];
}

const words: Readonly<Record<string, string>> = {
  "no-answer": "nobody answers key exchange on UDP 1280", expired: "its certificate has ended", "not-yet-valid": "its certificate is not valid yet, or a clock is wrong", revoked: "its certificate is revoked",
  "wrong-name": "its certificate is that of another router, or not of one router alone", "wrong-authority": "its certificate is of an authority that is not trusted here", "too-long": "its chain of certificates is too long",
  "key-usage": "its certificate is not for signing, or for other purposes than a router's", "key-type": "its key is neither Ed25519 nor ECDSA P-256", "authority-key": "an authority of its chain has a key that is neither Ed25519 nor ECDSA P-256, or signed with a weak hash", malformed: "what it shows is no certificate",
  "kx-box": "what it says cannot be opened: another pre-shared key, or somebody in between", "kx-signature": "its signature is wrong",
};

function wordsOf(problem: string): string {
  return words[problem] ?? problem;
}

function dateOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

/** certificateView shows a certificate. */
export function certificateView({ name, serial, notAfter }: { name: string; serial: string; notAfter: number }): CertificateView {
  return { subject: `urn:svr:router:${name}`, serial, notAfter: dateOf(notAfter) };
}

/** exchangeOfPeer is what is shown of a peer by certificate. */
export function exchangeOfPeer(facts: ExchangeFacts, peer: PeerExchange): Pick<PeerView, "reason" | "certificate" | "keyAge" | "exchange"> {
  const since = facts.sinceMs(peer.config.name);
  const own = facts.faults().length > 0 ? "the self test of key exchange fails here" : facts.identity === undefined ? "this router has no certificate" : undefined;
  const state = peer.initiator.isBusy ? "running" as const : since === undefined ? "none" as const : "done" as const;
  return {
    exchange: { state, ...(peer.problem !== undefined && { refusal: wordsOf(peer.problem) }) },
    ...(since === undefined ? { reason: own ?? wordsOf(peer.refused ?? peer.problem ?? "no-answer") } : { keyAge: Math.round((facts.nowMs - since) / 1000) }),
    ...(peer.shown !== undefined && { certificate: certificateView(peer.shown.peer) }),
  };
}
