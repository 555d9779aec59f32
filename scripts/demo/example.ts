// The configuration that the demo runs: the example of the documentation, with pre-shared keys made for this run or, without them, for
// routers that know each other by certificate. Called by scene.ts and by the test that compiles the example; writes one new folder, nothing else.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../pkg/base/bytes.ts";

/** exampleFolder is where the example lies that README and the guide refer to. */
export const exampleFolder: string = join(import.meta.dirname, "../../deploy/examples/three-routers");

/** routerNames lists the routers of the example from the first to the last of a session. */
export const routerNames = ["branch", "transit", "cloud"] as const;
/** RouterName is one of them. */
export type RouterName = (typeof routerNames)[number];

/** LinkName is a link between two routers: their names in that order, joined. */
export type LinkName = "branch-transit" | "transit-cloud";

/** Pair is two routers that share a pre-shared key. */
export interface Pair { link: LinkName; routers: readonly [RouterName, RouterName] }

/** pairs lists the neighbours. */
export const pairs: readonly Pair[] = [
  { link: "branch-transit", routers: ["branch", "transit"] },
  { link: "transit-cloud", routers: ["transit", "cloud"] },
];

/** pairOf names the routers at the ends of a link. */
export function pairOf(link: LinkName): Pair["routers"] {
  const pair = pairs.find((one) => one.link === link);
  if (pair === undefined) throw new Error(`there is no link ${link}`);
  return pair.routers;
}

const KEY_BYTES = 32; // protocol 15.4 asks for at least as many

/** Keys are the pre-shared keys of a run: secrets, made for it and worthless after it. */
export type Keys = Record<LinkName, Uint8Array>;

/** createKeys makes fresh keys. */
export function createKeys(random: (count: number) => Uint8Array): Keys {
  return { "branch-transit": random(KEY_BYTES), "transit-cloud": random(KEY_BYTES) };
}

/** writeExample copies the example to a folder and puts the keys beside it, readable by their owner only; without keys its peers are known by certificate. */
export function writeExample(folder: string, keys: Keys | undefined): void {
  mkdirSync(join(folder, "keys"), { recursive: true, mode: 0o700 });
  for (const file of exampleFiles()) {
    const text = readFileSync(join(exampleFolder, file), "utf8");
    writeFileSync(join(folder, file), keys === undefined ? byCertificate(text) : text);
  }
  for (const [link, key] of Object.entries(keys ?? {})) writeFileSync(join(folder, "keys", `${link}.psk`), `${toHex(key)}\n`, { mode: 0o600 });
}

/** A peer without a pre-shared key says by certificate who it is. */
function byCertificate(text: string): string {
  return text.replace(/^ *psk: .*\n/gm, "");
}

/** exampleFiles lists the YAML files of the example. */
export function exampleFiles(): string[] {
  return readdirSync(exampleFolder).filter((name) => name.endsWith(".yaml")).sort();
}
