// Compiled configurations over a restart: the newest and the one before it, with their pages, on disk and at hand. Called by
// clustersource.ts; a disk that refuses is told once and tried again, and never keeps a configuration from force.
import type { CompiledHead, CompiledState, CompiledStore } from "../ports/config.ts";
import type { Log } from "../ports/log.ts";
import { configOf } from "./clusterhead.ts";
import { createDiskWriter } from "./diskwriter.ts";
import type { Held } from "./clustersource.ts";

/** CompiledKeeper remembers pages and what is on disk. */
export interface CompiledKeeper {
  /** what is on disk and may be put in force, newest first; never rejects */
  recall(): Promise<Held[]>;
  /** pages of the configurations that were kept last, by name */
  pages(): ReadonlyMap<string, string>;
  /** writes these heads with their pages and forgets others; never rejects */
  keep(heads: readonly CompiledHead[], pages: ReadonlyMap<string, string>): Promise<void>;
  /** writes again what could not be written; never rejects */
  retry(): Promise<void>;
  troubles(): string[];
}

/** createCompiledKeeper makes a keeper over a store. */
export function createCompiledKeeper({ disk, log, ...of }: { disk: CompiledStore; log: Log; name: string; version: string }): CompiledKeeper {
  let pages: ReadonlyMap<string, string> = new Map();
  const writer = createDiskWriter<CompiledState>({ what: "the configuration", log, write: (state) => disk.write(state) });
  return {
    async recall() {
      try {
        const state = await disk.read();
        pages = state?.pages ?? pages;
        return (state?.heads ?? []).flatMap((head) => {
          const config = configOf(head, pages, of);
          if (!config.ok) log.error({ configuration: head.hash, why: config.error }, "a configuration on disk cannot be used");
          return config.ok ? [{ head, reading: { config: config.value, objects: [], problems: [] } }] : [];
        });
      } catch (error) {
        log.error({ error }, "the configuration on disk cannot be used; the router waits for the API server");
        return [];
      }
    },
    pages: () => pages,
    keep(heads, all) {
      pages = new Map(heads.flatMap((head) => head.pages).flatMap((page) => { const content = all.get(page); return content === undefined ? [] : [[page, content] as const]; }));
      return writer.write({ heads, pages });
    },
    retry: () => writer.retry(),
    troubles: () => [writer.trouble()].flatMap((trouble) => (trouble === undefined ? [] : [`the configuration is not kept on disk, a restart without API server would go back: ${trouble}`])),
  };
}
