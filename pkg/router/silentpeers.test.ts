// Peers that do not answer, from what discovery of path MTUs found out.
import type { PathConfig } from "../plan/config.ts";
import { silentPeersOf } from "./silentpeers.ts";

test("a peer is silent without a key, and while no path of it was answered; where nobody asks, a key is enough", () => {
  const path = (key: string): PathConfig => ({ key, peer: key.slice(0, 1) } as PathConfig);
  const verdicts = { "a/1": "silent", "a/2": "found", "b/1": "silent", "c/1": "searching", "d/1": "below-floor", "e/1": "off", "f/1": "found" } as const;
  const config = { peers: ["a", "b", "c", "d", "e", "f", "g"].map((name) => ({ name })) as never, paths: Object.keys(verdicts).map(path) };
  expect(silentPeersOf(config, { keys: { a: 1, b: 1, c: 1, d: 1, e: 1, g: 1 }, verdictOf: ({ key }) => verdicts[key as keyof typeof verdicts] })).toEqual(["b", "c", "f", "g"]);
});
