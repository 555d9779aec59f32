// Loses packets that leave a device, by a rule: with or without metadata, by protocol and flags, from the n-th on, at random.
// Counts what it selected and dropped, so that tests assert on what happened, not on what was asked. Called by tests.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { frameTool } from "./frames.ts";
import type { Net } from "./net.ts";

/** DropRule selects packets; all parts must hold. */
export interface DropRule {
  metadata?: "with" | "without";
  /** IP protocol */
  proto?: number;
  /** TCP flags that must all be set */
  flags?: number;
  /** bytes of the IP packet at least */
  shortest?: number;
  /** let the first ones pass, default 0 */
  skip?: number;
  /** drop at most so many, default no limit */
  count?: number;
  /** chance of each, default 1 */
  chance?: number;
}

/** Dropped is what the program did since the rule was set. */
export interface Dropped { selected: number; dropped: number }

/** Dropper is the program on one device. */
export class Dropper {
  readonly #net: Net;
  readonly #node: string;
  readonly #pins: string;

  constructor(net: Net, node: string, pins: string) {
    this.#net = net;
    this.#node = node;
    this.#pins = pins;
  }

  /** set puts a rule in force and counts from zero; no rule: nothing is dropped. */
  async set(rule?: DropRule): Promise<void> {
    const { metadata, proto = 0, flags = 0, shortest = 0, skip = 0, count = 0xffffffff, chance = 1 } = rule ?? { count: 0 };
    const cookie = metadata === undefined ? 0 : metadata === "with" ? 1 : 2;
    await this.#update("rules", [0, 0, 0, 0, 0, 0, 0]);
    await this.#update("counts", [0, 0, 0, 0]);
    await this.#update("rules", [cookie, proto, flags, shortest, skip, count, Math.round(chance * 1_000_000)]);
  }

  async #update(map: string, words: readonly number[]): Promise<void> {
    const bytes = words.flatMap((word) => [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]).map(String);
    await this.#net.must(this.#node, "bpftool", "map", "update", "pinned", join(this.#pins, map), "key", "0", "0", "0", "0", "value", ...bytes);
  }

  /** seen gives the counters. */
  async seen(): Promise<Dropped> {
    const text = await this.#net.must(this.#node, "bpftool", "-j", "map", "lookup", "pinned", join(this.#pins, "counts"), "key", "0", "0", "0", "0");
    const { value } = JSON.parse(text) as { value: string[] };
    const word = (at: number): number => value.slice(at, at + 6).reduceRight((sum, byte) => sum * 256 + Number(byte), 0);
    return { selected: word(0), dropped: word(8) };
  }
}

let number = 0;

/** openDropper puts the program on packets that leave a device; it drops nothing until a rule is set. */
export async function openDropper(net: Net, node: string, device: string): Promise<Dropper> {
  const pins = join(net.run.pins, `drop-${++number}`);
  mkdirSync(pins, { recursive: true });
  await net.must(node, "bpftool", "prog", "load", frameTool("drop.bpf.o"), join(pins, "program"), "type", "classifier", "pinmaps", pins);
  await net.must(node, "tc", "qdisc", "add", "dev", device, "clsact");
  await net.must(node, "tc", "filter", "add", "dev", device, "egress", "bpf", "direct-action", "pinned", join(pins, "program"));
  return new Dropper(net, node, pins);
}
