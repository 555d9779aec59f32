// What every router of the cluster believes: the authorities of ConfigMap opensvr-authorities and which certificates count no more, so that nobody
// writes either into each Router. The leader keeps the ConfigMap as the Secret of the authority and the routers ask for; every replica reads it
// again and again. Made by operator.ts, which puts it into RouterConfigs.
import { SvrError } from "../base/errors.ts";
import { noTrust, sameTrust, withNetworkTrust } from "../plan/networktrust.ts";
import type { NetworkTrust } from "../plan/networktrust.ts";
import type { RouterConfig } from "../plan/config.ts";
import { isOurs, keyIn, neededKeys, nextBundle, sameBundle } from "../plan/rotation.ts";
import type { Bundle, Held } from "../plan/rotation.ts";
import type { Outcome } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import type { AuthorityFacts, AuthorityKeys } from "../ports/signer.ts";
import { authorityKeys } from "./authority.ts";
import type { AuthorityParts } from "./authority.ts";
import { bundleName, readBundle, writeBundle } from "./bundle.ts";
import { readRevoked } from "./revoked.ts";
import type { RevokedParts } from "./revoked.ts";

/** TrustParts is what looking needs, how far the routers are, and who is told that something else is believed now. */
export interface TrustParts extends AuthorityParts, RevokedParts {
  kube: AuthorityParts["kube"];
  monotonicMs: () => number;
  log: Log;
  fleet: { isTold(): boolean; held(): Iterable<Held>; originKeys(): ReadonlyMap<string, readonly string[]> };
  changed: () => void;
}

/** ClusterTrust is what was seen last; a look that fails changes nothing. */
export interface ClusterTrust {
  /** before the first look nothing may be written: routers would lose whom they believe */
  look(): Promise<Outcome>;
  /** a configuration with what is believed, the same one for the same */
  into(config: RouterConfig): RouterConfig;
  /** the authority, undefined while routers do not know it yet */
  signer(): Promise<AuthorityKeys | undefined>;
}

const SOON_MS = 2_000; // an authority waits to sign

/** createTrust looks at nothing yet. */
export function createTrust(parts: TrustParts): ClusterTrust {
  const leader = new Leader(parts);
  let made = new WeakMap<RouterConfig, RouterConfig>(), now = noTrust, lookedMs = Number.NEGATIVE_INFINITY, last: Promise<unknown> = Promise.resolve();
  const lookNow = async (): Promise<Outcome> => {
    const revoked = await readRevoked(parts), { bundle, isWaiting } = await leader.keep(await readBundle(parts));
    const next: NetworkTrust = { authorities: certificatesOf(parts, bundle), revoked, originKeys: parts.fleet.originKeys(), ...(bundle.signs !== undefined && { issuer: bundle.signs }) };
    if (!sameTrust(now, next)) {
      [now, made] = [next, new WeakMap()];
      parts.log.info({ authorities: now.authorities.length, issuer: now.issuer, revoked: now.revoked.length }, "routers are told whom to believe");
      parts.changed();
    }
    return isWaiting ? { after: SOON_MS } : { done: true };
  };
  const look = (): Promise<Outcome> => {
    lookedMs = parts.monotonicMs();
    const mine = last.then(lookNow); // one after the other: what was read first never takes the place of what was read later
    last = Promise.allSettled([mine]); // who looks is told of what fails, who looks next is not
    return mine;
  };
  return {
    look,
    into(config) {
      const known = made.get(config) ?? withNetworkTrust(config, now);
      made.set(config, known);
      return known;
    },
    async signer() {
      const keys = await authorityKeys(parts), { key } = await leader.factsOf(keys);
      if (key !== now.issuer) await (parts.monotonicMs() - lookedMs >= SOON_MS ? look() : last); // of another replica's news, also what somebody else waits for
      return key === now.issuer ? keys : undefined;
    },
  };
}

/** Keeps the bundle as it should be. */
class Leader {
  readonly #parts: TrustParts;
  #known: { keys: AuthorityKeys; facts: AuthorityFacts } | undefined;
  /** since when this authority waits, or signs */
  #since = { what: "", ms: 0 };
  /** since when nobody needs an authority that is believed, by key id */
  readonly #unneeded = new Map<string, number>();
  #said = "";

  constructor(parts: TrustParts) {
    this.#parts = parts;
  }

  async factsOf(keys: AuthorityKeys): Promise<AuthorityFacts> {
    if (this.#known?.keys.certificate !== keys.certificate || this.#known.keys.key !== keys.key) this.#known = { keys, facts: await this.#parts.signer.facts(keys, this.#parts.nowMs()) };
    return this.#known.facts;
  }

  /** Who does not lead only reads. An authority that somebody has to mend changes nothing. */
  async keep(bundle: Bundle): Promise<{ bundle: Bundle; isWaiting: boolean }> {
    if (!this.#parts.leads()) return { bundle, isWaiting: false };
    try {
      const authority = await this.factsOf(await authorityKeys(this.#parts)), next = nextBundle(bundle, authority, this.#facts(authority, bundle));
      if (!sameBundle(bundle, next) && this.#parts.leads()) await this.#write(bundle, next);
      this.#said = "";
      return { bundle: next, isWaiting: next.signs !== authority.key };
    } catch (error) {
      if (!(error instanceof SvrError) || error.code !== "SVR_AUTHORITY") throw error;
      this.#tell(error.message);
      return { bundle, isWaiting: false };
    }
  }

  #facts({ key }: AuthorityFacts, { signs, entries }: Bundle): Parameters<typeof nextBundle>[2] {
    const { monotonicMs, fleet, signer, nowMs } = this.#parts, isSigning = signs === key, what = `${isSigning ? "signs" : "waits"} ${key}`;
    if (this.#since.what !== what) this.#since = { what, ms: monotonicMs() };
    const ms = monotonicMs() - this.#since.ms, unixMs = nowMs();
    const living = (text: string): string => signer.certificates(text).filter(({ notAfter }) => notAfter > unixMs).map(({ pem }) => pem).join("");
    const held = [...fleet.held()];
    this.#noteNeeded([...entries.keys()].filter(isOurs).map(keyIn), neededKeys({ held, nowMs: unixMs }));
    const unneededMs = (of: string): number => monotonicMs() - (this.#unneeded.get(of) ?? Infinity);
    return { isTold: fleet.isTold(), waitedMs: isSigning ? 0 : ms, signedMs: isSigning ? ms : 0, held, unneededMs, living, nowMs: unixMs };
  }

  #noteNeeded(believed: readonly string[], needed: ReadonlySet<string> | undefined): void {
    const isLeft = (key: string): boolean => needed?.has(key) === false && believed.includes(key);
    for (const key of this.#unneeded.keys()) if (!isLeft(key)) this.#unneeded.delete(key);
    for (const key of believed) if (isLeft(key) && !this.#unneeded.has(key)) this.#unneeded.set(key, this.#parts.monotonicMs());
  }

  async #write(before: Bundle, next: Bundle): Promise<void> {
    await writeBundle(this.#parts, next);
    const added = [...next.entries.keys()].filter((name) => !before.entries.has(name)), dropped = [...before.entries.keys()].filter((name) => !next.entries.has(name));
    const words = [...added.map((name) => `${name} is believed`), ...(next.signs === before.signs ? [] : [`${next.signs ?? "nobody"} signs`]), ...dropped.map((name) => `${name} is believed no more`)].join("; ");
    this.#parts.log.info({ added, dropped, signs: next.signs }, "the authorities of the cluster changed");
    this.#parts.events.emit({ regarding: { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: this.#parts.namespace, name: bundleName } }, type: "Normal", reason: "AuthoritiesChanged", action: "Rotate", note: words });
  }

  #tell(problem: string): void {
    if (problem !== this.#said) this.#parts.log.warn({ problem }, "the authority cannot be used; routers believe whom they believed");
    this.#said = problem;
  }
}

/** An entry that holds no certificates counts for nothing, and takes nothing from the others. */
function certificatesOf({ signer, events, leads, namespace }: TrustParts, { entries }: Bundle): string[] {
  const read = [...entries].map(([name, text]) => ({ name, found: signer.certificates(text) })), wrong = read.find(({ found }) => found.length === 0);
  if (wrong !== undefined && leads()) events.emit({ regarding: { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name: bundleName } }, type: "Warning", reason: "NotACertificate", action: "Believe", note: `entry ${wrong.name} holds something that is no certificate in PEM; write certificates only, or take it out` });
  return [...new Set(read.flatMap(({ found }) => found.map(({ pem }) => pem)))];
}
