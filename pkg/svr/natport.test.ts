// The order of source NAT ports is complete and differs between sessions.
import fc from "fast-check";
import { addressOfWords } from "../base/address.ts";
import { NAT_PORT_COUNT, NatFailures, natHash, natPorts, natSeed } from "./natport.ts";

const target = { local: addressOfWords(4, 1), remote: addressOfWords(4, 2), remotePort: 443, proto: 6 };

test("N-1 a target has 49,151 ports", () => {
  expect(NAT_PORT_COUNT).toBe(49_151);
});

test("N-1 every order holds each port of 16384-65534 once and nothing else", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (seed) => {
    const ports = [...natPorts(seed)];
    expect(ports).toHaveLength(NAT_PORT_COUNT);
    expect(new Set(ports).size).toBe(NAT_PORT_COUNT);
    expect(Math.min(...ports.slice(0, 1000))).toBeGreaterThanOrEqual(16384);
    expect(ports.every((port) => port >= 16384 && port <= 65534)).toBe(true);
  }), { numRuns: 20 });
});

test("N-1 orders of two sessions toward one target differ, and the same seed gives the same order", () => {
  const hash = natHash(7, target);
  const first = [...natPorts(natSeed(hash, 1))];
  expect([...natPorts(natSeed(hash, 1))]).toEqual(first);
  const second = [...natPorts(natSeed(hash, 2))];
  expect(second.filter((port, at) => port === first[at]).length).toBeLessThan(50);
});

test("N-1 filling a target to the last port takes few tries a session until it is nearly full", () => {
  const taken = new Set<number>();
  const hash = natHash(7, target);
  let tries = 0;
  for (let session = 0; session < 46_000; session++) {
    for (const port of natPorts(natSeed(hash, session))) {
      tries++;
      if (!taken.has(port)) { taken.add(port); break; }
    }
  }
  expect(taken.size).toBe(46_000);
  expect(tries / 46_000).toBeLessThan(4); // honest random choice: ln(1 / 0.064) / 0.936 = 2.9
});

test("N-1 the first choices spread over the range", () => {
  const quarters = [0, 0, 0, 0];
  for (let nonce = 0; nonce < 4_000; nonce++) {
    const port = natPorts(natSeed(99, nonce)).next().value as number;
    quarters[Math.floor((port - 16384) / 12_288)]!++;
  }
  for (const count of quarters) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test("N-7 each part of the target changes its hash, and so does the secret", () => {
  const others = [
    { ...target, local: addressOfWords(4, 9) }, { ...target, remote: addressOfWords(6, 2, 0, 0, 1) },
    { ...target, remotePort: 444 }, { ...target, proto: 17 },
  ];
  const hashes = [natHash(7, target), natHash(8, target), ...others.map((other) => natHash(7, other))];
  expect(new Set(hashes).size).toBe(hashes.length);
});

test("N-1 an exhausted target is refused at once for the hold time, others are not", () => {
  const failures = new NatFailures(16, 1_000);
  expect(failures.isExhausted(0, 0)).toBe(false);
  failures.note(21, 5_000);
  expect([failures.isExhausted(21, 5_999), failures.isExhausted(21, 6_000), failures.isExhausted(37, 5_500)]).toEqual([true, false, false]);
  failures.note(37, 5_500); // displaces 21: same slot
  expect([failures.isExhausted(21, 5_600), failures.isExhausted(37, 5_600)]).toEqual([false, true]);
});
