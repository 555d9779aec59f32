// Links between documents: a relative link of a Markdown file leads to a file or folder of the repository. Pure function over
// sources; links to other places are not followed.
import { posix } from "node:path";
import type { Source } from "./source.ts";

/** checkLinks lists relative links that lead nowhere. */
export function checkLinks(sources: readonly Source[]): string[] {
  const paths = sources.map((file) => file.path);
  const exists = (path: string): boolean => paths.some((one) => one === path || one.startsWith(`${path}/`));
  return sources.filter((file) => file.path.endsWith(".md")).flatMap((file) => targetsOf(file.text).flatMap((target) => {
    const path = posix.normalize(posix.join(posix.dirname(file.path), target)).replace(/\/$/, "");
    return exists(path) ? [] : [`${file.path}: ${target} leads nowhere`];
  }));
}

function targetsOf(text: string): string[] {
  const prose = text.replaceAll(/^[ \t]*```[\s\S]*?^[ \t]*```/gm, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => (match[1] ?? "").replace(/#.*$/, "")).filter((target) => target !== "" && !/^[a-z]+:/.test(target));
}
