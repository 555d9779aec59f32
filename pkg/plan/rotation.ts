// How one authority takes over from another while routers work: first every router believes both, then the new one signs and routers renew, and the
// old one goes when nobody needs it. What is believed stands in a bundle that people can read and change. Called by the operator. Pure.

/** Bundle is what all routers believe: certificates in PEM by the name of their entry, and the key id of the authority that signs. */
export interface Bundle { entries: ReadonlyMap<string, string>; signs?: string }

/** Authority is the one that is to sign: the certificate to believe, and the key id by which others name it. */
export interface Authority { top: string; key: string }

/** Held is a certificate that a router says it has; unix milliseconds. */
export interface Held { authorityKey: string; notAfter: number }

/** RotationFacts is how far the network is. */
export interface RotationFacts {
  /** every router that can be heard has what it was told last */
  isTold: boolean;
  /** how long the authority waits to sign, and how long it has signed, in milliseconds, as far as is known */
  waitedMs: number;
  signedMs: number;
  held: Iterable<Held>;
  /** for how long no router has had a certificate of this key id, in milliseconds, as far as is known */
  unneededMs: (key: string) => number;
  /** what of an entry has not ended yet, "" when nothing */
  living: (pem: string) => string;
  nowMs: number;
}

const PATIENCE_MS = 300_000; // a router that refuses its configuration keeps no other from getting a certificate
const SETTLE_MS = 30_000; // what was signed last is on its way to its router
const KEYS_MS = 60_000; // peers of who renewed last have keys by its old certificate still: a new exchange may have to wait 30 s (protocol 15.5)

/** entryOf names the entry of an authority of the operator's. */
export function entryOf(key: string): string {
  return `${key}.pem`;
}

/** nextBundle gives the bundle as it should be; entries that somebody else named are never touched. */
export function nextBundle(bundle: Bundle, authority: Authority, facts: RotationFacts): Bundle {
  const own = entryOf(authority.key), isKnown = bundle.entries.has(own);
  const isAlone = ![...bundle.entries.keys()].some((name) => name !== own && isOurs(name));
  const maySign = bundle.signs === authority.key || isAlone || (isKnown && (facts.isTold || facts.waitedMs >= PATIENCE_MS));
  const signs = maySign ? authority.key : bundle.signs;
  const mayDrop = bundle.signs === authority.key && facts.signedMs >= SETTLE_MS, needed = mayDrop ? neededKeys(facts) : undefined;
  const isLeft = (key: string): boolean => needed?.has(key) === false && facts.unneededMs(key) >= KEYS_MS;
  const stays = ([name, pem]: [string, string]): boolean => name === own || !isOurs(name) || !(facts.living(pem) === "" || isLeft(keyIn(name)));
  const entries = new Map([...[...bundle.entries].filter(stays), [own, withBefore(authority.top, bundle.entries.get(own), facts)] as const].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { entries, ...(signs !== undefined && { signs }) };
}

/** A certificate of the same key takes the place of another one, which some chains may lead to still. */
function withBefore(top: string, before: string | undefined, { living }: RotationFacts): string {
  return before === undefined || before.startsWith(top) ? before ?? top : `${top}${living(before.replace(top, ""))}`;
}

/** sameBundle tells whether nothing differs. */
export function sameBundle(a: Bundle, b: Bundle): boolean {
  return a.signs === b.signs && a.entries.size === b.entries.size && [...a.entries].every(([name, pem]) => b.entries.get(name) === pem);
}

/** neededKeys are those of certificates that routers have; undefined: a certificate does not say who signed it, so all are needed. */
export function neededKeys({ held, nowMs }: Pick<RotationFacts, "held" | "nowMs">): ReadonlySet<string> | undefined {
  const keys = new Set([...held].filter(({ notAfter }) => notAfter > nowMs).map(({ authorityKey }) => authorityKey));
  return keys.has("") ? undefined : keys;
}

/** isOurs tells entries of the operator's from those that somebody else named. */
export function isOurs(name: string): boolean {
  return /^[0-9a-f]{40}\.pem$/.test(name);
}

/** keyIn is the key id that an entry of the operator's names. */
export function keyIn(name: string): string {
  return name.slice(0, -".pem".length);
}
