// What a whole network believes, put into the configuration of each router beside what its own object says (protocol 15.1). Called by who
// writes configurations of a network; the compiler knows objects only. Pure.
import type { OriginConfig, RouterConfig } from "./config.ts";

/** NetworkTrust is believed at every router. */
export interface NetworkTrust {
  /** certificates, PEM */
  authorities: readonly string[];
  /** serial numbers, lower-case hexadecimal */
  revoked: readonly string[];
  /** key id of the authority that signs: who has a certificate of another one renews it */
  issuer?: string;
  /** Ed25519 keys of routers, base64, for origins that are listed without one; absent: none are known */
  originKeys?: ReadonlyMap<string, readonly string[]>;
}

/** noTrust adds nothing. */
export const noTrust: NetworkTrust = { authorities: [], revoked: [] };

/** withNetworkTrust gives the configuration with what the network believes; the same one when there is nothing to add. */
export function withNetworkTrust(config: RouterConfig, network: NetworkTrust): RouterConfig {
  const own = config.trust ?? { authorities: [], revoked: [] };
  const authorities = together(own.authorities, network.authorities), revoked = together(own.revoked, network.revoked).sort();
  const origins = withKeys(own.origins, network.originKeys);
  const isSame = origins === own.origins && authorities.length === own.authorities.length && revoked.length === own.revoked.length && network.issuer === own.issuer;
  return isSame ? config : { ...config, trust: { ...own, authorities, revoked, ...(origins !== undefined && { origins }), ...(network.issuer !== undefined && { issuer: network.issuer }) } };
}

/** sameTrust tells whether two networks believe the same. */
export function sameTrust(a: NetworkTrust, b: NetworkTrust): boolean {
  return a.authorities.join() === b.authorities.join() && a.revoked.join() === b.revoked.join() && a.issuer === b.issuer && textOf(a.originKeys) === textOf(b.originKeys);
}

function together(own: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...own, ...more])];
}

/** An origin without a key has those that the network knows. */
function withKeys(origins: OriginConfig[] | undefined, keys: NetworkTrust["originKeys"]): OriginConfig[] | undefined {
  if (keys === undefined || origins?.some(({ router, ed25519 }) => ed25519 === undefined && keys.has(router)) !== true) return origins;
  return origins.flatMap((one) => (one.ed25519 === undefined && keys.has(one.router) ? (keys.get(one.router) ?? []).map((ed25519) => ({ ...one, ed25519 })) : [one]));
}

function textOf(keys: NetworkTrust["originKeys"]): string {
  return [...keys ?? []].map((one) => one.join()).sort().join(";");
}
