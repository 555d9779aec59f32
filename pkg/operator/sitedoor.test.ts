// Who may ask the site endpoint: who has a token is limited by it alone, strangers share a rate, tokens are read once a second at most.
import { createHash } from "node:crypto";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { siteTokensName, tokenKey } from "../api/sitetoken.ts";
import type { SiteToken } from "../api/sitetoken.ts";
import { secrets } from "./resources.ts";
import { createSiteDoor } from "./sitedoor.ts";

const namespace = "opensvr", address = "192.0.2.1";
const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");
const tokenOf = (number: number, secret = `secret ${number}`): SiteToken => ({ id: String(number).padStart(16, "0"), secret, pin: "" });

async function open(tokens: number[]): Promise<{ door: ReturnType<typeof createSiteDoor>; reads: () => number; pass(ms: number): void; put(numbers: number[]): Promise<void> }> {
  const kube = new MemoryKube(), get = kube.get.bind(kube);
  let reads = 0, nowMs = 0;
  kube.get = (...of) => { reads++; return get(...of); };
  const dataOf = (numbers: number[]): Record<string, string> => Object.fromEntries(numbers.map((number) => [tokenKey(tokenOf(number).id), Buffer.from(JSON.stringify({ router: "a", hash: hashOf(`secret ${number}`), endsMs: 1 })).toString("base64")]));
  const metadata = { namespace, name: siteTokensName };
  await kube.create(secrets, { apiVersion: "v1", kind: "Secret", metadata, data: dataOf(tokens) });
  return {
    door: createSiteDoor({ kube, namespace, signer: { isSecret: (secret, hash) => hashOf(secret) === hash }, clock: { monotonicMs: () => nowMs } }), reads: () => reads, pass: (ms) => { nowMs += ms; },
    put: async (numbers) => { await kube.replace(secrets, { ...(await get(secrets, metadata))!, data: dataOf(numbers) }); },
  };
}

test("strangers take nothing from who has a token, nor tokens from each other", async () => {
  const { door } = await open([1, 2]);
  const tally = async (many: number, token: SiteToken | undefined, from = address): Promise<string> => {
    const all: string[] = [];
    while (all.length < many) all.push(await door({ token, address: from }));
    return all.join(" ");
  };
  expect(await tally(12, tokenOf(3))).toBe(`${"stranger ".repeat(10)}wait wait`);
  expect(await tally(12, tokenOf(1, "guessed"))).toBe(`${"wait ".repeat(11)}wait`);
  for (let number = 2; number < 20; number++) await tally(10, undefined, `192.0.2.${number}`);
  expect(await tally(1, undefined, "198.51.100.1")).toBe("wait"); // all of them together
  expect(await tally(12, tokenOf(1))).toBe(`${"holder ".repeat(10)}wait wait`);
  expect(await tally(1, tokenOf(2))).toBe("holder");
});

test("tokens are read when one is not known, once a second at most; a new one is found then, a deleted one is a holder's until then", async () => {
  const { door, reads, pass, put } = await open([1]);
  expect(await Promise.all([9, 9, 9, 9, 1].map((number) => door({ token: tokenOf(number), address })))).toEqual(["stranger", "stranger", "stranger", "stranger", "holder"]); // all wait for the one who reads
  expect([await door({ token: tokenOf(1), address }), reads()]).toEqual(["holder", 1]);
  await put([2]);
  expect([await door({ token: tokenOf(2), address }), reads()]).toEqual(["stranger", 1]);
  pass(1_000);
  expect([await door({ token: tokenOf(2), address }), await door({ token: tokenOf(1), address }), reads()]).toEqual(["holder", "stranger", 2]);
});

test("that tokens cannot be read is told to who asks, once a second at most", async () => {
  const { kube, ...parts } = { kube: new MemoryKube(), namespace, signer: { isSecret: () => false }, now: 0 };
  const door = createSiteDoor({ ...parts, kube, clock: { monotonicMs: () => parts.now } });
  kube.get = () => Promise.reject(new Error("away"));
  await expect(door({ token: tokenOf(1), address })).rejects.toThrow("away");
  expect(await door({ token: tokenOf(1), address })).toBe("stranger");
});
