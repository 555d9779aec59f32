// The site endpoint with its adapters. Called by main.ts once the operator is warm.
import { SvrError } from "../../pkg/base/errors.ts";
import { authorityKeys } from "../../pkg/operator/authority.ts";
import { listenSite } from "../../pkg/operator/site.ts";
import type { RunningSite, SiteOptions } from "../../pkg/operator/site.ts";
import type { AuthorityKeys } from "../../pkg/ports/signer.ts";
import { createRouterSigner } from "../../pkg/security/routersigner.ts";
import { createSiteSigner } from "../../pkg/security/sitesigner.ts";

/** openSite listens; it makes the authority where there is none, and issues when routers know it. */
export function openSite(options: Omit<SiteOptions, "signer" | "authority" | "shown">, known: () => Promise<AuthorityKeys | undefined>): Promise<RunningSite> {
  const { kube, namespace, clock } = options;
  const shown = (): Promise<AuthorityKeys> => authorityKeys({ kube, namespace, signer: createRouterSigner(), nowMs: () => clock.unixMs() });
  const authority = async (): Promise<AuthorityKeys> => await known() ?? unknown(namespace);
  return listenSite({ ...options, authority, shown, signer: createSiteSigner() });
}

function unknown(namespace: string): never {
  throw new SvrError("SVR_AUTHORITY", { object: `authority of namespace ${namespace}`, attempted: "nothing is issued yet: routers do not know the authority", fix: "ask again in a minute" });
}
