// The site endpoint with its adapters. Called by main.ts once the operator is warm.
import { authorityKeys } from "../../pkg/operator/authority.ts";
import { listenSite } from "../../pkg/operator/site.ts";
import type { RunningSite, SiteOptions } from "../../pkg/operator/site.ts";
import { createRouterSigner } from "../../pkg/security/routersigner.ts";
import { createSiteSigner } from "../../pkg/security/sitesigner.ts";

/** openSite listens; it makes the authority where there is none. */
export function openSite(options: Omit<SiteOptions, "signer" | "authority">): Promise<RunningSite> {
  const { kube, namespace, clock } = options;
  const authority = (): ReturnType<typeof authorityKeys> => authorityKeys({ kube, namespace, signer: createRouterSigner(), nowMs: () => clock.unixMs() });
  return listenSite({ ...options, authority, signer: createSiteSigner() });
}
