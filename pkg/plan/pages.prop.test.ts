// Pages: whatever the configuration, what is put together is what was cut; any damage is refused; an edit rewrites few pages.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { parseThree } from "../../test/support/config/three.ts";
import { parsedOf } from "../../test/support/config/random.ts";
import { canonicalJson } from "./canonical.ts";
import { compile } from "./compile.ts";
import type { RouterConfig } from "./config.ts";
import { assembleConfig, createPager, cutLines, pageBounds, pageConfig } from "./pages.ts";
import type { PagedConfig } from "./pages.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const configs = [...compile({ objects: parseThree().objects }).routers.values()];
const first = configs[0]!;

function many(count: number, edited = -1): RouterConfig {
  const tenants = Array.from({ length: 1_000 }, (_, index) => parsedOf("Tenant", { name: `t${index}` }));
  const services = Array.from({ length: count }, (_, index) => parsedOf("Service", { name: `s${index}`, namespace: "d" }, { addresses: [`10.${index >> 8}.${index & 255}.0/24`], access: [{ tenant: `t${index % 1_000}` }, ...(index === edited ? [{ tenant: "t7" }] : [])] }));
  const routes = services.map((_one, index) => parsedOf("ServiceRoute", { name: `r${index}`, namespace: "d" }, { serviceRef: { name: `s${index}` }, routers: ["one"], type: "Local", local: { interface: "lan0" } }));
  const router = parsedOf("Router", { name: "one" }, { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.0.0.1/8"] }] });
  return compile({ objects: [router, ...tenants, ...services, ...routes] }).routers.get("one")!;
}

function assemble(paged: PagedConfig, change: Partial<{ contents: Map<string, string>; pages: string[]; format: number }> = {}): ReturnType<typeof assembleConfig> {
  const contents = change.contents ?? new Map(paged.pages.map(({ name, content }) => [name, content]));
  return assembleConfig({ hash: paged.hash, pages: change.pages ?? paged.pages.map(({ name }) => name), format: change.format ?? 1 }, (name) => contents.get(name), sha256);
}

test.each(configs.map((config) => [config.name, config] as const))("%s comes back with the same bytes", (_name, config) => {
  const back = assemble(pageConfig(config, sha256));
  expect(back.ok && canonicalJson(back.value)).toBe(canonicalJson(config));
  expect(back.ok && back.value).toEqual(config);
});

test("routers with the same tenants share their page; names of pages are their content; equal input gives equal pages", () => {
  const pager = createPager(sha256);
  const [one, other] = [pager.page(configs[0]!), pager.page(configs[1]!)];
  expect(one.pages[0]?.name).toBe(other.pages[0]?.name);
  expect(one.hash).not.toBe(other.hash);
  expect(pager.page(configs[1]!)).toBe(other); // nobody pages twice in a row what did not change
  expect(one.pages.every(({ name, content }) => name === sha256(content))).toBe(true);
  expect(pageConfig(structuredClone(configs[0]!), sha256)).toEqual(one);
});

test("one edited line among thousands rewrites one page, and every page keeps to its bound", () => {
  const [before, after] = [pageConfig(many(3_000), sha256), pageConfig(many(3_000, 1_500), sha256)];
  const known = new Set(before.pages.map(({ name }) => name));
  expect(before.pages.length).toBeGreaterThan(10);
  expect(after.pages.filter(({ name }) => !known.has(name))).toHaveLength(1);
  expect(Math.max(...before.pages.map(({ content }) => content.length))).toBeLessThanOrEqual(pageBounds.most);
  const back = assemble(after);
  expect(back.ok && canonicalJson(back.value)).toBe(canonicalJson(many(3_000, 1_500)));
});

test("a line that is longer than a page is cut, and comes back", () => {
  const tenant = first.tenants[0]!;
  const config = { ...first, tenants: [{ ...tenant, name: "x".repeat(2 * pageBounds.most) }] };
  const paged = pageConfig(config, sha256);
  expect(Math.max(...paged.pages.map(({ content }) => content.length))).toBe(pageBounds.most);
  const back = assemble(paged);
  expect(back.ok && back.value).toEqual(config);
});

test("a line that does not fit any more begins the next page", () => {
  const lines = ["a", "b", "c"].map((letter) => `${letter.repeat(pageBounds.most / 2)}\n`);
  expect(cutLines(lines).map((text) => text.length)).toEqual([pageBounds.most / 2 + 1, pageBounds.most / 2 + 1, pageBounds.most / 2 + 1]);
});

test("lines cut anywhere are the same lines", () => {
  fc.assert(fc.property(fc.array(fc.string({ maxLength: 400 }).map((text) => `${text.replaceAll("\n", "")}\n`), { maxLength: 300 }), (lines) => {
    expect(cutLines(lines).join("")).toBe(lines.join(""));
  }));
});

test.each([
  ["a page that is missing", /is missing/, (paged: PagedConfig) => assemble(paged, { contents: new Map(paged.pages.slice(1).map(({ name, content }) => [name, content])) })],
  ["a page with another content", /not what its name says/, (paged: PagedConfig) => assemble(paged, { contents: new Map(paged.pages.map(({ name, content }) => [name, content.replace("acme", "acne")])) })],
  ["pages in another order", /not what its hash says/, (paged: PagedConfig) => assemble(paged, { pages: paged.pages.map(({ name }) => name).reverse() })],
  ["a page left out", /not what its hash says/, (paged: PagedConfig) => assemble(paged, { pages: paged.pages.slice(1).map(({ name }) => name) })],
  ["another format", /format 2/, (paged: PagedConfig) => assemble(paged, { format: 2 })],
])("%s is refused", (_desc, why, damaged) => {
  const result = damaged(pageConfig(first, sha256));
  expect(result.ok ? "accepted" : result.error).toMatch(why);
});

/** Pages with right names and any text in them, as somebody who may write RouterConfigs could make them. */
function forged(...contents: string[]): ReturnType<typeof assembleConfig> {
  const pages = contents.map((content) => ({ name: sha256(content), content }));
  return assemble({ pages, hash: sha256(pages.map(({ name }) => name).join("\n")) });
}

test.each([
  ["no line config", /line config is missing/, [""]],
  ["an unknown section", /section "wishes"/, ["config {}\nwishes {}\n"]],
  ["a line that is no JSON", /line of tenants is no object/, ["config {}\ntenants {\n"]],
  ["a line that is a list", /line of tenants is no object/, ["config {}\ntenants []\n"]],
  ["a line of nothing", /no section/, ["nothing"]],
])("text of somebody else: %s", (_desc, why, contents) => {
  const result = forged(...contents);
  expect(result.ok ? "accepted" : result.error).toMatch(why);
});

test("too many pages and too many characters are refused before they are read", () => {
  const names = Array.from({ length: pageBounds.pages + 1 }, () => sha256("config {}\n"));
  const huge = "x".repeat(1 << 26);
  const digest = (text: string): string => (text === huge ? "huge" : sha256(text));
  expect(assembleConfig({ hash: sha256(names.join("\n")), pages: names, format: 1 }, () => "config {}\n", sha256)).toMatchObject({ ok: false, error: expect.stringMatching(/more than 4096 pages/) as string });
  expect(assembleConfig({ hash: sha256("huge\nhuge\nhuge"), pages: ["huge", "huge", "huge"], format: 1 }, () => huge, digest)).toMatchObject({ ok: false, error: expect.stringMatching(/characters/) as string });
});

test("any text of any pages gives an answer", () => {
  fc.assert(fc.property(fc.array(fc.string(), { maxLength: 5 }), (contents) => {
    expect(typeof forged(...contents).ok).toBe("boolean");
  }));
});
