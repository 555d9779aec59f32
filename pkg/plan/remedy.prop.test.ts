// What `svrctl why` proposes against a refusal does turn it into an allow, for random configurations and connections; and the
// ordinary refusals have a proposal.
import fc from "fast-check";
import { parsedOf, randomObjects, randomQuestions } from "../../test/support/config/random.ts";
import { addressOf } from "../../test/support/config/sample.ts";
import type { ParsedObject } from "../api/document.ts";
import { applyChange, changeText } from "./change.ts";
import { compile } from "./compile.ts";
import { explain } from "./explain.ts";
import type { WhyQuestion } from "./explain.ts";
import { findRemedy } from "./remedy.ts";

test("P-1 P-2 the proposed change, applied to the configuration, makes the answer allow", () => {
  const found: Record<string, number> = {};
  fc.assert(fc.property(randomObjects, randomQuestions, (objects, questions) => {
    const { routers, problems } = compile({ objects });
    for (const config of routers.values()) {
      for (const question of questions.slice(0, 4)) {
        const refusal = explain(config, question);
        if (refusal.allow) continue;
        const reason = refusal.reason ?? "";
        const { change, contradicts = [] } = findRemedy({ objects, config, question, refusal }) ?? {};
        if (change === undefined) continue; // it takes several
        expect(contradicts).toEqual([]); // random services have no tests
        found[reason] = (found[reason] ?? 0) + 1;
        const after = compile({ objects: applyChange(objects, change) ?? [] });
        expect(explain(after.routers.get(config.name)!, question)).toMatchObject({ allow: true });
        expect(after.problems.filter((one) => one.severity === "error").length).toBeLessThanOrEqual(problems.filter((one) => one.severity === "error").length);
        expect(changeText(change)).toMatch(/^(add|set|remove|create) .*((Service|ServiceRoute) shop\/|Router (one|two) to true$)/);
      }
    }
  }), { numRuns: 120, interruptAfterTimeLimit: 60_000 });
  expect(Object.values(found).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10);
}, 90_000);

const base = [
  parsedOf("Tenant", { name: "acme" }), parsedOf("Tenant", { name: "dev.acme" }), parsedOf("ServicePolicy", { name: "none", namespace: "shop" }, { vectors: [{ name: "mpls", use: "Never" }] }),
  parsedOf("ServiceRoute", { name: "web", namespace: "shop" }, { serviceRef: { name: "web" }, routers: ["one"], type: "Local", local: { interface: "lan0" } }),
  parsedOf("Router", { name: "one" }, { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"] }, { name: "bare", type: "LAN" }] }),
];
const web = (change: object): ParsedObject => parsedOf("Service", { name: "web", namespace: "shop" }, { addresses: ["10.1.0.0/24"], transports: [{ protocol: "TCP", ports: [80] }], access: [{ tenant: "acme" }], ...change });
const ask = (change: Partial<WhyQuestion> = {}): WhyQuestion => ({ tenant: "dev.acme", proto: 6, port: 80, destination: addressOf("10.1.0.9"), ...change });

test.each<[string, object, Partial<WhyQuestion>, string | undefined]>([
  ["nobody may", { access: [] }, {}, 'add {"tenant":"dev.acme"} to spec.access of Service shop/web'],
  ["a child that is not configured: its parent", { access: [] }, { tenant: "x.dev.acme" }, 'add {"tenant":"dev.acme"} to spec.access of Service shop/web'],
  ["denied by name", { access: [{ tenant: "acme" }, { tenant: "dev.acme", permission: "Deny" }] }, {}, 'set spec.access[1].permission of Service shop/web to "Allow"'],
  ["denied as a child", { access: [{ tenant: "acme", permission: "Deny" }] }, {}, 'add {"tenant":"dev.acme"} to spec.access of Service shop/web'],
  ["traffic without a tenant", {}, { tenant: "<global>" }, 'set spec.scope of Service shop/web to "Public"'],
  ["a tenant that nobody knows", {}, { tenant: "stranger" }, undefined],
  ["disabled", { enabled: false }, {}, "set spec.enabled of Service shop/web to true"],
  ["another port", {}, { port: 81 }, "add 81 to spec.transports[0].ports of Service shop/web"],
  ["another protocol", {}, { proto: 1, port: 0 }, 'add {"protocol":"ICMP"} to spec.transports of Service shop/web'],
  ["another address", { addresses: ["10.1.0.8"] }, {}, 'add "10.1.0.9" to spec.addresses of Service shop/web'],
  ["a policy that is not there", { securityPolicyRef: { name: "strong" } }, {}, "remove spec.securityPolicyRef of Service shop/web"],
  ["a policy without a way", { servicePolicyRef: { name: "none" } }, {}, "remove spec.servicePolicyRef of Service shop/web"],
  ["no pool", { sourceNat: "Pool" }, {}, 'set spec.sourceNat of Service shop/web to "Interface"'],
])("%s", (_desc, change, question, expected) => {
  const objects = [...base, web(change)];
  const config = compile({ objects }).routers.get("one")!;
  const asked = ask(question);
  const refusal = explain(config, asked);
  expect(refusal.allow).toBe(false);
  const found = findRemedy({ objects, config, question: asked, refusal });
  expect(found === undefined ? undefined : changeText(found.change)).toBe(expected);
  expect(found?.contradicts ?? []).toEqual([]);
});

test("P-7 what only tests of services forbid comes with the tests that would fail, and not with those that fail already", () => {
  const tests = [{ tenant: "dev.acme", to: "10.1.0.9", port: 80, expect: "Deny" }, { tenant: "dev.acme", to: "10.1.0.9", port: 80, router: "one", expect: "Deny" }];
  const objects = [...base, web({ access: [], tests }), parsedOf("Service", { name: "old", namespace: "shop" }, { addresses: ["10.1.0.8"], tests: [{ tenant: "acme", to: "10.1.0.8", port: 1, expect: "Allow" }] })];
  const config = compile({ objects }).routers.get("one")!;
  const found = findRemedy({ objects, config, question: ask(), refusal: explain(config, ask()) });
  expect(found).toEqual({
    change: { object: "Service shop/web", op: "add", field: "access", value: { tenant: "dev.acme" } },
    contradicts: [{ object: "Service shop/web", field: "spec.tests[0]" }, { object: "Service shop/web", field: "spec.tests[1]" }],
  });
});

test("no route: a new one where the destination is", () => {
  const objects = [...base.filter((one) => one.object.kind !== "ServiceRoute"), web({})];
  const config = compile({ objects }).routers.get("one")!;
  const found = findRemedy({ objects, config, question: ask(), refusal: explain(config, ask()) });
  expect(found?.change).toEqual({ object: "ServiceRoute shop/web-one", op: "create", field: "", value: { serviceRef: { name: "web" }, routers: ["one"], type: "Local", local: { interface: "lan0" } } });
});

test("8.2 payloads are to be encrypted and metadata is not: it is encrypted too; without tags that is not enough", () => {
  const changeFor = (peer: object): string | undefined => {
    const objects = [
      parsedOf("Tenant", { name: "acme" }), web({ securityPolicyRef: { name: "strong" } }), parsedOf("SecurityPolicy", { name: "strong", namespace: "shop" }, { payloadEncryption: "GCM" }),
      parsedOf("ServiceRoute", { name: "web", namespace: "shop" }, { serviceRef: { name: "web" }, routers: ["one"], type: "Peer", peer: { peer: "two" } }),
      parsedOf("Router", { name: "one" }, {
        interfaces: [{ name: "wan0", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] }],
        peers: [{ name: "two", psk: { file: "k" }, paths: [{ name: "v4", interface: "wan0", remoteAddress: "192.0.2.2" }], ...peer }],
      }),
    ];
    const config = compile({ objects }).routers.get("one")!, asked = ask({ tenant: "acme" });
    const found = findRemedy({ objects, config, question: asked, refusal: explain(config, asked) });
    return found === undefined ? undefined : changeText(found.change);
  };
  expect(changeFor({ metadataEncryption: { enabled: false } })).toBe("set spec.peers[0].metadataEncryption.enabled of Router one to true");
  expect(changeFor({ hmac: { mode: "Disabled" } })).toBeUndefined();
});

test("a change that no object accepts is none", () => {
  const objects = [...base, web({})];
  for (const change of [{ object: "Service shop/gone", op: "set", field: "enabled", value: true }, { object: "Service shop/web", op: "add", field: "access", value: { tenant: "acme" } },
    { object: "Service shop/web", op: "set", field: "enabld", value: true }, { object: "Servise shop/x", op: "create", field: "", value: {} }] as const) {
    expect(applyChange(objects, change)).toBeUndefined();
  }
});
