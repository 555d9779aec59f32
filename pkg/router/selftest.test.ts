// The self test of key exchange: when it runs, and that a router whose test fails exchanges keys with nobody.
import type { Log } from "../ports/log.ts";
import { createKeying } from "./keying.ts";
import type { KeyingOptions } from "./keying.ts";
import { createSelfTest } from "./selftest.ts";

const logTo = (lines: string[]): Log => ({ info: () => undefined, warn: () => undefined, error: (_fields, text) => { lines.push(text); } });

test("it runs once, when it is first asked, and says what is wrong", () => {
  const lines: string[] = [];
  let runs = 0;
  const test = createSelfTest(() => [`fault ${++runs}`], logTo(lines));
  expect(runs).toBe(0);
  expect([test.faults(), test.faults(), lines]).toEqual([["fault 1"], ["fault 1"], ["the self test of key exchange fails: keys are exchanged with nobody"]]);
  expect(createSelfTest(() => [], logTo(lines)).faults()).toEqual([]);
});

test.each([[[], 1], [["X25519 (RFC 7748) gives a wrong answer"], 0]] as const)("faults %j: %i messages of key exchange leave, and the alarm tells why none do", (faults, leave) => {
  const sent: unknown[] = [], lines: string[] = [];
  const identity = { name: "east", chain: [], serial: "01", notBefore: 0, notAfter: 1e15, authority: { name: "CN=a", key: "" }, sign: () => new Uint8Array(64) };
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
  const crypto = { x25519: () => ({ publicKey: bytes(32) }), mlkem: () => ({ publicKey: bytes(1184) }), random: bytes };
  const path = { key: "path/west", peer: "west", name: "internet", nexthop: "west", local: { family: 4, w0: 1, w1: 0, w2: 0, w3: 0 }, remote: { family: 4, w0: 2, w1: 0, w2: 0, w3: 0 } };
  const keying = createKeying({
    name: "east", clock: { monotonicMs: () => 1_000, unixMs: () => 1_000_000 }, random: { bytes }, log: logTo(lines), port: { onPacket: () => undefined }, datapath: { send: (packets: unknown[]) => { sent.push(...packets); } },
    keys: {}, count: () => undefined, tell: () => undefined, tellIdentity: () => undefined, tellRevoked: () => undefined, greet: () => undefined, changed: () => undefined, refusedChanged: () => undefined,
    tools: { crypto, self: () => ({ name: "east" }), judge: () => ({ ok: false }), certificates: () => [], faults: () => faults, identity: { current: () => identity, authorities: () => [], authorityFile: () => "", watch: () => ({ stop: () => undefined }), wanted: () => undefined } },
  } as unknown as KeyingOptions);
  keying.follow({ config: { peers: [{ name: "west", authentication: "certificate" }], paths: [path] }, ids: { "nexthop/west": 5 } } as never, {});
  keying.tick();
  expect([sent.length > 0 ? 1 : 0, lines.length, keying.alarms().map(({ name }) => name)]).toEqual([leave, 1 - leave, leave === 1 ? [] : ["exchange-self-test"]]);
});
