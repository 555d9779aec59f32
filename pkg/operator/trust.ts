// What every router of the cluster believes: the authority of the cluster, so that nobody copies certificates into Routers. Looked at again and
// again by each replica; followers make nothing. Made by operator.ts, which puts it into RouterConfigs.
import { SvrError } from "../base/errors.ts";
import { noTrust, sameTrust, withNetworkTrust } from "../plan/networktrust.ts";
import type { NetworkTrust } from "../plan/networktrust.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Outcome } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import { authorityKeys, readAuthority } from "./authority.ts";
import type { AuthorityParts } from "./authority.ts";

/** TrustParts is what looking needs, and who is told that something else is believed now. */
export interface TrustParts extends AuthorityParts { leads: () => boolean; log: Log; changed: () => void }

/** ClusterTrust is what was seen last; a look that fails changes nothing. */
export interface ClusterTrust {
  look(): Promise<Outcome>;
  /** a configuration with what is believed, the same one for the same */
  into(config: RouterConfig): RouterConfig;
}

/** readTrust looks for the first time: without an answer nothing may be written, because routers would lose whom they believe. */
export async function readTrust(parts: TrustParts): Promise<ClusterTrust> {
  let made = new WeakMap<RouterConfig, RouterConfig>(), now = noTrust;
  const look = async (): Promise<Outcome> => {
    const next = await believed(parts);
    if (sameTrust(now, next)) return { done: true };
    [now, made] = [next, new WeakMap()];
    parts.log.info({ authorities: now.authorities.length }, "routers are told whom to believe");
    parts.changed();
    return { done: true };
  };
  await unusable(parts.log, look);
  return {
    look,
    into(config) {
      const known = made.get(config) ?? withNetworkTrust(config, now);
      made.set(config, known);
      return known;
    },
  };
}

async function believed(parts: TrustParts): Promise<NetworkTrust> {
  const authority = parts.leads() ? await authorityKeys(parts) : await readAuthority(parts);
  return authority === undefined ? noTrust : { authorities: [parts.signer.top(authority.certificate)] };
}

/** A Secret that somebody has to mend keeps nothing from beginning. */
async function unusable(log: Log, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof SvrError) || error.code !== "SVR_AUTHORITY") throw error;
    log.warn({ error: error.message }, "the authority cannot be used; routers are told of none");
  }
}
