// What NAT makes of addresses, and which rules are refused (behaviour 5; N-3, N-4, N-6, N-8).
import { formatAddress } from "../base/addresstext.ts";
import { parsedOf } from "../../test/support/config/random.ts";
import { addressOf } from "../../test/support/config/sample.ts";
import { compile } from "./compile.ts";
import type { RouterConfig } from "./config.ts";
import { createNatTable, hashOf } from "./nat.ts";
import type { NatTable, SourceAsk, SourceChoice } from "./nat.ts";

const interfaces = [
  { name: "lan0", type: "LAN", addresses: ["10.1.0.1/24", "fd00:1::1/64"] },
  { name: "out0", type: "Shared", addresses: ["198.51.100.1/24", "2001:db8:5::1/64"], vlans: [{ id: 7, addresses: ["192.0.2.1/24"] }] },
  { name: "wan0", type: "WAN", addresses: ["203.0.113.1/24"] },
];

/** A router with these NAT rules, and what is said about them. */
function made(nat: object): { config: RouterConfig; problems: string[] } {
  const { routers, problems } = compile({ objects: [parsedOf("Tenant", { name: "acme" }), parsedOf("Tenant", { name: "zeta" }), parsedOf("Router", { name: "one" }, { interfaces, nat })] });
  return { config: routers.get("one")!, problems: problems.map(({ severity, code, field }) => `${severity} ${code} ${field}`) };
}

const table = (nat: object): NatTable => createNatTable(made(nat).config);
const shown = (choice: SourceChoice): string => (choice.kind === "ports" ? `ports ${choice.addresses.map(formatAddress).join(" ")}` : choice.kind === "static" ? `static ${formatAddress(choice.address)}` : "keep");
const ask = (source: string, change: Partial<SourceAsk> = {}): SourceAsk => ({
  sourceNat: "None", out: { ifnum: 2, vlan: 0, addresses: ["198.51.100.1", "198.51.100.2", "2001:db8:5::1"].map(addressOf) }, tenant: "dev.acme", source: addressOf(source), turnsBack: false, wasOutside: false, ...change,
});

describe("N-3 pools", () => {
  const pools = [
    { name: "zeta", addresses: ["192.0.2.0/30"], tenants: ["zeta"] }, { name: "acme", addresses: ["198.51.100.64/28", "198.51.100.128/31", "2001:db8:7::/64"], tenants: ["acme"] },
    { name: "late", addresses: ["192.0.2.9"], tenants: [] },
  ];
  const nat = table({ pools });
  const given = (source: string, tenant = "dev.acme"): string => shown(nat.sourceFor(ask(source, { sourceNat: "Pool", tenant })));

  test("N-3 one source always gets one address, whatever else changes, and all addresses are used", () => {
    const sources = Array.from({ length: 600 }, (_, n) => `10.1.${n >> 8}.${n & 255}`);
    const first = sources.map((source) => given(source));
    expect(sources.map((source) => given(source))).toEqual(first);
    const counts = Map.groupBy(first, (one) => one);
    expect(counts.size).toBe(18);
    for (const list of counts.values()) expect(list.length).toBeGreaterThan(10);
  });

  test.each([["a child of a listed tenant", "dev.acme", /^ports 198\.51\.100\./], ["the first pool that fits", "zeta", /^ports 192\.0\.2\.[0-3]$/], ["a pool for everybody", "<global>", /^ports 192\.0\.2\.9$/]])("N-3 %s", (_desc, tenant, expected) => {
    expect(given("10.1.0.5", tenant)).toMatch(expected);
  });

  test("N-3 IPv6 sources get IPv6 addresses, of the whole prefix", () => {
    expect(given("fd00:1::5")).toMatch(/^ports 2001:db8:7::[0-9a-f]{1,4}:[0-9a-f]{1,4}$/);
    expect(given("fd00:1::5", "zeta")).toBe("ports ");
  });

  test("N-3 no pool fits: there is no address, and never the source's own", () => {
    expect(shown(table({ pools: pools.slice(0, 2) }).sourceFor(ask("10.1.0.5", { sourceNat: "Pool", tenant: "beta" })))).toBe("ports ");
    expect(shown(table({}).sourceFor(ask("10.1.0.5", { sourceNat: "Pool" })))).toBe("ports ");
  });

  test("the hash of a source is part of the behaviour", () => {
    expect(["10.1.0.5", "10.1.0.6", "fd00:1::5"].map((text) => hashOf(addressOf(text)))).toEqual(HASHES);
  });
});

const HASHES = [2824159075, 1788820664, 2870123633];

describe("N-4 static 1:1", () => {
  const nat = table({ static: [
    { inside: "10.1.0.0/25", outside: "198.51.100.128/25", interface: "out0", tenants: ["acme"] }, { inside: "fd00:1::/112", outside: "2001:db8:5:0:9::/112", interface: "out0" },
    { inside: "10.1.0.0/25", outside: "192.0.2.128/25", interface: "out0", vlan: 7 },
  ] });
  const inside = (text: string): string | undefined => {
    const found = nat.insideOf(addressOf(text));
    return found === undefined ? undefined : formatAddress(found.address);
  };

  test.each([["198.51.100.133", "10.1.0.5"], ["198.51.100.128", "10.1.0.0"], ["198.51.100.127", undefined], ["192.0.2.133", "10.1.0.5"], ["2001:db8:5:0:9::77", "fd00:1::77"], ["10.1.0.5", undefined]])("N-4 sent to %s, goes to %s", (outside, expected) => {
    expect(inside(outside)).toBe(expected);
  });

  const elsewhere = { out: { ifnum: 1, vlan: 0, addresses: [addressOf("10.1.0.1")] } };
  test.each<[string, string, Partial<SourceAsk>, string]>([
    ["out of the interface", "10.1.0.5", {}, "static 198.51.100.133"], ["before any other NAT", "10.1.0.5", { sourceNat: "Interface" }, "static 198.51.100.133"],
    ["out of its VLAN", "10.1.0.5", { out: { ifnum: 2, vlan: 7, addresses: [] } }, "static 192.0.2.133"], ["IPv6", "fd00:1::77", {}, "static 2001:db8:5:0:9::77"],
    ["out of another interface", "10.1.0.5", elsewhere, "keep"], ["outside of the prefix", "10.1.0.200", {}, "keep"], ["another tenant", "10.1.0.5", { tenant: "zeta" }, "keep"],
    ["N-6 hairpin: to an outside address from inside", "10.1.0.5", { ...elsewhere, wasOutside: true, turnsBack: true }, "static 198.51.100.133"],
    ["N-6 hairpin of a source without static address", "10.1.0.200", { ...elsewhere, wasOutside: true, turnsBack: true }, "ports 10.1.0.1"],
    ["N-6 destination NAT back to the network it came from", "10.1.0.5", { ...elsewhere, turnsBack: true }, "ports 10.1.0.1"],
  ])("N-4 %s", (_desc, source, change, expected) => {
    expect(shown(nat.sourceFor(ask(source, change)))).toBe(expected);
  });
});

describe("rules that are refused", () => {
  const rule = { inside: "10.1.0.0/28", outside: "198.51.100.128/28", interface: "out0" };
  test.each<[string, object[], string[], number]>([
    ["N-8 another family", [{ ...rule, outside: "2001:db8:5::/124" }], ["error unsupported spec.nat.static[0].outside"], 0],
    ["another size", [{ ...rule, outside: "198.51.100.128/27" }], ["error value spec.nat.static[0].outside"], 0],
    ["inside and outside overlap", [{ ...rule, outside: "10.1.0.0/28" }], ["error overlap spec.nat.static[0].outside"], 0],
    ["an own address outside", [{ ...rule, outside: "198.51.100.0/28" }], ["error conflict spec.nat.static[0].outside"], 0],
    ["no such interface", [{ ...rule, interface: "gone" }], ["error reference spec.nat.static[0].interface"], 0],
    ["one outside twice", [rule, { ...rule, inside: "10.1.0.64/28" }], ["error overlap spec.nat.static[1].outside"], 1],
    ["one inside twice on one network", [rule, { ...rule, outside: "198.51.100.64/28" }], ["error overlap spec.nat.static[1].inside"], 1],
    ["one inside for separate tenants", [{ ...rule, tenants: ["acme"] }, { ...rule, outside: "198.51.100.64/28", tenants: ["zeta"] }], [], 2],
    ["one inside for a tenant and its child", [{ ...rule, tenants: ["acme"] }, { ...rule, outside: "198.51.100.64/28", tenants: ["x.acme"] }], ["warning reference spec.nat.static[1].tenants[0]", "error overlap spec.nat.static[1].inside"], 1],
    ["an interface without hosts", [{ ...rule, interface: "wan0" }], ["warning value spec.nat.static[0].interface"], 1],
  ])("%s", (_desc, rules, expected, kept) => {
    const { config, problems } = made({ static: rules });
    expect(problems.toSorted()).toEqual(expected.toSorted());
    expect(config.staticNats).toHaveLength(kept);
  });
});
