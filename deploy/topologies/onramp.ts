// Public cloud on-ramp: two routers of a cloud cluster behind 1:1 NAT, and two branches on the internet whose hosts have the same
// addresses. Each branch is a tenant of its own below one company and uses services in the cloud; the second router is a way around.
import type { Chart } from "cdk8s";
import { OpenSvrCluster } from "../constructs/cluster.ts";
import { OnRampSite } from "../constructs/onramp.ts";
import { TenantServices } from "../constructs/tenantservices.ts";

const branches = ["north", "south"];

/** onramp adds the topology to a chart. */
export function onramp(chart: Chart): void {
  const cloud = new OpenSvrCluster(chart, "cloud", {
    tenants: ["acme"],
    routers: [1, 2].map((at) => ({ name: `cloud-${at}`, nodeName: `node-${at}`, lan: `10.0.0.${at}/16`, wan: `172.16.0.${at}/24`, gateway: "172.16.0.254", publicAddress: `203.0.113.${at}` })),
  });
  for (const [at, name] of branches.entries()) {
    new OnRampSite(chart, name, { cluster: cloud, tenants: [`${name}.acme`], site: { name, lan: "192.168.1.1/24", wan: `198.51.100.${at * 4 + 1}/30`, gateway: `198.51.100.${at * 4 + 2}` } });
    new TenantServices(chart, `tenant-${name}`, { tenant: `${name}.acme`, namespace: "acme", members: [{ router: name, interface: "lan0" }] });
  }
  new TenantServices(chart, "acme", {
    tenant: "acme", namespace: "acme",
    services: [
      { name: "wiki", addresses: ["10.0.1.10"], transports: [{ protocol: "TCP", ports: [80, 443] }], behind: cloud.names, from: branches.map((router) => ({ router, via: cloud.names })) },
      { name: "voice", addresses: ["10.0.2.0/24"], transports: [{ protocol: "UDP", ports: ["16384-32767"] }], behind: cloud.names, from: branches.map((router) => ({ router, via: cloud.names })) },
    ],
  });
}
