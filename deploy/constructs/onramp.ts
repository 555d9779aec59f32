// A branch that reaches the services of a cluster over the internet: a standalone router that is a peer of each router of the cluster,
// which lets it assert its own tenants and nothing else. Used by topologies.
import { Construct } from "constructs";
import type { OpenSvrCluster } from "./cluster.ts";
import { SiteRouter } from "./site.ts";
import type { SiteProps } from "./site.ts";

/** OnRampSiteProps describe the branch. */
export interface OnRampSiteProps {
  site: SiteProps;
  cluster: OpenSvrCluster;
  /** tenants that the branch may assert to the cluster; each covers its children */
  tenants: readonly string[];
}

/** OnRampSite is a branch with its peerings. */
export class OnRampSite extends Construct {
  readonly router: SiteRouter;

  constructor(scope: Construct, id: string, { site, cluster, tenants }: OnRampSiteProps) {
    super(scope, id);
    this.router = new SiteRouter(this, "site", site);
    for (const other of cluster.routers) this.router.peerWith(other, { here: [], there: tenants });
  }
}
