// Condition PostQuantumReady of a SecurityPolicy that asks for a post-quantum exchange: which routers that have its services have peers that no
// such exchange is made with. It says nothing about Ready: the services keep off these peers, as the policy says. Called by statuses.ts;
// operator.ts has policies looked at again when routers change.
import type { Verdict } from "../api/conditions.ts";
import { classicalPeers } from "../plan/classical.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { KubeObject, KubeStore } from "../ports/kube.ts";

const type = "PostQuantumReady";
const mostTold = 10;

/** postQuantumVerdict looks at the routers that have services of the policy. */
export function postQuantumVerdict(routers: readonly string[], configOf: (router: string) => Pick<RouterConfig, "peers"> | undefined): Verdict {
  const told: string[] = [];
  let all = 0;
  for (const router of routers) {
    const config = configOf(router);
    for (const peer of config === undefined ? [] : classicalPeers(config)) {
      all += 1;
      if (told.length < mostTold) told.push(`${router} with ${peer}`);
    }
  }
  if (all === 0) return { type, status: "True", reason: "PeersReady", message: `every peer of the ${routers.length} routers with its services is known by certificate` };
  const more = all > told.length ? ` and ${all - told.length} more` : "";
  return { type, status: "False", reason: "PeersNotReady", message: `pre-shared keys alone: ${told.join(", ")}${more}; its services keep off these. Give both routers certificates and leave psk out at the peer` };
}

/** asksForPostQuantum names the policies that ask, as the compiler does. */
export function asksForPostQuantum(policies: KubeStore | undefined): string[] {
  const asks = (one: KubeObject): boolean => (one["spec"] as { postQuantumRequired?: unknown } | undefined)?.postQuantumRequired === true;
  return [...policies?.list() ?? []].filter((one) => asks(one)).map(({ metadata: { namespace = "", name } }) => `SecurityPolicy ${namespace}/${name}`);
}
