// A RouterConfig as text in pages that are named by their content, and back. Routers that have a part in common share its pages, and
// an edit of one line rewrites the page around it: borders depend on the lines beside them and on nothing before. Called by the
// operator, which writes pages, and by routers, which read them. Pure: the digest is passed in. Reading is total.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { canonicalJson } from "./canonical.ts";
import type { RouterConfig } from "./config.ts";

/** PagedConfig is a configuration as pages; `hash` names the pages in their order, and so the whole. */
export interface PagedConfig {
  hash: string;
  pages: { name: string; content: string }[];
}

/** Head is what a router is told: the hash, and the pages in their order. */
export interface PageHead { hash: string; pages: readonly string[]; format: number }

/** Digest gives the SHA-256 of a text as 64 hex digits. */
export type Digest = (text: string) => string;

/** Pager makes pages; it remembers the text of what it has written, for as long as that lives, and the last configuration it was asked for. */
export interface Pager { page(config: RouterConfig): PagedConfig }

/** pageBounds: most characters of a page, and from how many on it may end; most pages and characters of a configuration. */
export const pageBounds = { most: 262_144, least: 16_384, pages: 4_096, characters: 134_217_728 } as const;

/** Lists first that routers have in common. The rest of a configuration is one line of its own, "config". */
const shared = ["tenants", "services"] as const;
const own = ["interfaces", "locals", "nexthops", "members", "routes", "peers", "paths", "natPools", "staticNats", "sessionTypes"] as const;
type Section = (typeof shared)[number] | (typeof own)[number];
const sections: ReadonlySet<string> = new Set<Section>([...shared, ...own]);

/** createPager makes a pager. */
export function createPager(sha256: Digest): Pager {
  const texts = new WeakMap<object, string>();
  const groups = new WeakMap<object, PagedConfig["pages"]>();
  const lineOf = (section: Section, item: object): string => {
    const known = texts.get(item) ?? `${section} ${canonicalJson(item)}\n`;
    texts.set(item, known);
    return known;
  };
  const linesOf = (config: RouterConfig, section: Section): string[] => (config[section] ?? []).map((item) => lineOf(section, item));
  const pagesOf = (lines: readonly string[]): PagedConfig["pages"] => cutLines(lines).map((content) => ({ name: sha256(content), content }));
  const groupOf = (config: RouterConfig, section: Section): PagedConfig["pages"] => {
    const list = config[section] ?? [];
    const known = groups.get(list) ?? pagesOf(linesOf(config, section));
    groups.set(list, known);
    return known;
  };
  let last: { config: RouterConfig; paged: PagedConfig } | undefined;
  return {
    page(config) {
      if (last?.config === config) return last.paged;
      const rest = Object.fromEntries(Object.entries(config).filter(([field]) => !sections.has(field)));
      const pages = [...shared.flatMap((section) => groupOf(config, section)), ...pagesOf([`config ${canonicalJson(rest)}\n`, ...own.flatMap((section) => linesOf(config, section))])];
      const paged = { hash: hashOf(pages.map(({ name }) => name), sha256), pages };
      last = { config, paged };
      return paged;
    },
  };
}

/** pageConfig makes the pages of one configuration. */
export function pageConfig(config: RouterConfig, sha256: Digest): PagedConfig {
  return createPager(sha256).page(config);
}

/** assembleConfig puts a configuration together again and checks every hash; the error says what is missing or not what it should be. */
export function assembleConfig(head: PageHead, contentOf: (name: string) => string | undefined, sha256: Digest): Result<RouterConfig, string> {
  if (head.format !== 1) return fail(`format ${head.format} is not one that this version reads (1)`);
  if (head.pages.length > pageBounds.pages) return fail(`there are more than ${pageBounds.pages} pages`);
  if (hashOf(head.pages, sha256) !== head.hash) return fail("the list of pages is not what its hash says");
  const contents: string[] = [];
  let characters = 0;
  for (const name of head.pages) {
    const content = contentOf(name);
    if (content === undefined) return fail(`page ${name} is missing`);
    if (sha256(content) !== name) return fail(`page ${name} is not what its name says`);
    characters += content.length;
    if (characters > pageBounds.characters) return fail(`the pages have more than ${pageBounds.characters} characters`);
    contents.push(content);
  }
  return parseLines(contents.join("").split("\n"));
}

/**
 * cutLines puts lines together to texts of some ten thousand characters. A text ends where the line before says so by its own hash, so that
 * borders behind an edit are where they were; a line that is longer than a page is cut as it comes.
 */
export function cutLines(lines: readonly string[]): string[] {
  const texts: string[] = [];
  let open: string[] = [];
  let size = 0;
  const close = (): void => {
    if (size > 0) texts.push(...cutText(open.join("")));
    open = [];
    size = 0;
  };
  for (const line of lines) {
    if (size > 0 && size + line.length > pageBounds.most) close();
    open.push(line);
    size += line.length;
    if (size >= pageBounds.least && isBorder(line)) close();
  }
  close();
  return texts;
}

function cutText(text: string): string[] {
  if (text.length <= pageBounds.most) return [text];
  return Array.from({ length: Math.ceil(text.length / pageBounds.most) }, (_, index) => text.slice(index * pageBounds.most, (index + 1) * pageBounds.most));
}

const everyLines = 64; // of a kilobyte and less, so that a page is some tens of kilobytes

/** isBorder tells whether a line is one after which a text may end: one of 64, by its own hash (FNV-1a). */
export function isBorder(line: string): boolean {
  let hash = 0x811c9dc5;
  for (let index = 0; index < line.length; index += 1) hash = Math.imul(hash ^ line.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % everyLines === 0;
}

function hashOf(names: readonly string[], sha256: Digest): string {
  return sha256(names.join("\n"));
}

function parseLines(lines: readonly string[]): Result<RouterConfig, string> {
  const lists = new Map<string, object[]>([...shared, ...own].map((section) => [section, []]));
  let rest: object | undefined;
  for (const line of lines) {
    if (line === "") continue;
    const space = line.indexOf(" ");
    const section = line.slice(0, Math.max(space, 0));
    const value = parsed(line.slice(space + 1));
    if (value === undefined) return fail(`a line of ${section === "" ? "no section" : section} is no object`);
    if (section === "config") rest = value;
    else if (sections.has(section)) lists.get(section)?.push(value);
    else return fail(`section ${JSON.stringify(section.slice(0, 32))} is not one that this version reads`);
  }
  if (rest === undefined) return fail("the line config is missing");
  if (lists.get("sessionTypes")?.length === 0) lists.delete("sessionTypes"); // absent when there is none
  return ok({ ...Object.fromEntries(lists), ...rest } as unknown as RouterConfig); // the hash was right: it is what the compiler wrote
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined; // told by the caller
  }
}
