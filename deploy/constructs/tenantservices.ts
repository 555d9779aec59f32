// A tenant with the services it may use, and how each router reaches them. Used by topologies.
import { Construct } from "constructs";
import { SvrObject } from "./object.ts";
import type { SpecOf } from "./object.ts";

/** ServedProps are one service: where it is, and from where it is used. */
export interface ServedProps {
  name: string;
  addresses: SpecOf<"Service">["addresses"];
  transports: SpecOf<"Service">["transports"];
  /** routers that have it behind lan0 */
  behind: readonly string[];
  /** routers that reach it through others; of several the first is preferred */
  from?: readonly { router: string; via: readonly string[] }[];
}

/** TenantServicesProps are a tenant and its services. */
export interface TenantServicesProps {
  /** dotted name, child first; a parent is another construct */
  tenant: string;
  members?: SpecOf<"Tenant">["members"];
  namespace: string;
  services?: readonly ServedProps[];
}

/** TenantServices makes Tenant, Services with access for it, and ServiceRoutes; the tenant lets its namespace grant access. */
export class TenantServices extends Construct {
  readonly tenant: string;
  readonly namespace: string;

  constructor(scope: Construct, id: string, { tenant, members, namespace, services = [] }: TenantServicesProps) {
    super(scope, id);
    this.tenant = tenant;
    this.namespace = namespace;
    new SvrObject(this, "tenant", {
      kind: "Tenant", name: tenant,
      spec: { ...(members !== undefined && { members }), ...(services.length > 0 && { serviceNamespaces: { names: [namespace] } }) },
    });
    for (const service of services) this.#serve(service);
  }

  #serve({ name, addresses, transports, behind, from = [] }: ServedProps): void {
    const { namespace } = this;
    new SvrObject(this, `service-${name}`, { kind: "Service", name, namespace, spec: { addresses, transports, access: [{ tenant: this.tenant }] } });
    if (behind.length > 0) this.#route(`${name}-local`, { serviceRef: { name }, routers: [...behind], type: "Local", local: { interface: "lan0" } });
    for (const { router, via } of from) {
      for (const [place, peer] of via.entries()) this.#route(`${name}-${router}-${peer}`, { serviceRef: { name }, routers: [router], type: "Peer", peer: { peer }, ...(place > 0 && { cost: place + 1 }) });
    }
  }

  #route(name: string, spec: SpecOf<"ServiceRoute">): void {
    new SvrObject(this, `route-${name}`, { kind: "ServiceRoute", name, namespace: this.namespace, spec });
  }
}
