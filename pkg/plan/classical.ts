// Peers whose keys do not come from a post-quantum exchange: services that ask for one do not go there. Pure; called by explainsteps.ts, and by
// the operator for the condition of a SecurityPolicy.
import type { RouterConfig } from "./config.ts";

/** classicalPeers names them, in their order. */
export function classicalPeers({ peers }: Pick<RouterConfig, "peers">): string[] {
  return peers.filter(({ authentication }) => authentication !== "certificate").map(({ name }) => name);
}
