// The kept corpus: inputs by their bytes with the outcome that they must have, and seeds of runs that once failed. What a fuzz run
// finds is added here, so that it is tried in every run from then on; a line is never changed to please a parser.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex } from "../../pkg/base/bytes.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { checkSanity } from "../../pkg/svr/sanity.ts";
import { readAlone, writeAndRead } from "./decoding.ts";
import { describeDifference, runDifferential } from "./differential.ts";

const folder = join(import.meta.dirname, "corpus");

/** Lines `outcome hex`; `#` begins a remark. */
function linesOf(name: string): { outcome: string; data: Uint8Array }[] {
  return readFileSync(join(folder, name), "utf8").split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const [outcome = "", hex = ""] = line.split(" ");
    const data = fromHex(hex);
    if (data === undefined) throw new Error(`${name}: ${line} is not hex`);
    return { outcome, data };
  });
}

const seeds = JSON.parse(readFileSync(join(folder, "seeds.json"), "utf8")) as { differential: number[] };

test("W-6 each kept input of the metadata parser has the outcome it had, and comes back when it is written", () => {
  const kept = linesOf("metadata.txt");
  expect(new Set(kept.map((one) => one.outcome))).toEqual(new Set(["value", "metadata-malformed", "metadata-unknown-critical"]));
  for (const { outcome, data } of kept) {
    expect(readAlone(data)).toBe(outcome);
    expect(writeAndRead(data)).not.toBe(false);
  }
});

test("each kept packet is read, or refused for the same reason", () => {
  const kept = linesOf("packets.txt");
  expect(kept.length).toBeGreaterThan(20);
  for (const { outcome, data } of kept) {
    const packet = parsePacket(data);
    const sane = packet.ok ? checkSanity(packet.value) : undefined;
    expect(packet.ok ? sane ?? "good" : packet.error).toBe(outcome);
  }
});

test.each(seeds.differential)("seed %i: eBPF and the model agree", async (seed) => {
  const { difference, packets } = await runDifferential({ packets: 1000, seed });
  if (difference !== undefined) throw new Error(describeDifference(difference, seed));
  expect(packets).toBe(1000);
}, 60_000);
