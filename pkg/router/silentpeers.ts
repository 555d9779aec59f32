// Which peers do not answer, as far as that is known: there is no BFD yet, so what is known is whether they answered a signed probe of path
// MTU discovery. Called by the app for its report.
import type { PathConfig, RouterConfig } from "../plan/config.ts";
import type { PathMtus } from "./pathmtus.ts";

/** silentPeersOf names the peers without a usable key, and those that have not answered on any path. Where nobody is asked (discovery is off), a key is enough. */
export function silentPeersOf({ peers, paths }: Pick<RouterConfig, "peers" | "paths">, { keys, verdictOf }: { keys: Readonly<Record<string, unknown>>; verdictOf: (path: PathConfig) => ReturnType<PathMtus["verdictOf"]> }): string[] {
  const answered = new Set(paths.filter((path) => ["found", "below-floor", "off"].includes(verdictOf(path))).map(({ peer }) => peer));
  return peers.map(({ name }) => name).filter((name) => !Object.hasOwn(keys, name) || !answered.has(name));
}
