// Tests of services: asked of every router, or of the one that they name.
import { parsedOf } from "../../test/support/config/random.ts";
import { compile } from "./compile.ts";

const router = (name: string) => parsedOf("Router", { name }, { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.0.0.1/8"] }] });
const objects = (test: object) => [
  router("one"), router("two"), parsedOf("Tenant", { name: "acme" }, { members: [{ interface: "lan0" }] }),
  parsedOf("Service", { name: "web", namespace: "d" }, { addresses: ["10.0.0.9"], access: [{ tenant: "acme" }], tests: [{ tenant: "acme", to: "10.0.0.9", ...test }, { tenant: "acme", to: "10.0.0.9", router: "one" }] }),
  parsedOf("ServiceRoute", { name: "web", namespace: "d" }, { serviceRef: { name: "web" }, routers: ["one"], type: "Local", local: { interface: "lan0" } }),
];
const failures = (test: object): number => compile({ objects: objects(test) }).problems.filter((problem) => problem.code === "test").length;

test.each([
  ["named router that has the way", { router: "one" }, 0],
  ["named router that has none", { router: "two" }, 1],
  ["every router", {}, 1],
  ["denied where it has no way", { router: "two", expect: "Deny" }, 0],
])("%s", (_desc, asked, count) => { expect(failures(asked)).toBe(count); });
