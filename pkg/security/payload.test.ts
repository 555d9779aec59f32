// Bodies of protected sessions: the vectors of protocol 16.3 with AES of node:crypto, lengths, and the window of counters against a set.
import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { fromHex, toHex } from "../base/bytes.ts";
import { cbcIvInput, gcmAad, gcmNonce, PAYLOAD_WINDOW, payloadKeys, PayloadWindow, protectedGrowth, protectedLength, readFrame, trainShift, writeFrame } from "../svr/payload.ts";
import { nodeHkdf } from "./hkdf.ts";

const key = Uint8Array.from({ length: 32 }, (_, at) => 0x40 + at);
const uuid = fromHex("3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061")!;
const { forward, reverse } = payloadKeys(nodeHkdf, key);
const frame = writeFrame({ index: 1, position: 0, counter: 1 });
const ping = new TextEncoder().encode("ping");

test("16.3 keys of a direction, IV, nonce and both bodies", () => {
  expect([toHex(forward.key), toHex(forward.salt)]).toEqual(["b5ad886bb960093c7c490ab9530bd6bc0473de00cf4184cf10919e15266b2133", "d48f73d2630080a1"]);
  expect([toHex(reverse.key) === toHex(forward.key), toHex(reverse.salt) === toHex(forward.salt)]).toEqual([false, false]);
  const ecb = createCipheriv("aes-256-ecb", forward.key, null).setAutoPadding(false);
  const iv = ecb.update(cbcIvInput(frame, forward.salt));
  expect(toHex(iv)).toBe("ef17d0b47df8a35aa85a9e8e5dff0645");
  const cbc = createCipheriv("aes-256-cbc", forward.key, iv);
  expect(toHex(frame) + Buffer.concat([cbc.update(ping), cbc.final()]).toString("hex")).toBe("0100000000000001f287f43a2992944ab4765ab574817093");
  const nonce = gcmNonce(frame, forward.salt);
  expect(toHex(nonce)).toBe("d48f73d20100000000000001");
  const gcm = createCipheriv("aes-256-gcm", forward.key, nonce).setAAD(gcmAad(uuid, 0, frame));
  expect(toHex(frame) + Buffer.concat([gcm.update(ping), gcm.final(), gcm.getAuthTag()]).toString("hex")).toBe("0100000000000001d4560bb8403f44c2d4a162ecc6485b02ecaeff7b");
  expect(toHex(gcmAad(uuid, 1, frame)).slice(32, 34)).toBe("01");
});

test("F is read back; one without room is none", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 2 ** 51 - 1 }), (index, position, counter) => {
    expect(readFrame(writeFrame({ index, position, counter }), 0)).toEqual({ index, position, counter });
  }));
  expect(readFrame(new Uint8Array(8), 1)).toBeUndefined();
  expect(toHex(writeFrame({ index: 0x12, position: 1, counter: 1 }))).toBe("1208000000000001");
});

test("a segment of a train is moved by what those before it have grown", () => {
  expect(trainShift({ position: 3 }, 40)).toBe(120);
  expect([trainShift({ position: 0 }, 40), trainShift(undefined, 40)]).toEqual([0, 0]);
});

test("lengths on the wire, never more than the growth that MSS and MTU count", () => {
  expect([0, 1, 15, 16, 17].map((length) => protectedLength(1, length))).toEqual([0, 24, 24, 40, 40]);
  expect([0, 1, 16].map((length) => protectedLength(2, length))).toEqual([0, 25, 40]);
  expect(protectedLength(0, 9)).toBe(9);
  expect([[0, false], [0, true], [1, true], [2, true], [1, false]].map(([suite, everyPacket]) => protectedGrowth({ suite: suite as 0, everyPacket: everyPacket as boolean }))).toEqual([0, 16, 40, 40, 40]);
  fc.assert(fc.property(fc.integer({ min: 0, max: 9_000 }), fc.constantFrom(1 as const, 2 as const), (length, suite) => {
    expect(protectedLength(suite, length) + 16 - length).toBeLessThanOrEqual(protectedGrowth({ suite, everyPacket: true }));
  }));
});

test("S-5 the window: 1,023 behind is taken once, 1,024 behind and 0 never", () => {
  const window = new PayloadWindow();
  expect([window.take(2_000), window.take(2_000 - 1_023), window.take(2_000 - 1_023), window.take(2_000 - 1_024), window.take(0)]).toEqual([true, true, false, false, false]);
});

test("S-5 the window takes exactly what a set of all counters would", () => {
  const step = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1e12, max: 1e12 + 2_000 }));
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (counters) => {
    const window = new PayloadWindow(), seen = new Set<number>();
    let highest = 0;
    for (const counter of counters) {
      const isNew = counter > highest - PAYLOAD_WINDOW && !seen.has(counter);
      expect(window.take(counter)).toBe(isNew);
      seen.add(counter);
      highest = Math.max(highest, counter);
    }
  }), { numRuns: 300 });
});
