// Which numbers of names can be given back: against the rule that a name finds the number it has, whatever was removed.
import fc from "fast-check";
import type { BpfMap } from "./maps.ts";
import { createNameTable } from "./names.ts";
import { unusedNames } from "./nameuse.ts";

/** The pinned map in memory. */
function memoryMap(): { map: BpfMap; known(): Map<number, string> } {
  const entries = new Map<number, Uint8Array>();
  const idOf = (key: Uint8Array): number => new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const unused = (): never => { throw new Error("not asked here"); };
  const map: BpfMap = {
    handle: undefined as never, keySize: 4, valueSize: 256, entries: 65_535, cpus: 0, used: () => 0, dump: unused, update: unused, close: () => undefined,
    lookup: (key) => entries.get(idOf(key)),
    claim: ({ key, value }) => !entries.has(idOf(key)) && entries.set(idOf(key), value).size > 0,
    delete: (keys) => { for (const key of keys) entries.delete(idOf(key)); },
  };
  const text = (value: Uint8Array): string => new TextDecoder().decode(value.subarray(0, value.indexOf(0)));
  return { map, known: () => new Map([...entries].map(([id, value]) => [id, text(value)])) };
}

/** Names whose numbers collide, so that some stand behind others: their hashes are close to each other. */
function crowded(count: number): string[] {
  const hash = (name: string): number => [...new TextEncoder().encode(name)].reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5) % 65_535;
  const names: string[] = [];
  for (let n = 0; names.length < count; n++) if (hash(`tenant/${n}`) < 6) names.push(`tenant/${n}`);
  return names;
}

test("any names and users: what is used keeps its number and finds it again from nothing; what is given back can be taken", () => {
  const names = crowded(24);
  fc.assert(fc.property(fc.shuffledSubarray(names, { minLength: 8 }), fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }), (order, uses) => {
    const { map, known } = memoryMap();
    const before = createNameTable(map);
    const numbers = new Map(order.map((name) => [name, before.nameId(name)]));
    const used = new Set(order.filter((_name, index) => uses[index]).map((name) => numbers.get(name) ?? 0));
    const unused = unusedNames(known(), used);
    expect(unused.filter((id) => used.has(id))).toEqual([]);
    map.delete(unused.map((id) => new Uint8Array(Uint32Array.of(id).buffer)));
    const after = createNameTable(map);
    for (const name of names) after.nameId(name); // new ones take what is free
    for (const [name, id] of numbers) if (used.has(id)) expect([after.nameId(name), after.nameOf(id)]).toEqual([id, name]);
    expect(new Set(names.map((name) => after.nameId(name))).size).toBe(names.length);
    expect(new Set(known().values()).size).toBe(known().size); // no name has two numbers
  }), { numRuns: 300 });
});

test("without users all numbers are given back", () => {
  const { map, known } = memoryMap();
  const table = createNameTable(map);
  for (const name of crowded(8)) table.nameId(name);
  expect(unusedNames(known(), new Set([70_000])).length).toBe(8);
});
