// A dry turn says how long encrypted bodies would be and tells the store of keys nothing.
import { ok } from "../base/result.ts";
import { dryProtection } from "./dryprotection.ts";
import type { Protection, ProtectTools } from "./protection.ts";

const ref = { index: 0xffffffff, uuid: new Uint8Array(16) }, direction = { key: new Uint8Array(32), salt: new Uint8Array(8) };
function refuses(): never {
  throw new Error("the store was told");
}

test("lengths are those of the suite, and neither store nor counters are touched", () => {
  const real = { keys: { peer: refuses, session: refuses, end: refuses }, bodies: { run: refuses, close: refuses }, hkdf: {}, peek: () => ok(new Uint8Array(1)) } as unknown as ProtectTools;
  const { tools, kept, mayAsk } = dryProtection({ tools: real } as Protection);
  const lengths = ([0, 1, 2] as const).map((suite) => {
    tools?.keys.session({ ref, protect: 1, peers: [0, 9], ...(suite > 0 && { body: { suite: suite as 1 | 2, keyIndex: 0, forward: direction, reverse: direction } }) });
    return tools?.bodies.run([{ ref, direction: 0, opens: false, body: new Uint8Array(20) }, { ref, direction: 0, opens: true, body: new Uint8Array(7) }], 1).map((one) => (one.ok ? one.value.length : one.error));
  });
  expect([lengths, kept.of(ref.uuid), mayAsk(1, 2)]).toEqual([[[20, 7], [40, 7], [44, 7]], undefined, false]);
  expect(dryProtection({} as Protection).tools).toBeUndefined();
});
