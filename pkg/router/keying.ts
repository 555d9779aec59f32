// Keys of all peers in force, whoever made them: derived from pre-shared keys by the intake, or exchanged. Made by the app, which tells it of
// configurations and of keys in use, and ticks it; it tells the app which keys changed and which peers are believed no more.
import type { AlarmView, CertificateView, PeerView } from "../api/view.ts";
import { readU32 } from "../base/bytes.ts";
import { SvrError } from "../base/errors.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { PeerConfig, RouterConfig } from "../plan/config.ts";
import { needsIdentity } from "../plan/identity.ts";
import type { Clock, RandomSource } from "../ports/clock.ts";
import type { KeySource } from "../ports/config.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Identity, IdentitySource } from "../ports/identity.ts";
import type { Log } from "../ports/log.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { ShardConfig } from "./build.ts";
import { createExchanges } from "./exchange.ts";
import type { ExchangeEvent, ExchangeTools } from "./exchange.ts";
import { createExchangeMail } from "./exchangemail.ts";
import { certificateView, exchangeAlarms, exchangeOfPeer } from "./exchangeview.ts";
import type { ExchangeFacts } from "./exchangeview.ts";
import { createKeyRing } from "./keyring.ts";
import type { ExchangePort } from "./peeringinbox.ts";
import { createSelfTest } from "./selftest.ts";
import type { PeerKeyPair } from "./tables.ts";

/** KeyingTools are what peers by certificate need; a router without them has none. */
export interface KeyingTools extends ExchangeTools {
  identity: IdentitySource;
  /** certificates of a PEM text, DER */
  certificates(pem: string): readonly Uint8Array[] | undefined;
  /** what known answers say of the cryptography; absent: nothing is asked */
  faults?(): readonly string[];
  /** length of an hour in milliseconds, of ages of keys: less in tests */
  hourMs?: number;
  /** is told of keys that came from exchanges or ended */
  exchanged?(keys: Record<string, PeerKeyPair>): void;
}

/** KeyingOptions are the parts of the app that it works with. */
export interface KeyingOptions {
  name: string;
  tools: KeyingTools;
  port: ExchangePort;
  datapath: Pick<Datapath, "send">;
  keys: KeySource;
  clock: Clock;
  random: RandomSource;
  log: Log;
  count(reason: DropReason): void;
  tell(event: ExchangeEvent): void;
  /** the router's own certificate: the one that it found at its start, the first one, another one */
  tellIdentity(action: "in-use" | "issued" | "renewed", identity: Identity): void;
  /** another list of serials that are believed no more */
  tellRevoked(serials: readonly string[]): void;
  /** says something to a peer under its newest key, so that both sides know that the other one has it */
  greet(peer: string): void;
  /** other keys of these peers are in force; those that sign for the first time are `fresh` */
  changed(keys: Record<string, PeerKeyPair>, fresh: readonly string[]): void;
  /** another list of peers that are believed no more */
  refusedChanged(): void;
}

/** Keying is the keys of peers over time. */
export interface Keying {
  /** takes a configuration; `derived` are keys that no exchange gave */
  follow(posted: Omit<ShardConfig, "keys">, derived: Record<string, PeerKeyPair>): void;
  keys(): Record<string, PeerKeyPair>;
  refused(): string[];
  tick(): void;
  used(keyIds: readonly number[]): void;
  rotate(peer: string): boolean;
  alarms(): AlarmView[];
  certificate(): CertificateView | undefined;
  /** whom this router is to its peers; absent: it has no certificate of its name */
  identity(): Identity | undefined;
  viewOf(peer: PeerConfig): Pick<PeerView, "authentication" | "reason" | "certificate" | "keyAge" | "exchange">;
  stop(): void;
}

const HOUR_MS = 3_600_000, DEFAULT_HOURS = 24;
const PSK: NonNullable<PeerView["authentication"]> = "psk";
const GREET_MS = 5_000;

/** createKeying makes a keying without peers. */
export function createKeying(options: KeyingOptions): Keying {
  const { tools, clock } = options;
  const toGreet = new Set<string>(), selfTest = createSelfTest(() => tools.faults?.() ?? [], options.log);
  let derived: Record<string, PeerKeyPair> = {}, greetedMs = -Infinity, refused = "";
  const ring = createKeyRing({ random: (bytes) => options.random.bytes(bytes), isTaken: (id) => Object.values(derived).some(({ receive }) => receive.some(({ keyId }) => keyId === id)) });
  const mail = createExchangeMail({ ...options, firstId: readU32(options.random.bytes(4), 0) });
  const exchanges = createExchanges({ ...options, ring, mail, identity: { current: () => (selfTest.faults().length > 0 ? undefined : ownIdentity(options)) }, changed: () => { tellChanges(); } });
  let following: RouterConfig | undefined;
  const followAgain = (): void => {
    if (following !== undefined) exchanges.follow(workOf(options, following));
  };
  const noteIdentity = createIdentityNote(options), watching = tools.identity.watch(() => {
    noteIdentity();
    followAgain(); // other authorities, perhaps
    exchanges.identityChanged();
  });
  const facts = (): ExchangeFacts => ({ router: options.name, faults: () => selfTest.faults(), identity: tools.identity.current(), revoked: following?.trust?.revoked ?? [], peers: exchanges.peers(), sinceMs: (peer) => ring.sinceMs(peer), nowMs: clock.monotonicMs(), unixMs: clock.unixMs() });
  const take = (): Record<string, PeerKeyPair> => toldOf(tools, ring.take());
  const tellChanges = (): void => {
    const before = ring.takeFresh(), changed = take();
    if (Object.keys(changed).length > 0) options.changed(changed, before);
    for (const peer of Object.keys(changed)) toGreet.add(peer);
    if (exchanges.refused().join() !== refused) options.refusedChanged();
    refused = exchanges.refused().join();
  };
  return {
    follow(posted, others) {
      noteRevoked(options, following, posted.config);
      [derived, following] = [others, posted.config];
      tools.identity.wanted(needsIdentity(following), following.trust?.issuer);
      mail.follow({ ...posted, keys: derived });
      followAgain();
      take(); // the app puts all keys in force now
      refused = exchanges.refused().join();
    },
    keys: () => ({ ...derived, ...ring.keys() }),
    refused: () => exchanges.refused(),
    tick() {
      exchanges.tick();
      ring.tick(clock.monotonicMs());
      tellChanges();
      const isTime = clock.monotonicMs() - greetedMs >= GREET_MS;
      if (isTime) greetedMs = clock.monotonicMs();
      for (const peer of [...toGreet, ...(isTime ? ring.unproven() : [])]) options.greet(peer); // a step later: the last message of the exchange went ahead
      toGreet.clear();
    },
    used(keyIds) {
      exchanges.used(keyIds);
      tellChanges();
    },
    rotate: (peer) => exchanges.rotate(peer),
    alarms: () => exchangeAlarms(facts()),
    certificate: () => viewOfOwn(tools.identity), identity: () => ownIdentity(options),
    viewOf({ name, authentication = PSK }) {
      const peer = exchanges.peers().get(name);
      return { authentication, ...(peer !== undefined && exchangeOfPeer(facts(), peer)) };
    },
    stop: () => { watching.stop(); },
  };
}

function toldOf(tools: KeyingTools, changed: Record<string, PeerKeyPair>): Record<string, PeerKeyPair> {
  tools.exchanged?.(changed);
  return changed;
}

function noteRevoked({ tellRevoked }: Pick<KeyingOptions, "tellRevoked">, before: RouterConfig | undefined, now: RouterConfig): void {
  const of = (config: RouterConfig | undefined): readonly string[] => config?.trust?.revoked ?? [];
  if (of(now).join() !== of(before).join()) tellRevoked(of(now));
}

/** Tells of each certificate once, by its serial number. */
function createIdentityNote({ tools, tellIdentity }: Pick<KeyingOptions, "tools" | "tellIdentity">): () => void {
  const found = tools.identity.current();
  let before = found?.serial;
  if (found !== undefined) tellIdentity("in-use", found);
  return () => {
    const now = tools.identity.current();
    if (now !== undefined && now.serial !== before) tellIdentity(before === undefined ? "issued" : "renewed", now);
    before = now?.serial ?? before;
  };
}

/** One that names another router is none. */
function ownIdentity({ tools, name }: KeyingOptions): ReturnType<IdentitySource["current"]> {
  const now = tools.identity.current();
  return now?.name === name ? now : undefined;
}

function viewOfOwn(identity: IdentitySource): CertificateView | undefined {
  const now = identity.current();
  return now === undefined ? undefined : certificateView(now);
}

function workOf({ tools, keys, log }: KeyingOptions, config: RouterConfig): Parameters<ReturnType<typeof createExchanges>["follow"]>[0] {
  const { authorities = [], authorityFiles = [], revoked = [], failSoft = false } = config.trust ?? {};
  const told = [...authorities, ...authorityFiles.flatMap((file) => attempt(() => tools.identity.authorityFile(file), log) ?? [])].flatMap((pem) => {
    const found = tools.certificates(pem);
    if (found === undefined) log.error({}, "an authority of the configuration is no certificate in PEM; it counts for nothing");
    return found ?? [];
  });
  return {
    config, failSoft, rotationMs: (config.keyRotationHours ?? DEFAULT_HOURS) * (tools.hourMs ?? HOUR_MS), trust: { authorities: [...told, ...tools.identity.authorities()], revoked: new Set(revoked) },
    psk: (peer) => pskOf(keys, peer),
  };
}

function attempt<T>(work: () => T, log: Log): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SvrError)) throw error;
    log.error({ error }, "authorities of the configuration cannot be read; they count for nothing");
    return undefined;
  }
}

function pskOf(keys: KeySource, { psk }: PeerConfig): Result<Uint8Array | undefined, string> {
  if (psk === undefined) return ok(undefined);
  try {
    return ok(keys.psk(psk.file));
  } catch (error) {
    if (!(error instanceof SvrError)) throw error;
    return fail(error.message);
  }
}

/** withoutExchange is the keying of a router without the tools for it. */
export function withoutExchange(): Keying {
  let derived: Record<string, PeerKeyPair> = {};
  return {
    follow(_posted, others) { derived = others; },
    keys: () => ({ ...derived }), refused: () => [], tick: () => undefined, used: () => undefined, rotate: () => false, alarms: () => [], certificate: () => undefined, identity: () => undefined,
    viewOf: ({ authentication = PSK }) => ({ authentication }), stop: () => undefined,
  };
}
