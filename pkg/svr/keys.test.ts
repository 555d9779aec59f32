// Keys and epochs: the vectors of protocol 16 with an HKDF of its own (RFC 5869), special values, order of epochs.
import { createHmac } from "node:crypto";
import { concatBytes, toHex } from "../base/bytes.ts";
import { acceptedEpochs, acceptedLater, epochAt, sendEpoch, skewEpochs } from "./epoch.ts";
import { deriveKeys, equalKeyIds, firstCounter, pskKeys, type Hkdf, type PeerKeys } from "./keys.ts";

const hmac = (key: Uint8Array, data: Uint8Array): Uint8Array => new Uint8Array(createHmac("sha256", key).update(data).digest());
const hkdf: Hkdf = {
  extract: (salt, secret) => hmac(salt, secret),
  expand: (prk, info, length) => hmac(prk, concatBytes(info, Uint8Array.of(1))).slice(0, length),
};
const psk = Uint8Array.from({ length: 32 }, (_, index) => index);
const named = (sender: string, receiver: string): PeerKeys => {
  const keys = pskKeys(hkdf, psk, { sender, receiver, generation: 1 });
  if (!keys.ok) throw new Error(keys.error);
  return keys.value;
};

describe("keys", () => {
  test.each([
    ["east", "west", "e6b4c9d8", "badfa490e639c817", "fc76db74f5a53ee86b188ea4afb35764027dc69f09d115eb8ed162b7b91af3ad", "30743c3c9dbda4bca57c7733c742e46c7725107568994355c94f356898a32379"],
    ["west", "east", "f4f7a6fc", "904586fed7020c7a", "d864b2ff9eaf352afd078133b55e0038cc4c330bc13f2e161af819a1fa1d6943", "6fb85644b0321dc36c87301e58618086850f3a46475d88df4451958731fe2d4a"],
  ])("W-5 keys of protocol 16, %s to %s", (sender, receiver, keyId, salt, hmacKey, meta) => {
    const keys = named(sender, receiver);
    expect([keys.keyId.toString(16), toHex(keys.salt), toHex(keys.hmac), toHex(keys.meta)]).toEqual([keyId, salt, hmacKey, meta]);
    expect(toHex(hkdf.extract(new TextEncoder().encode("svr-psk-v1"), psk))).toBe("1f59972bec96086af3c6751195fc76f7d9c1481be9756a09353aa137775e3118");
  });

  test("a derived key id of 0 becomes 1, another generation gives other keys", () => {
    const zero: Hkdf = { extract: () => new Uint8Array(32), expand: (_prk, _info, length) => new Uint8Array(length) };
    expect(pskKeys(zero, psk, { sender: "a", receiver: "b", generation: 1 })).toMatchObject({ ok: true, value: { keyId: 1 } });
    const prk = hkdf.extract(new Uint8Array(1), psk);
    const [first, second] = [0, 1].map((generation) => deriveKeys(hkdf, prk, { sender: "a", receiver: "b", generation, keyId: 9 }));
    expect([first?.keyId, toHex(first!.hmac) === toHex(second!.hmac)]).toEqual([9, false]);
  });

  test("31 bytes are too short", () => {
    expect(pskKeys(hkdf, psk.subarray(1), { sender: "a", receiver: "b", generation: 1 })).toEqual({ ok: false, error: "psk-short" });
  });

  test("two equal inbound ids are found", () => {
    const [east, west] = [named("east", "hub"), named("west", "hub")];
    expect(equalKeyIds([east, west])).toBeUndefined();
    expect(equalKeyIds([east, west, { ...west, sender: "north" }])).toEqual([west, { ...west, sender: "north" }]);
  });

  test("counters start at unix seconds x 2^24, senders never meet", () => {
    expect(firstCounter(1767225600, 0)).toBe(1767225600n * 2n ** 24n);
    expect(firstCounter(1767225600, 3) - firstCounter(1767225600, 2)).toBe(2n ** 56n);
    expect(firstCounter(0xffffffff, 0) < 2n ** 56n).toBe(true);
  });
});

describe("epochs", () => {
  test("an epoch is two seconds", () => {
    expect([epochAt(1767225600), epochAt(1767225601.9), epochAt(1767225602)]).toEqual([883612800, 883612800, 883612801]);
    expect((883612800).toString(16)).toBe("34aadc80");
  });
  test.each([["disabled", 0], ["regular", 0], ["time-based", 77]] as const)("tags of mode %s", (mode, epoch) => {
    expect(sendEpoch(mode, 77)).toBe(epoch);
  });
  test.each([
    ["regular", 77, 5, [0]], ["time-based", 77, 1, [77, 76, 78]], ["time-based", 77, 3, [77, 76, 78, 75, 79, 74, 80]], ["time-based", 0, 1, [0, 0xffffffff, 1]],
  ] as const)("mode %s at %i, window %i", (mode, epoch, window, expected) => {
    expect(acceptedEpochs(mode, epoch, window)).toEqual(expected);
  });
  test.each([
    ["time-based", 1000, 1000, 1, [1000, 999, 1001]], ["time-based", 996, 1000, 1, [996, 995, 997]], ["time-based", 995, 1000, 1, [995, 996]],
    ["time-based", 994, 1000, 1, [995]], ["time-based", 993, 1000, 1, []], ["time-based", 0xfffffffe, 2, 1, [0xfffffffe, 0xfffffffd, 0xffffffff]], ["regular", 10, 1000, 1, [0]],
  ] as const)("mode %s, arrived at %i and judged at %i, window %i", (mode, arrived, epoch, window, expected) => {
    expect(acceptedLater(mode, { arrived, epoch }, window)).toEqual(expected);
  });
  test("skew is looked for outside the window, up to 30 away", () => {
    const epochs = skewEpochs(1000, 2);
    expect([epochs.slice(0, 4), epochs.length, Math.min(...epochs), Math.max(...epochs)]).toEqual([[997, 1003, 996, 1004], 56, 970, 1030]);
    expect(epochs.some((epoch) => acceptedEpochs("time-based", 1000, 2).includes(epoch))).toBe(false);
  });
});
