// A first body that node:crypto opens is what the engine sealed, and nothing else is opened.
import fc from "fast-check";
import { fromHex } from "../base/bytes.ts";
import { payloadKeys } from "../svr/payload.ts";
import { Protect } from "../svr/session.ts";
import { nodeHkdf } from "./hkdf.ts";
import { peekBody } from "./payloadbody.ts";
import { openProtect } from "./protect.ts";
import { openProtectBodies } from "./protectbodies.ts";

const uuid = fromHex("3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061")!, ref = { index: 1, uuid };
const key = Uint8Array.from({ length: 32 }, (_, index) => 0x40 + index);

describe.each([1, 2] as const)("suite %i", (suite) => {
  const store = openProtect(4), bodies = openProtectBodies(store.handle);
  store.session({ ref, protect: Protect.sealFwd | Protect.bodyFwd, peers: [0, 1], body: { suite, keyIndex: 7, ...payloadKeys(nodeHkdf, key) } });
  afterAll(() => { bodies.close(); store.close(); });
  const sealed = (body: Uint8Array): Uint8Array => (bodies.run([{ ref, direction: 0, opens: false, body }], 1)[0] as { value: Uint8Array }).value;
  const peek = (body: Uint8Array, change: Partial<Parameters<typeof peekBody>[0]["key"]> = {}, of = uuid): ReturnType<typeof peekBody> => peekBody({ key: { suite, index: 7, key, ...change }, uuid: of, body });

  test("8.2 any body comes back", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 1_500 }), (body) => {
      expect(peek(sealed(body))).toEqual({ ok: true, value: body });
    }), { numRuns: 50 });
  });

  test("8.2 a short one, and one of another key index, are refused; GCM knows each bit and its session", () => {
    const body = sealed(Uint8Array.from({ length: 40 }, (_, index) => index)), failed = { ok: false, error: "decrypt-failure" };
    for (let length = 0; length < 24; length++) expect(peek(body.subarray(0, length))).toEqual(failed);
    expect(peek(body, { index: 8 })).toEqual(failed);
    if (suite === 1) return expect(peek(body.subarray(0, body.length - 1))).toEqual(failed); // whole blocks; its integrity is the tag of the packet
    expect(peek(body, {}, new Uint8Array(16))).toEqual(failed);
    for (let bit = 8; bit < body.length * 8; bit += 7) {
      const bent = body.slice();
      bent[bit >> 3]! ^= 1 << (bit & 7);
      expect(peek(bent)).toEqual(failed);
    }
  });
});
