// Where the answers to a source leave (behaviour 3.10).
import { parsedOf } from "../../test/support/config/random.ts";
import { addressOf } from "../../test/support/config/sample.ts";
import { compile } from "./compile.ts";
import { createReturnRoutes } from "./returnroute.ts";

const route = (name: string, more: object) => parsedOf("ServiceRoute", { name, namespace: "s" }, { serviceRef: { name }, routers: ["one"], ...more });
const service = (name: string, addresses: string[], more: object = {}) => parsedOf("Service", { name, namespace: "s" }, { addresses, ...more });
const { routers } = compile({ objects: [
  service("far", ["10.2.0.0/16", "10.1.0.128/25"]), route("far", { type: "Peer", peer: { peer: "two" } }),
  service("near", ["10.7.0.0/16"]), route("near", { type: "Local", local: { interface: "lan0", gateway: "10.1.0.254" } }),
  service("off", ["10.8.0.0/16"], { enabled: false }), route("off", { type: "Peer", peer: { peer: "two" } }),
  parsedOf("Router", { name: "one" }, {
    interfaces: [
      { name: "lan0", id: 1, type: "LAN", addresses: ["10.1.0.1/24"], gateways: ["10.1.0.254"], vlans: [{ id: 7, addresses: ["10.1.0.1/24"] }] },
      { name: "wan0", id: 2, type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] },
    ],
    peers: [{ name: "two", psk: { file: "k" }, paths: [{ name: "v4", interface: "wan0", remoteAddress: "192.0.2.2" }] }],
  }),
] });
const returnsBy = createReturnRoutes(routers.get("one")!);

test.each<[string, number, number, string, boolean]>([
  ["on link", 1, 0, "10.1.0.5", true], ["on link on its VLAN", 1, 7, "10.1.0.5", true], ["on link elsewhere", 2, 0, "10.1.0.5", false],
  ["a service of a peer, more narrow than the network", 1, 0, "10.1.0.200", false], ["a service of a peer", 1, 0, "10.2.0.5", false],
  ["a service behind the interface", 1, 0, "10.7.0.5", true], ["a service that is disabled: the gateway", 1, 0, "10.8.0.5", true],
  ["nobody's: the gateway", 1, 0, "203.0.113.5", true], ["nobody's, without a gateway", 1, 7, "203.0.113.5", false], ["no way at all", 1, 0, "fd00::5", false],
])("reverse-path %s", (_desc, ifnum, vlan, source, expected) => {
  expect(returnsBy(ifnum, vlan, addressOf(source))).toBe(expected);
});
