// Three routers of one cluster, all peers of each other: a tenant behind the first two uses a service behind the third.
import type { Chart } from "cdk8s";
import { OpenSvrCluster } from "../constructs/cluster.ts";
import { TenantServices } from "../constructs/tenantservices.ts";

/** cluster adds the topology to a chart. */
export function cluster(chart: Chart): void {
  const nodes = new OpenSvrCluster(chart, "cluster", {
    tenants: ["shop"],
    routers: ["a", "b", "c"].map((name, at) => ({ name: `default-${name}`, nodeName: name, lan: `10.${at + 1}.0.1/16`, wan: `192.0.2.${at + 1}/24` })),
  });
  const [first = "", second = "", third = ""] = nodes.names;
  new TenantServices(chart, "shop", {
    tenant: "shop", namespace: "shop", members: [{ router: first, interface: "lan0" }, { router: second, interface: "lan0" }],
    services: [{ name: "orders", addresses: ["10.3.0.10"], transports: [{ protocol: "TCP", ports: [443] }], behind: [third], from: [first, second].map((router) => ({ router, via: [third] })) }],
  });
}
