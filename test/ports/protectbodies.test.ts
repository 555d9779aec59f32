// The conformance suite of engines that protect packets, on single bodies: the vectors of protocol 16.3, and that shards and workers count together, see each other's copies, and know
// the key before.
import { fromHex, toHex } from "../../pkg/base/bytes.ts";
import { Protect } from "../../pkg/svr/session.ts";
import type { BodyJob, ProtectBodies } from "../../pkg/ports/protect.ts";
import { nodeHkdf } from "../../pkg/security/hkdf.ts";
import type { ProtectEngine } from "../../pkg/security/protectengine.ts";
import { protectEngines } from "../support/engines.ts";

const NOW = 1_767_225_600;
const uuid = fromHex("3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061")!, ref = { index: 3, uuid };
const utf8 = new TextEncoder(), ping = utf8.encode("ping");
const keysOf = (secret: Uint8Array) => (direction: string): { key: Uint8Array; salt: Uint8Array } => ({
  key: nodeHkdf.expand(secret, utf8.encode(`svr1 payload ${direction}`), 32), salt: nodeHkdf.expand(secret, utf8.encode(`svr1 salt ${direction}`), 8),
});
const first = keysOf(Uint8Array.from({ length: 32 }, (_, i) => 0x40 + i)), second = keysOf(new Uint8Array(32).fill(9));
const job = (opens: boolean, body: Uint8Array, more: Partial<BodyJob> = {}): BodyJob => ({ ref, direction: 0, opens, body, ...more });

describe.each(protectEngines)("$name", ({ make }) => {
  interface Router { store: ProtectEngine; shards: ProtectBodies[]; key(index: number, of?: typeof first): void }
  const open: Router[] = [];
  afterEach(() => {
    for (const { store, shards } of open.splice(0)) {
      for (const shard of shards) shard.close();
      store.close();
    }
  });

  function router(suite: 1 | 2): Router {
    const { engine: store, bodies } = make(8);
    const made: Router = {
      store, shards: [bodies(), bodies()],
      key: (keyIndex, of = first) => {
        store.session({ ref, protect: Protect.sealFwd | Protect.bodyFwd, peers: [0, 9], body: { suite, keyIndex, forward: of("fwd"), reverse: of("rev") } });
      },
    };
    made.key(1);
    open.push(made);
    return made;
  }

  const value = (results: ReturnType<ProtectBodies["run"]>): (string | Uint8Array)[] => results.map((result) => result.ok ? result.value : result.error);
  const one = (shard: ProtectBodies, what: BodyJob): string => {
    const [result] = value(shard.run([what], NOW));
    return typeof result === "string" ? result : toHex(result!);
  };
  const sealed = (shard: ProtectBodies, body = ping): Uint8Array => fromHex(one(shard, job(false, body)))!;

  describe.each([{ suite: 1 as const, hex: "0100000000000001f287f43a2992944ab4765ab574817093" }, { suite: 2 as const, hex: "0100000000000001d4560bb8403f44c2d4a162ecc6485b02ecaeff7b" }])("suite $suite", ({ suite, hex }) => {
    test("the body of protocol 16.3, and back", () => {
      const [here, there] = [router(suite), router(suite)];
      expect(one(here.shards[0]!, job(false, ping))).toBe(hex);
      expect(one(there.shards[0]!, job(true, fromHex(hex)!))).toBe(toHex(ping));
    });

    test("two threads never use one counter, and each knows what the other has seen", () => {
      const [here, there] = [router(suite), router(suite)];
      const bodies = Array.from({ length: 300 }, (_, i) => sealed(here.shards[i % 2]!));
      expect(new Set(bodies.map((body) => toHex(body.subarray(0, 8)))).size).toBe(300);
      expect(value(there.shards[0]!.run(bodies.map((body) => job(true, body)), NOW))).toEqual(bodies.map(() => ping));
      expect(value(there.shards[1]!.run(bodies.map((body) => job(true, body)), NOW))).toEqual(bodies.map(() => "replay-payload"));
    });

    test("S-5 1,023 behind the newest is accepted once, 1,024 behind is not", () => {
      const [here, there] = [router(suite), router(suite)];
      const bodies = Array.from({ length: 1026 }, () => sealed(here.shards[0]!));
      const judge = (number: number): string => one(there.shards[0]!, job(true, bodies[number]!));
      expect([judge(1025), judge(2), judge(2), judge(1)]).toEqual([toHex(ping), toHex(ping), "replay-payload", "replay-payload"]);
    });

    test("the key before is accepted beside the new one, which begins to count anew", () => {
      const [here, there] = [router(suite), router(suite)];
      const before = sealed(here.shards[0]!);
      for (const one of [here, there]) one.key(2, second);
      const after = sealed(here.shards[0]!);
      expect(toHex(after.subarray(0, 8))).toBe("0200000000000001");
      expect([one(there.shards[0]!, job(true, after)), one(there.shards[0]!, job(true, before))]).toEqual([toHex(ping), toHex(ping)]);
    });

    test("8.2 the key before is accepted for 120 s and no longer", () => {
      const [here, there] = [router(suite), router(suite)];
      const [soon, late] = [sealed(here.shards[0]!), sealed(here.shards[0]!)], now = Math.floor(Date.now() / 1000);
      there.key(2, second);
      expect([now + 118, now + 125].map((seconds, index) => value(there.shards[0]!.run([job(true, [soon, late][index]!)], seconds))[0])).toEqual([ping, "decrypt-failure"]);
    });

    test("an older key that is said again does not come back", () => {
      const { shards: [shard], key } = router(suite);
      key(2, second);
      key(1);
      expect(toHex(sealed(shard!).subarray(0, 8))).toBe("0200000000000001");
      key(129, second); // 127 ahead on 8 bits
      expect(toHex(sealed(shard!).subarray(0, 8))).toBe("8100000000000001");
      key(1, second); // 128: nobody can tell
      expect(toHex(sealed(shard!).subarray(0, 8))).toBe("8100000000000002");
    });

    test("the reverse direction counts from the time, so that who is given a key again never says a counter twice", () => {
      const started = BigInt(Math.floor(Date.now() / 1000) - 1_577_836_800) << 20n, { shards: [shard] } = router(suite);
      const counter = BigInt(`0x${one(shard!, job(false, ping, { direction: 1 })).slice(2, 16)}`);
      expect(counter > started && counter < started + (60n << 20n)).toBe(true);
    });

    test("empty stays empty; short, another key index, another session: named", () => {
      const { shards: [shard] } = router(suite);
      expect(value(shard!.run([
        job(false, new Uint8Array()), job(true, new Uint8Array()), job(true, new Uint8Array(9)), job(true, new Uint8Array(24).fill(7)),
        job(false, ping, { ref: { index: 4, uuid } }), job(false, ping, { ref: { index: 3, uuid: new Uint8Array(16) } }), job(false, ping, { ref: { index: 8, uuid } }),
      ], NOW))).toEqual([new Uint8Array(), new Uint8Array(), "decrypt-failure", "decrypt-failure", "no-key", "no-key", "no-key"]);
      expect(shard!.run([], NOW)).toEqual([]);
    });

    test("the other direction has its own keys", () => {
      const [here, there] = [router(suite), router(suite)];
      const body = sealed(here.shards[0]!);
      const result = one(there.shards[0]!, job(true, body, { direction: 1 }));
      expect(result).not.toBe(toHex(ping)); // CBC has its integrity from the tag of the packet
    });
  });
});
