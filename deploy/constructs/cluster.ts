// The routers of one cluster, each a peer of each other. Used by topologies.
import { Construct } from "constructs";
import { SiteRouter } from "./site.ts";
import type { SiteProps } from "./site.ts";

/** OpenSvrClusterProps list the routers and what they may assert to each other. */
export interface OpenSvrClusterProps {
  routers: readonly SiteProps[];
  /** tenants whose sessions go from router to router; each covers its children. Default: none */
  tenants?: readonly string[];
}

/** OpenSvrCluster is a full mesh of routers. */
export class OpenSvrCluster extends Construct {
  readonly routers: readonly SiteRouter[];

  constructor(scope: Construct, id: string, { routers, tenants = [] }: OpenSvrClusterProps) {
    super(scope, id);
    this.routers = routers.map((props) => new SiteRouter(this, props.name, props));
    for (const [at, router] of this.routers.entries()) {
      for (const other of this.routers.slice(at + 1)) router.peerWith(other, { here: tenants, there: tenants, behindNat: true });
    }
  }

  /** names are the routers in the order of their props. */
  get names(): string[] {
    return this.routers.map(({ name }) => name);
  }
}
