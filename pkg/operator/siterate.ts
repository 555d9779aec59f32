// How often somebody may ask the site endpoint, and all together: buckets that fill with time, the oldest forgotten when there are too many.
// Called by sitedoor.ts.

/** RateLimits are how many at once, and how many a second after that. */
export interface RateLimits { burst: number; perSecond: number }

interface Bucket { left: number; atMs: number }

/** createSiteRate gives what says whether who has this name may ask now; `most` names are known at once. Without `all` nobody takes anything from others. */
export function createSiteRate({ each, all, most, nowMs }: { each: RateLimits; all?: RateLimits; most: number; nowMs: () => number }): (name: string) => boolean {
  const buckets = new Map<string, Bucket>();
  const together: Bucket = { left: all?.burst ?? 0, atMs: nowMs() };
  return (name) => {
    const now = nowMs(), own = buckets.get(name) ?? { left: each.burst, atMs: now };
    buckets.delete(name);
    buckets.set(name, own); // the newest is the last one
    const [oldest] = buckets.keys();
    if (buckets.size > most && oldest !== undefined) buckets.delete(oldest);
    return take(own, each, now) && (all === undefined || take(together, all, now));
  };
}

function take(bucket: Bucket, { burst, perSecond }: RateLimits, nowMs: number): boolean {
  bucket.left = Math.min(burst, bucket.left + (nowMs - bucket.atMs) * perSecond / 1_000);
  bucket.atMs = nowMs;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

/** networkOf is an address, of IPv6 its /64: who has one has all of it. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::"), groups = head.split(":").filter((one) => one !== "");
  const behind = tail === undefined ? 0 : tail.split(":").filter((one) => one !== "").length;
  const whole = tail === undefined ? groups : [...groups, ...Array<string>(Math.max(0, 8 - groups.length - behind)).fill("0")];
  return whole.slice(0, 4).join(":");
}
