// Chains of certificates: what is believed, and why the rest is not. S-8.
import { createPrivateKey, sign, webcrypto, X509Certificate } from "node:crypto";
import { createAuthority } from "../../test/support/ca.ts";
import type { IssueOptions, Issued } from "../../test/support/ca.ts";
import type { Trust } from "../ports/identity.ts";
import { judgeChain } from "./kxidentity.ts";
import { pemCertificates, splitCertificates, verifyChain } from "./chain.ts";
import * as x509 from "./x509.ts";

const clientAuth = "1.3.6.1.5.5.7.3.2", serverAuth = "1.3.6.1.5.5.7.3.1", codeSigning = "1.3.6.1.5.5.7.3.3";
const now = Date.now(), day = 86_400_000;
const ca = await createAuthority();
const trust: Trust = { authorities: [ca.der], revoked: new Set() };
const told = ({ chain }: Pick<Issued, "chain">, by = trust, at = now): string => {
  const result = verifyChain(chain, by, at);
  return result.ok ? `is ${result.value.name}` : result.error;
};

test.each(["Ed25519", "ECDSA"] as const)("S-8 a certificate with a key of %s is believed, and what it signed", async (key) => {
  const issued = await ca.issue("west", { key });
  const result = verifyChain(issued.chain, trust, now);
  if (!result.ok) throw new Error(result.error);
  const data = new Uint8Array([1, 2, 3]), signature = new Uint8Array(sign(key === "Ed25519" ? null : "sha256", data, issued.keyPem));
  expect([result.value.name, result.value.serial, result.value.verify(data, signature), result.value.verify(new Uint8Array([1, 2, 4]), signature), result.value.verify(data, new Uint8Array(3))]).toEqual(["west", issued.serial, true, false, false]);
  expect([result.value.ed25519?.length, Math.abs(result.value.notAfter - now - 90 * day) < 10_000]).toEqual([key === "Ed25519" ? 32 : undefined, true]);
});

test.each<[string, IssueOptions, string]>([
  ["expired", { notBefore: now - 2 * day, notAfter: now - day }, "expired"], ["not yet valid", { notBefore: now + day }, "not-yet-valid"],
  ["no name", { uris: [] }, "wrong-name"], ["two names", { uris: ["urn:svr:router:west", "urn:svr:router:east"] }, "wrong-name"], ["a name of another kind", { uris: ["urn:svr:west"] }, "wrong-name"],
  ["a name that no router can have", { uris: ["urn:svr:router:We st"] }, "wrong-name"], ["an empty name", { uris: ["urn:svr:router:"] }, "wrong-name"],
  ["a usage that is not signing", { usages: x509.KeyUsageFlags.keyEncipherment }, "key-usage"], ["an authority itself", { isAuthority: true }, "key-usage"], ["a key of RSA", { key: "RSA" }, "key-type"],
  ["a name of a machine beside the router's", { names: [{ type: "dns", value: "west.example.com" }] }, "wrong-name"], ["an address beside the router's name", { names: [{ type: "ip", value: "192.0.2.1" }] }, "wrong-name"],
  ["a person beside the router's name", { names: [{ type: "email", value: "a@example.com" }] }, "wrong-name"], ["the name of a machine that reads like a router's", { uris: [], names: [{ type: "dns", value: "urn:svr:router:west" }] }, "wrong-name"],
  ["the same name twice", { uris: ["urn:svr:router:west", "urn:svr:router:west"] }, "wrong-name"], ["two lists of names", { isNamedTwice: true }, "malformed"],
  ["a certificate for signing code", { purposes: [codeSigning] }, "key-usage"], ["one for routers and for signing code", { purposes: [clientAuth, codeSigning] }, "key-usage"], ["one for every purpose", { purposes: ["2.5.29.37.0"] }, "key-usage"],
  ["a key on P-384", { key: "P-384" }, "key-type"], ["a key on P-521", { key: "P-521" }, "key-type"],
  ["revoked", { serial: "0bad" }, "revoked"],
])("S-8 %s is not believed", async (_what, options, problem) => {
  expect(told(await ca.issue("west", options), { ...trust, revoked: new Set(["0bad"]) })).toBe(problem);
});

test("S-8 a certificate for clients and servers, as many authorities issue them, is believed", async () => {
  expect(told(await ca.issue("west", { purposes: [clientAuth, serverAuth] }))).toBe("is west");
});

test.each(["RSA", "P-384", "P-521"] as const)("S-8 an authority with a key of %s is not believed, neither at the end of a chain nor in it", async (key) => {
  const other = await createAuthority("other", key), below = await ca.below("below", { key }), mended = await below.below("mended");
  const by = { authorities: [ca.der, other.der], revoked: new Set<string>() };
  expect([told(await other.issue("west"), by), told(await below.issue("west"), by), told(await mended.issue("west"), by)]).toEqual(["authority-key", "authority-key", "authority-key"]);
});

test("S-8 a signature with SHA-1 is not believed, with SHA-384 it is", async () => {
  const other = await createAuthority("other", "ECDSA"), by = { authorities: [other.der], revoked: new Set<string>() };
  expect([told(await other.issue("west", { hash: "SHA-1" }), by), told(await (await other.below("below", { key: "ECDSA", hash: "SHA-1" })).issue("west"), by), told(await other.issue("west", { hash: "SHA-384" }), by)]).toEqual(["authority-key", "authority-key", "is west"]);
});

test("S-8 an authority below that may sign code only signs no router; one that may sign for servers too does", async () => {
  const [code, both] = [await ca.below("code", { purposes: [codeSigning] }), await ca.below("both", { purposes: [codeSigning, serverAuth] })];
  expect([told(await code.issue("west")), told(await both.issue("west"))]).toEqual(["wrong-authority", "is west"]);
});

test("S-8 chains: through authorities below, with the authority along, of another authority, too long, with a stranger in between", async () => {
  const below = await ca.below("below"), deep = await (await below.below("deeper")).below("deepest"), strict = await ca.below("strict", { pathLength: 0 });
  const other = await createAuthority("test authority"); // of the same name, with another key
  const west = await ca.issue("west"), farther = await below.issue("west");
  expect([told(farther), told({ chain: [...west.chain, ca.der] }), told(await deep.issue("west"))]).toEqual(["is west", "is west", "is west"]);
  expect(told(await (await deep.below("last")).issue("west"))).toBe("too-long");
  expect([told(await other.issue("west")), told({ chain: [ca.der] }), told({ chain: [west.chain[0]!, farther.chain[1]!] })]).toEqual(["wrong-authority", "wrong-authority", "wrong-authority"]);
  expect([told(await strict.issue("west")), told(await (await strict.below("under")).issue("west"))]).toEqual(["is west", "too-long"]);
  expect(told(await (await ca.below("no usage", { usages: x509.KeyUsageFlags.digitalSignature })).issue("west"))).toBe("wrong-authority");
  expect(told({ chain: [farther.chain[0]!, west.chain[0]!] })).toBe("wrong-authority"); // a router signs no router
  expect(told(farther, { ...trust, revoked: new Set([new x509.X509Certificate(farther.chain[1]!).serialNumber]) })).toBe("revoked");
  expect([told(west, trust, now + 91 * day), told(west, { authorities: [], revoked: new Set() })]).toEqual(["expired", "wrong-authority"]);
});

test("bytes that are no certificates are malformed or untrusted, whatever they are", async () => {
  const [der] = (await ca.issue("west")).chain as [Uint8Array];
  expect([told({ chain: [] }), told({ chain: [new Uint8Array(9)] }), told({ chain: [new Uint8Array(20_000)] })]).toEqual(["malformed", "malformed", "too-long"]);
  for (let at = 0; at < der.length; at++) {
    const bent = Uint8Array.from(der);
    bent[at]! ^= 0x41;
    expect(told({ chain: [bent] })).not.toContain("is ");
  }
});

test("S-8 a certificate that carries another one as text is neither of them: nobody borrows a name", async () => {
  const algorithm: webcrypto.Algorithm = { name: "Ed25519" };
  const genuine = await ca.issue("west"), forger = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as webcrypto.CryptoKeyPair;
  const forged = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "01", name: "CN=east", notBefore: new Date(now - day), notAfter: new Date(now + day), keys: forger, signingAlgorithm: { name: "Ed25519" },
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true), new x509.SubjectAlternativeNameExtension([{ type: "url", value: "urn:svr:router:east" }]),
      new x509.Extension("1.2.3.4", false, new TextEncoder().encode(`\n${genuine.pem}\n`)),
    ],
  });
  const der = new Uint8Array(forged.rawData), text = new TextEncoder().encode(genuine.pem), trailed = new Uint8Array([...genuine.chain[0]!, 0]);
  expect(new X509Certificate(der).checkPrivateKey(createPrivateKey(genuine.keyPem))).toBe(true); // what makes it dangerous: node:crypto sees the other one
  for (const one of [der, text, trailed]) expect([told({ chain: [one] }), told({ chain: [one, ...genuine.chain] })]).toEqual(["malformed", "malformed"]);
  for (const one of [der, text]) expect(splitCertificates(one)).toBeUndefined();
});

test("certificates that stand one after the other are told apart", async () => {
  const { chain } = await (await ca.below("below")).issue("west");
  expect([splitCertificates(Buffer.concat(chain)), splitCertificates(Buffer.concat([...chain, new Uint8Array(2)])), splitCertificates(new Uint8Array(0)), splitCertificates(new Uint8Array(3))]).toEqual([chain, undefined, [], undefined]);
  expect(splitCertificates(Buffer.concat(Array<Uint8Array>(9).fill(chain[0]!)))).toHaveLength(6);
});

test("B2 a chain of strangers costs hardly anything: what anybody may send is judged by its end first", async () => {
  const other = await createAuthority("other"), { chain } = await (await (await other.below("a")).below("b")).issue("west"), joined = Buffer.concat(chain), good = Buffer.concat((await ca.issue("west")).chain);
  const spent = (work: () => void): number => {
    work();
    const before = process.cpuUsage();
    for (let count = 0; count < 100; count++) work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 100;
  };
  const fresh = (bytes: Uint8Array): string => { const judged = judgeChain(Uint8Array.from(bytes), trust, now); return judged.ok ? judged.value.name : judged.error; };
  const borrowed = Buffer.concat([...chain, good]); // anybody who asks is shown the certificate of a router
  const ofStrangers = Math.max(spent(() => { expect(fresh(joined)).toBe("wrong-authority"); }), spent(() => { expect(fresh(borrowed)).toBe("wrong-authority"); }));
  const ofPeers = spent(() => { expect(fresh(good)).toBe("west"); });
  const again = Uint8Array.from(good), ofPeersAgain = spent(() => { expect(judgeChain(again, trust, now).ok).toBe(true); });
  expect([ofStrangers < ofPeers, ofPeersAgain < ofPeers]).toEqual([true, true]); // three certificates for less than one that is read
  expect(judgeChain(again, trust, now + 91 * day)).toEqual({ ok: false, error: "expired" });
});

test("PEM texts", () => {
  expect([pemCertificates(`x\n${ca.pem}\n${ca.pem}`)?.length, pemCertificates("nothing"), pemCertificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]).toEqual([2, undefined, undefined]);
});
