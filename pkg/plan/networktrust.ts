// What a whole network believes, put into the configuration of each router beside what its own object says (protocol 15.1). Called by who
// writes configurations of a network; the compiler knows objects only. Pure.
import type { RouterConfig } from "./config.ts";

/** NetworkTrust is believed at every router. */
export interface NetworkTrust {
  /** certificates, PEM */
  authorities: readonly string[];
}

/** noTrust adds nothing. */
export const noTrust: NetworkTrust = { authorities: [] };

/** withNetworkTrust gives the configuration with what the network believes; the same one when there is nothing to add. */
export function withNetworkTrust(config: RouterConfig, network: NetworkTrust): RouterConfig {
  const { authorities: own, ...trust } = config.trust ?? { authorities: [], revoked: [] };
  const authorities = together(own, network.authorities);
  return authorities.length === own.length ? config : { ...config, trust: { ...trust, authorities } };
}

/** sameTrust tells whether two networks believe the same. */
export function sameTrust(a: NetworkTrust, b: NetworkTrust): boolean {
  return a.authorities.join() === b.authorities.join();
}

function together(own: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...own, ...more])];
}
