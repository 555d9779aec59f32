// Key exchange with all peers by certificate (protocol 15.2, 15.5), on the main thread: begins exchanges, answers them, puts their keys into the
// ring, begins again when keys are old, and takes them away when a certificate counts no more (behaviour 9.2). Driven by the app; the steps of
// one exchange are pkg/svr/kx*, messages in and out are exchangemail.ts, what is wrong is told by exchangeview.ts.
import type { PathConfig, PeerConfig, RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { Identity, IdentitySource, Trust } from "../ports/identity.ts";
import type { Log } from "../ports/log.ts";
import { fail } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { KxInitiator } from "../svr/kxinitiator.ts";
import { readKx } from "../svr/kxmessage.ts";
import type { Kx1, Kx2, Kx3 } from "../svr/kxmessage.ts";
import { KxResponder } from "../svr/kxresponder.ts";
import type { KxCrypto, KxDone, KxPeer, KxSelf } from "../svr/kxsecret.ts";
import { sourceOf } from "./exchangemail.ts";
import type { ExchangeMail, Place } from "./exchangemail.ts";
import type { KeyRing } from "./keyring.ts";

/** ExchangeTools are the cryptography of exchanges; pkg/security has it. */
export interface ExchangeTools {
  crypto: KxCrypto;
  self(identity: Identity): KxSelf;
  /** whom joined certificates name, or why they do not count */
  judge(chain: Uint8Array, trust: Trust, nowMs: number): Result<KxPeer, string>;
}

/** ExchangeOptions are what exchanges work with. */
export interface ExchangeOptions {
  name: string;
  tools: ExchangeTools;
  identity: Pick<IdentitySource, "current">;
  ring: KeyRing;
  mail: ExchangeMail;
  clock: Clock;
  log: Log;
  /** what happened to the keys of a peer, for the audit log */
  tell: (event: ExchangeEvent) => void;
  /** the ring has other keys: they are to be in force before the peer uses them */
  changed(): void;
}

/** ExchangeEvent is what happened to the keys of a peer. */
export interface ExchangeEvent { action: "exchanged" | "rotated" | "removed" | "refused"; peer: string; detail: Record<string, string> }

/** ExchangeWork is what a configuration asks for. */
export interface ExchangeWork {
  config: Pick<RouterConfig, "peers" | "paths">;
  trust: Trust;
  failSoft: boolean;
  /** 0: never */
  rotationMs: number;
  /** of a peer that has one; undefined for one that has none, a problem for one that cannot be read */
  psk(peer: PeerConfig): Result<Uint8Array | undefined, string>;
}

/** PeerExchange is what is known of one peer. */
export interface PeerExchange {
  readonly config: PeerConfig;
  readonly paths: readonly PathConfig[];
  readonly psk: Uint8Array | undefined;
  readonly initiator: KxInitiator;
  /** whether this router begins exchanges that nothing calls for but time */
  readonly begins: boolean;
  /** next path to try, by place in the list */
  at: number;
  /** when an exchange is due */
  dueMs: number;
  /** since when the peer has no keys, or the exchange is due */
  lackingMs: number | undefined;
  shown?: { peer: KxPeer; chain: Uint8Array } | undefined;
  /** why the last exchange came to nothing */
  problem?: string | undefined;
  /** when each problem was told last */
  readonly told: Map<string, number>;
  /** why it is believed no more */
  refused?: string | undefined;
}

/** Exchanges runs the exchanges of a router. */
export interface Exchanges {
  follow(work: ExchangeWork): void;
  tick(): void;
  /** packets were valid under these keys */
  used(keyIds: readonly number[]): void;
  /** the router's own identity is another one: peers are to learn of it */
  identityChanged(): void;
  /** asks for new keys with a peer; false when there is no such peer by certificate */
  rotate(peer: string): boolean;
  peers(): ReadonlyMap<string, PeerExchange>;
  /** peers that are believed no more */
  refused(): string[];
}

const OTHER_SIDE_MS = 3_000; // who does not begin by rule does so when nothing comes
const AGAIN_MS = 5_000;
const TELL_AGAIN_MS = 600_000;
const JUDGE_MS = 5_000; // a certificate that counts no more is noticed within 60 s
const RENEW_BEFORE_MS = 600_000; // before the certificate of a peer ends, it may have a new one

/** createExchanges makes exchanges that follow no configuration yet. */
export function createExchanges(options: ExchangeOptions): Exchanges {
  const { clock, ring, mail, log } = options;
  const peers = new Map<string, PeerExchange>();
  const chains = new WeakMap<KxPeer, Uint8Array>();
  const now = (): number => clock.monotonicMs();
  let work: ExchangeWork | undefined, judgedMs = -Infinity;
  const self = (): KxSelf | undefined => {
    const identity = options.identity.current();
    return identity === undefined ? undefined : options.tools.self(identity);
  };
  const trust = (chain: Uint8Array): Result<KxPeer, string> => {
    if (work === undefined) return fail("not-configured");
    const judged = options.tools.judge(chain, work.trust, clock.unixMs());
    if (judged.ok) chains.set(judged.value, chain);
    return judged;
  };
  const at = (place: string): PeerExchange | undefined => mail.peerAt(place, peers);
  const responder = new KxResponder({
    primitives: options.tools.crypto, self: () => needed(self()), trust, newKeyId: () => ring.newKeyId(now()), pskAt: (place) => at(place)?.psk,
    sourceOf: (place) => ({ key: sourceOf(place), isExpected: mail.isExpected(place) }),
    mayBe: (name, place) => peers.get(name)?.psk === at(place)?.psk && peers.has(name),
  }, now());
  const context: Context = { options, peers, responder, chains, self, trust, now, rotationMs: () => work?.rotationMs ?? 0 };
  mail.onMessage((data, place) => { receive(context, data, place); });
  return {
    follow(next) {
      work = next;
      followPeers(context, next);
      judgedMs = -Infinity;
    },
    tick() {
      for (const one of peers.values()) step(context, one);
      if (now() - judgedMs < JUDGE_MS || work === undefined) return;
      judgedMs = now();
      for (const one of peers.values()) judgeAgain(context, one, work);
    },
    used(keyIds) { for (const peer of ring.used(keyIds, now())) peers.get(peer)?.initiator.proven(); },
    identityChanged() {
      log.info({ serial: options.identity.current()?.serial ?? "" }, "the identity of the router is another one");
      for (const one of peers.values()) {
        one.initiator.doubt(now()); // the one before may be why nothing comes of it
        if (one.config.initiator !== "peer") one.dueMs = Math.min(one.dueMs, now());
      }
    },
    rotate(name) {
      const one = peers.get(name);
      if (one !== undefined) one.dueMs = Math.min(one.dueMs, now());
      return one !== undefined;
    },
    peers: () => peers,
    refused: () => [...peers].filter(([, one]) => one.refused !== undefined).map(([name]) => name),
  };
}

interface Context {
  options: ExchangeOptions;
  peers: Map<string, PeerExchange>;
  responder: KxResponder;
  chains: WeakMap<KxPeer, Uint8Array>;
  self: () => KxSelf | undefined;
  trust: (chain: Uint8Array) => Result<KxPeer, string>;
  now: () => number;
  rotationMs: () => number;
}

/** Asked for only after it was looked at. */
function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("there is no identity");
  return value;
}

/** A peer goes on as it was unless what its exchanges work with is another thing. */
function followPeers(context: Context, work: ExchangeWork): void {
  const { peers, options: { ring } } = context;
  const before = new Map(peers);
  peers.clear();
  for (const config of work.config.peers) {
    if (config.authentication !== "certificate") continue;
    const psk = work.psk(config), paths = work.config.paths.filter((path) => path.peer === config.name);
    const old = before.get(config.name), key = psk.ok ? psk.value : undefined;
    const isSame = old !== undefined && psk.ok && sameBytes(old.psk, key) && old.config.initiator === config.initiator;
    if (!isSame) old?.initiator.stop();
    // its keys stay until there are others, so what it showed for them is judged on
    const kept = old === undefined ? {} : { shown: old.shown, refused: old.refused };
    peers.set(config.name, isSame ? { ...old, config, paths } : { ...newPeer(context, { config, paths, psk: key }, psk), ...kept });
  }
  ring.keepOnly(new Set(peers.keys()), context.now());
}

function newPeer(context: Context, of: Pick<PeerExchange, "config" | "paths" | "psk">, psk: Result<unknown, string>): PeerExchange {
  const { options: { name, tools, ring }, self, trust, now } = context;
  const begins = of.config.initiator === undefined ? name < of.config.name : of.config.initiator === "self";
  const initiator = new KxInitiator({ primitives: tools.crypto, self: () => needed(self()), peer: of.config.name, trust, psk: of.psk, newKeyId: () => ring.newKeyId(now()) });
  const dueMs = of.config.initiator === "peer" || !psk.ok ? Infinity : now() + (begins ? 0 : OTHER_SIDE_MS);
  return { ...of, initiator, begins, at: 0, dueMs, lackingMs: now(), told: new Map(), ...(!psk.ok && { problem: psk.error }) };
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}

/** What time asks for: to begin, once no new key waits (protocol 15.5), or to repeat. */
function step(context: Context, one: PeerExchange): void {
  const { options: { ring }, now, self } = context;
  const isDue = now() >= one.dueMs && !ring.isWaiting(one.config.name);
  if (ring.sinceMs(one.config.name) === undefined || isDue) one.lackingMs ??= now();
  if (self() === undefined) return; // nobody can be asked
  if (one.initiator.isBusy) {
    const again = one.initiator.tick(now());
    if (again.length > 0) one.at++;
    return sendOn(context, one, again);
  }
  if (isDue) sendOn(context, one, one.initiator.start(now()));
}

function sendOn({ options: { mail } }: Context, one: PeerExchange, messages: readonly Uint8Array[]): void {
  const path = one.paths[one.at % Math.max(1, one.paths.length)];
  if (path !== undefined) for (const message of messages) mail.send(message, path);
}

function receive(context: Context, data: Uint8Array, place: Place): void {
  const { options: { mail }, peers } = context;
  const message = readKx(data);
  if (!message.ok) return mail.count("metadata-malformed");
  if (context.self() === undefined) return mail.count("unknown-key"); // nobody can be answered
  const known = mail.peerAt(place.text, peers);
  switch (message.value.kind) {
    case "kx1": return asked(context, message.value, { place, known });
    case "kx2": return answered(context, message.value, { place, known });
    case "kx3": return told(context, message.value, { place, known });
    case "retry": if (known !== undefined) sendOn(context, known, known.initiator.retry(message.value.cookie, context.now()));
  }
}

interface From { place: Place; known: PeerExchange | undefined }

/** Where both began at once the lower nonce wins. */
function asked({ options: { mail }, responder, now }: Context, kx1: Kx1, { place, known }: From): void {
  if (known?.initiator.yieldsTo(kx1) === false) return;
  if (known?.begins === false && known.dueMs !== Infinity) known.dueMs = Math.max(known.dueMs, now() + AGAIN_MS); // one exchange is enough
  const answer = responder.asked(kx1, place.text, now());
  if (answer.ok) mail.answer(answer.value, place);
  else mail.count("rate");
}

function answered(context: Context, kx2: Kx2, { place, known }: From): void {
  if (known === undefined) return context.options.mail.count("unknown-key");
  const result = known.initiator.answered(kx2, context.now());
  if (!result.ok) return notAnswered(context, known, result.error);
  const path = known.paths.findIndex((one) => context.options.mail.isOn(one, place));
  if (path >= 0) known.at = path;
  if (result.value.done !== undefined) complete(context, known, result.value.done); // first, so that its answer to KX3 is known
  sendOn(context, known, result.value.send);
}

function told(context: Context, kx3: Kx3, { place, known }: From): void {
  const result = context.responder.told(kx3, place.text, context.now());
  if (!result.ok) return known === undefined ? context.options.mail.count("unknown-key") : failed(context, known, result.error);
  const one = result.value === undefined ? undefined : context.peers.get(result.value.peer.name);
  if (one === undefined || result.value === undefined) return;
  one.initiator.yielded();
  complete(context, one, result.value);
}

/** Whoever answers what we sent and is not believed may be the peer with a certificate that counts no more: a new exchange may meet another one. What cannot be opened may be of anybody. */
function notAnswered(context: Context, one: PeerExchange, problem: string): void {
  failed(context, one, problem);
  if (!problem.startsWith("kx-")) one.initiator.doubt(context.now());
}

/** Said once for each reason, and not for reasons that take turns: strangers may bring them about. A repeat of an old message says nothing about the peer. */
function failed({ options: { log, tell }, now }: Context, one: PeerExchange, problem: string): void {
  if (problem === "kx-unasked" || problem === "kx-busy" || problem === one.problem) return;
  one.problem = problem;
  if (now() - (one.told.get(problem) ?? -Infinity) < TELL_AGAIN_MS) return;
  one.told.set(problem, now());
  log.warn({ peer: one.config.name, problem }, "a key exchange was refused; it is tried again");
  tell({ action: "refused", peer: one.config.name, detail: { problem } });
}

function complete(context: Context, one: PeerExchange, { send, receive: inbound, peer }: KxDone): void {
  const { options: { ring, log, tell }, now, chains } = context;
  const isFirst = ring.sinceMs(one.config.name) === undefined;
  ring.add(one.config.name, { send, receive: inbound }, now());
  one.shown = { peer, chain: chains.get(peer) ?? new Uint8Array(0) };
  one.problem = one.refused = one.lackingMs = undefined;
  one.told.clear();
  one.dueMs = dueAfter(context, one, peer);
  context.options.changed();
  log.info({ peer: one.config.name, serial: peer.serial, sendKey: send.keyId, receiveKey: inbound.keyId }, isFirst ? "keys exchanged" : "keys rotated");
  tell({ action: isFirst ? "exchanged" : "rotated", peer: one.config.name, detail: { serial: peer.serial } });
}

/** When the keys are old, or some time before the certificate ends; who does not begin leaves it to the other side. */
function dueAfter({ now, rotationMs, options: { clock } }: Context, one: PeerExchange, peer: KxPeer): number {
  if (!one.begins) return Infinity;
  const left = peer.notAfter - clock.unixMs();
  return now() + Math.min(rotationMs() === 0 ? Infinity : rotationMs(), Math.max(left - RENEW_BEFORE_MS, left / 2, AGAIN_MS));
}

/** A certificate that counts no more takes the keys of its router away; only one that expired may keep them until they are old. */
function judgeAgain(context: Context, one: PeerExchange, { trust, failSoft }: ExchangeWork): void {
  const { options: { tools, clock, ring, log, tell }, now } = context;
  if (one.shown === undefined || one.refused !== undefined) return;
  const judged = tools.judge(one.shown.chain, trust, clock.unixMs());
  if (judged.ok || (failSoft && judged.error === "expired")) return;
  ring.remove(one.config.name, now());
  one.initiator.stop();
  one.refused = judged.error;
  one.problem = judged.error;
  one.lackingMs = now();
  one.dueMs = one.config.initiator === "peer" ? Infinity : now() + AGAIN_MS;
  log.error({ peer: one.config.name, problem: judged.error, serial: one.shown.peer.serial }, "the certificate of a peer counts no more: its keys are removed and its sessions end");
  tell({ action: "removed", peer: one.config.name, detail: { problem: judged.error, serial: one.shown.peer.serial } });
}
