// What a whole network believes, put into the configuration of each router beside what its own object says (protocol 15.1). Called by who
// writes configurations of a network; the compiler knows objects only. Pure.
import type { RouterConfig } from "./config.ts";

/** NetworkTrust is believed at every router. */
export interface NetworkTrust {
  /** certificates, PEM */
  authorities: readonly string[];
  /** serial numbers, lower-case hexadecimal */
  revoked: readonly string[];
  /** key id of the authority that signs: who has a certificate of another one renews it */
  issuer?: string;
}

/** noTrust adds nothing. */
export const noTrust: NetworkTrust = { authorities: [], revoked: [] };

/** withNetworkTrust gives the configuration with what the network believes; the same one when there is nothing to add. */
export function withNetworkTrust(config: RouterConfig, network: NetworkTrust): RouterConfig {
  const own = config.trust ?? { authorities: [], revoked: [] };
  const authorities = together(own.authorities, network.authorities), revoked = together(own.revoked, network.revoked).sort();
  const isSame = authorities.length === own.authorities.length && revoked.length === own.revoked.length && network.issuer === own.issuer;
  return isSame ? config : { ...config, trust: { ...own, authorities, revoked, ...(network.issuer !== undefined && { issuer: network.issuer }) } };
}

/** sameTrust tells whether two networks believe the same. */
export function sameTrust(a: NetworkTrust, b: NetworkTrust): boolean {
  return a.authorities.join() === b.authorities.join() && a.revoked.join() === b.revoked.join() && a.issuer === b.issuer;
}

function together(own: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...own, ...more])];
}
