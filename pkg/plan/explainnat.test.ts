// What `svrctl why` says of addresses that change on the way out, and of refusals that no change is known for (behaviour 5).
import { parsedOf } from "../../test/support/config/random.ts";
import { addressOf } from "../../test/support/config/sample.ts";
import { compile } from "./compile.ts";
import { explain } from "./explain.ts";
import { candidatesOf } from "./remedies.ts";

const objects = [
  parsedOf("Tenant", { name: "acme" }, { members: [{ router: "one", interface: "lan0" }] }),
  parsedOf("Service", { name: "web", namespace: "shop" }, { addresses: ["198.51.100.200"], transports: [{ protocol: "TCP", ports: [80] }], access: [{ tenant: "acme" }] }),
  parsedOf("ServiceRoute", { name: "web", namespace: "shop" }, { serviceRef: { name: "web" }, routers: ["one"], type: "Local", local: { interface: "out0" } }),
  parsedOf("Router", { name: "one" }, {
    interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"] }, { name: "out0", type: "Shared", addresses: ["198.51.100.1/24"] }],
    nat: { static: [{ inside: "10.1.0.0/28", outside: "198.51.100.128/28", interface: "out0" }] },
  }),
];
const { routers, problems } = compile({ objects });
const question = { proto: 6, port: 80, destination: addressOf("198.51.100.200") };

test("N-4 a source with a static address leaves with it, and why names the rule", () => {
  expect(problems).toEqual([]);
  const { allow, steps } = explain(routers.get("one")!, { ...question, tenant: "acme", from: addressOf("10.1.0.5") });
  expect([allow, steps.at(-1)?.text, steps.at(-1)?.origin?.field]).toEqual([true, "the destination stays, the source becomes 198.51.100.133", "spec.nat.static[0]"]);
});

test("a refusal for another reason has no candidates", () => {
  const config = routers.get("one")!;
  expect(candidatesOf({ objects, config, question: { ...question, tenant: "acme" }, refusal: { allow: false, tenant: "acme", steps: [], reason: "limit" } })).toEqual([]);
});
