// What every router of the cluster believes: the authority of the cluster, and which certificates count no more, so that nobody writes either into
// each Router. Looked at again and again by each replica; followers make nothing. Made by operator.ts, which puts it into RouterConfigs.
import { SvrError } from "../base/errors.ts";
import { noTrust, sameTrust, withNetworkTrust } from "../plan/networktrust.ts";
import type { NetworkTrust } from "../plan/networktrust.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Outcome } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import { authorityKeys, readAuthority } from "./authority.ts";
import type { AuthorityParts } from "./authority.ts";
import { readRevoked } from "./revoked.ts";
import type { RevokedParts } from "./revoked.ts";

/** TrustParts is what looking needs, and who is told that something else is believed now. */
export interface TrustParts extends AuthorityParts, Pick<RevokedParts, "events"> { leads: () => boolean; log: Log; changed: () => void }

/** ClusterTrust is what was seen last; a look that fails changes nothing. */
export interface ClusterTrust {
  look(): Promise<Outcome>;
  /** a configuration with what is believed, the same one for the same */
  into(config: RouterConfig): RouterConfig;
}

/** readTrust looks for the first time: without an answer nothing may be written, because routers would lose whom they believe. */
export async function readTrust(parts: TrustParts): Promise<ClusterTrust> {
  let made = new WeakMap<RouterConfig, RouterConfig>(), now = noTrust, said = "";
  const tell = (problem: string): void => {
    if (problem !== said && problem !== "") parts.log.warn({ problem }, "the authority cannot be used; routers believe whom they believed");
    said = problem;
  };
  const look = async (): Promise<Outcome> => {
    const next = await believed(parts, now, tell);
    if (sameTrust(now, next)) return { done: true };
    [now, made] = [next, new WeakMap()];
    parts.log.info({ authorities: now.authorities.length, revoked: now.revoked.length }, "routers are told whom to believe");
    parts.changed();
    return { done: true };
  };
  await look();
  return {
    look,
    into(config) {
      const known = made.get(config) ?? withNetworkTrust(config, now);
      made.set(config, known);
      return known;
    },
  };
}

/** An authority that somebody has to mend keeps nothing that is revoked from being told. */
async function believed(parts: TrustParts, before: NetworkTrust, tell: (problem: string) => void): Promise<NetworkTrust> {
  const revoked = await readRevoked(parts);
  try {
    const authority = parts.leads() ? await authorityKeys(parts) : await readAuthority(parts);
    const authorities = authority === undefined ? [] : [parts.signer.top(authority.certificate)];
    tell("");
    return { authorities, revoked };
  } catch (error) {
    if (!(error instanceof SvrError) || error.code !== "SVR_AUTHORITY") throw error;
    tell(error.message);
    return { ...before, revoked };
  }
}
