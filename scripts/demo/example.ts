// The configuration that the demo runs: the example of the documentation with keys made for this run. Called by main.ts and
// by the test that compiles the example; reads the example and writes one new folder, nothing else.
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
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

const KEY_BYTES = 32; // protocol 15.4 asks for at least as many

/** Keys are the pre-shared keys of a run: secrets, made for it and worthless after it. */
export type Keys = Record<LinkName, Uint8Array>;

/** createKeys makes fresh keys. */
export function createKeys(random: (count: number) => Uint8Array): Keys {
  return { "branch-transit": random(KEY_BYTES), "transit-cloud": random(KEY_BYTES) };
}

/** writeExample copies the example to a folder and puts the keys beside it, readable by their owner only. */
export function writeExample(folder: string, keys: Keys): void {
  mkdirSync(join(folder, "keys"), { recursive: true, mode: 0o700 });
  for (const file of exampleFiles()) cpSync(join(exampleFolder, file), join(folder, file));
  for (const [link, key] of Object.entries(keys)) writeFileSync(join(folder, "keys", `${link}.psk`), `${toHex(key)}\n`, { mode: 0o600 });
}

/** exampleFiles lists the YAML files of the example. */
export function exampleFiles(): string[] {
  return readdirSync(exampleFolder).filter((name) => name.endsWith(".yaml")).sort();
}
