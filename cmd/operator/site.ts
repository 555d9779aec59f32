// The site endpoint with its adapters. Called by main.ts once the operator is warm.
import { authorityKeys } from "../../pkg/operator/authority.ts";
import { knownAuthority } from "../../pkg/operator/knownauthority.ts";
import type { KnownParts } from "../../pkg/operator/knownauthority.ts";
import { listenSite } from "../../pkg/operator/site.ts";
import type { RunningSite, SiteOptions } from "../../pkg/operator/site.ts";
import type { AuthorityKeys } from "../../pkg/ports/signer.ts";
import { createRouterSigner } from "../../pkg/security/routersigner.ts";
import { createSiteSigner } from "../../pkg/security/sitesigner.ts";

/** openSite listens; it makes the authority where there is none, and issues when routers know it. */
export function openSite(options: Omit<SiteOptions, "signer" | "authority" | "shown">, { known, after }: Pick<KnownParts, "known" | "after">): Promise<RunningSite> {
  const { kube, namespace, clock } = options;
  const shown = (): Promise<AuthorityKeys> => authorityKeys({ kube, namespace, signer: createRouterSigner(), nowMs: () => clock.unixMs() });
  const authority = (): Promise<AuthorityKeys> => knownAuthority({ namespace, known, after, nowMs: () => clock.monotonicMs() });
  return listenSite({ ...options, authority, shown, signer: createSiteSigner() });
}
