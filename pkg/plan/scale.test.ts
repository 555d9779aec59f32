// Time of the compiler over many objects: in proportion to them, also when each is wrong or each line is beside every other. And of an
// edit: in proportion to what it concerns.
import { parsedOf } from "../../test/support/config/random.ts";
import type { ParsedObject } from "../api/document.ts";
import { compile } from "./compile.ts";
import type { Compiled } from "./compile.ts";
import { createPlanner } from "./planner.ts";

const router = parsedOf("Router", { name: "one" }, { interfaces: [{ name: "lan0", type: "LAN", neighbourhood: "campus", addresses: ["10.0.0.1/8"] }] });
const longest = 7_000; // ms, four times what is needed or more; trying each with each took 14,000

function many(count: number, make: (index: number) => ParsedObject): ParsedObject[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function timed(objects: ParsedObject[]): Compiled {
  const started = performance.now();
  const compiled = compile({ objects });
  expect(performance.now() - started).toBeLessThan(longest);
  return compiled;
}

test("thousands of names that lead nowhere are all told, the first with the nearest known name", () => {
  const tenants = many(2_000, (index) => parsedOf("Tenant", { name: `tenant${index}` }));
  const services = many(3_000, (index) => parsedOf("Service", { name: `s${index}`, namespace: "d" }, { addresses: [`10.${index >> 8}.${index & 255}.0/24`], access: [{ tenant: `tenamt${index}` }] }));
  const told = timed([router, ...tenants, ...services]).problems.filter((problem) => problem.severity === "error");
  expect(told).toHaveLength(3_000);
  expect(told[0]).toMatchObject({ object: "Service d/s0", message: 'there is no Tenant "tenamt0"', fix: 'did you mean "tenant0"?' });
  expect(told.at(-1)?.fix).toBe("correct the name, or add what it names");
});

test("tens of thousands of member lines on one network", () => {
  const hosts = (index: number, net: number): string[] => Array.from({ length: 10 }, (_, host) => `${net}.${index >> 8}.${index & 255}.${host}`);
  const tenants = many(3_000, (index) => parsedOf("Tenant", { name: `t${index}` }, {
    members: [{ interface: "lan0", prefixes: hosts(index, 10) }, { neighbourhood: "campus", prefixes: [...hosts(index, 11), `10.${index >> 8}.${index & 255}.9`] }],
  }));
  const { routers, problems } = timed([router, ...tenants]);
  expect([routers.get("one")?.members.length, problems]).toEqual([60_000, []]);
});

test("an edit of one Service of a thousand at one Router of a hundred takes a tenth of compiling all, or less", () => {
  const routers = many(100, (index) => parsedOf("Router", { name: `r${index}` }, { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.0.0.1/8"] }] }));
  const web = (index: number, port: number): ParsedObject => parsedOf("Service", { name: `s${index}`, namespace: "d" }, { addresses: [`10.${index >> 8}.${index & 255}.0/24`], transports: [{ protocol: "TCP", ports: [port] }], access: [{ tenant: "acme" }] });
  const routes = many(1_000, (index) => parsedOf("ServiceRoute", { name: `s${index}`, namespace: "d" }, { serviceRef: { name: `s${index}` }, routers: [`r${index % 100}`], type: "Local", local: { interface: "lan0" } }));
  const planner = createPlanner();
  const update = (put: ParsedObject[]): { ms: number; names: string[] } => {
    const started = performance.now();
    const { routers: changed } = planner.update({ put, remove: [] });
    return { ms: performance.now() - started, names: [...changed.keys()] };
  };
  const full = update([parsedOf("Tenant", { name: "acme" }), ...routers, ...many(1_000, (index) => web(index, 80)), ...routes]);
  const edits = Array.from({ length: 9 }, (_, index) => update([web(index, 81)]));
  expect([full.names.length, edits.map(({ names }) => names)]).toEqual([100, edits.map((_one, index) => [`r${index}`])]);
  expect(Math.min(...edits.map(({ ms }) => ms)) * 10).toBeLessThan(full.ms);
});
