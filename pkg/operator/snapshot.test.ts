// The objects in force as pages: after any edits the pages are those of a fresh start, what did not change is not made again, and a
// reader gets back what was in force.
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { apiVersion } from "../api/names.ts";
import { checkObject } from "../api/objectcheck.ts";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { routerConfigs } from "../api/resources.ts";
import { createCutting, pagesOf, readSnapshot, snapshotName, writeSnapshot } from "./snapshot.ts";
import { configMaps } from "./resources.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function tenant(number: number, version: number): ParsedObject {
  const checked = checkObject({ apiVersion, kind: "Tenant", metadata: { name: `t${number}` }, spec: { serviceNamespaces: { names: [`n${version}`] } } });
  if (!checked.ok) throw new Error(JSON.stringify(checked.findings));
  return { id: objectId(checked.object), object: checked.object };
}

const namesOf = (found: ReturnType<ReturnType<typeof createCutting>["cut"]>): string[] => [...found].flatMap(({ pages }) => pages);

test("after any edits the pages are those of a fresh cutting", () => {
  const edit = fc.record({ number: fc.nat(400), version: fc.option(fc.nat(3), { nil: undefined }) });
  fc.assert(fc.property(fc.array(fc.array(edit, { maxLength: 150 }), { minLength: 1, maxLength: 4 }), (edits) => {
    const cutting = createCutting(sha256), accepted = new Map<string, ParsedObject>();
    for (const batch of edits) {
      for (const { number, version } of batch) {
        const one = tenant(number, version ?? 0);
        if (version === undefined) accepted.delete(one.id);
        else accepted.set(one.id, one);
      }
      expect(namesOf(cutting.cut(accepted.values()))).toEqual(namesOf(createCutting(sha256).cut([...accepted.values()].reverse())));
    }
  }), { numRuns: 40 });
});

test("one object that changed makes the text of its neighbours anew, and of nobody else", () => {
  let texts = 0;
  const cutting = createCutting((text) => { texts += 1; return sha256(text); });
  const accepted = new Map(Array.from({ length: 3_000 }, (_, number) => tenant(number, 0)).map((one) => [one.id, one]));
  const before = namesOf(cutting.cut(accepted.values())), first = texts;
  const one = tenant(1_234, 1);
  accepted.set(one.id, one);
  const after = namesOf(cutting.cut(accepted.values()));
  expect(first).toBeGreaterThan(10);
  expect(texts - first).toBeLessThan(5); // the pages around it
  expect(after.filter((name) => !before.includes(name))).toHaveLength(1);
});

test("what was written is read back, and written again with one page more when one object changed", async () => {
  const kube = new MemoryKube();
  const parts = { kube, namespace: "opensvr", pages: kube.follow(routerConfigs), sha256, leads: () => true, unnamed: new Map<string, number>(), cutting: createCutting(sha256), turn: () => Promise.resolve() };
  const accepted = new Map(Array.from({ length: 500 }, (_, number) => tenant(number, 0)).map((one) => [one.id, one]));
  const pages = async (): Promise<string[]> => pagesOf(await kube.get(configMaps, { namespace: "opensvr", name: snapshotName }));
  await writeSnapshot(parts, accepted.values());
  const before = await pages();
  const one = tenant(77, 1);
  accepted.set(one.id, one);
  await writeSnapshot(parts, accepted.values());
  expect((await pages()).filter((name) => !before.includes(name))).toHaveLength(1);
  const back = await readSnapshot(parts);
  expect(back.map(({ id, object }) => [id, object])).toEqual([...accepted.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, object }) => [id, object]));
});
