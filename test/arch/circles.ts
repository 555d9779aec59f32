// No file imports itself by a detour: what is below can be read, tested and changed without what is above. Imports of types alone
// do not count, they are gone at run time. Pure functions over sources; circles.test.ts runs them.
import { posix } from "node:path";
import { importsOf } from "./layers.ts";
import type { Source } from "./source.ts";

/** checkCircles lists circles of imports at run time, each once, as `a.ts > b.ts > a.ts`. */
export function checkCircles(sources: readonly Source[]): string[] {
  const known = new Set(sources.map((file) => file.path));
  const imports = new Map(sources.map((file) => [file.path, importsOf(file)
    .filter(({ name, typeOnly }) => !typeOnly && name.startsWith("."))
    .map(({ name }) => posix.join(posix.dirname(file.path), name)).filter((path) => known.has(path))]));
  const found: string[] = [], done = new Set<string>(), way: string[] = [];
  const walk = (path: string): void => {
    const start = way.indexOf(path);
    if (start >= 0) found.push([...way.slice(start), path].join(" > "));
    if (start >= 0 || done.has(path)) return;
    way.push(path);
    for (const next of imports.get(path) ?? []) walk(next);
    way.pop();
    done.add(path);
  };
  for (const path of known) walk(path);
  return found;
}
