// What an authority in a cluster may be: one with a key that routers believe, alone or below others; everything else signs nothing and says what
// to do. Chains are judged as a peer judges them.
import { createAuthority } from "../../test/support/ca.ts";
import type { TestAuthority } from "../../test/support/ca.ts";
import { makeRequest, makeServer } from "./authority.ts";
import { authorityOf, pemCertificates, verifyChain } from "./chain.ts";
import { createRouterSigner } from "./routersigner.ts";
import * as x509 from "./x509.ts";

const root = await createAuthority(), signer = createRouterSigner();
const { request } = await makeRequest("r1", "Ed25519");
const hour = 3_600_000;

async function sign(authority: { certificate: string; key: string }, nowMs = Date.now()): Promise<string> {
  return (await signer.sign(authority, { request, router: "r1", lifeMs: hour, nowMs })).certificate;
}

function believed(chain: string, { der }: TestAuthority): unknown {
  const peer = verifyChain(pemCertificates(chain) ?? [], { authorities: [der], revoked: new Set() }, Date.now());
  return peer.ok ? peer.value.name : peer.error;
}

test.each(["Ed25519", "ECDSA"] as const)("an authority that stands alone, %s, signs one certificate", async (key) => {
  const alone = await createAuthority("alone", key), chain = await sign(alone.signer);
  expect([pemCertificates(chain)?.length, believed(chain, alone)]).toEqual([1, "r1"]);
});

test("one below others gives its whole chain, without the top, whether that stands in the Secret or not", async () => {
  const below = await (await root.below("a", { key: "ECDSA" })).below("b");
  for (const certificate of [below.signer.certificate, `${below.signer.certificate}${root.pem}\n`]) {
    const chain = await sign({ ...below.signer, certificate });
    expect([pemCertificates(chain)?.length, believed(chain, root)]).toEqual([3, "r1"]);
  }
});

const bad: [string, () => Promise<{ certificate: string; key: string }>, RegExp][] = [
  ["with an RSA key", async () => (await createAuthority("rsa", "RSA")).signer, /of a kind that no router believes.*privateKey.algorithm Ed25519, or ECDSA with size 256/],
  ["with a P-384 key", async () => (await createAuthority("p384", "P-384")).signer, /of a kind that no router believes/],
  ["below one with an RSA key", async () => {
    const rsa = await root.below("rsa", { key: "RSA" });
    return (await rsa.below("b")).signer;
  }, /\(authority-key\).*Ed25519 or ECDSA P-256 key/],
  ["with the key of another", async () => ({ certificate: root.pem, key: (await createAuthority()).signer.key }), /\(wrong-authority\).*certificate of the key first/],
  ["that is no authority", async () => { const { pem, keyPem } = await root.issue("r2"); return { certificate: pem, key: keyPem }; }, /\(wrong-authority\)/],
  ["whose chain is in another order", async () => {
    const below = await (await root.below("a")).below("b");
    return { ...below.signer, certificate: [...below.signer.certificate.match(/-----BEGIN[^]+?END CERTIFICATE-----\n/g) ?? []].reverse().join("") };
  }, /\(wrong-authority\)/],
  ["below one that allows nothing below it", async () => (await (await root.below("a", { pathLength: 0 })).below("b")).signer, /\(too-long\).*path length/],
  ["below one that has ended", async () => (await (await root.below("a", { notAfter: Date.now() - hour })).below("b")).signer, /\(expired\).*trust both/],
  ["without a certificate", () => Promise.resolve({ certificate: "none", key: root.signer.key }), /holds no certificates in PEM/],
  ["without a key", () => Promise.resolve({ certificate: root.pem, key: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n" }), /holds no private key in PEM/],
];

test.each(bad)("an authority %s signs nothing", async (_what, of, words) => {
  const signing = sign(await of());
  await expect(signing).rejects.toMatchObject({ code: "SVR_AUTHORITY", message: expect.stringMatching(words) as string });
  await expect(signing).rejects.not.toMatchObject({ message: expect.stringContaining("c2VjcmV0") as string });
});

test("the endpoint of sites serves no certificate of a key of another kind", async () => {
  await expect(makeServer((await createAuthority("rsa", "RSA")).signer, { name: "site", days: 1, nowMs: Date.now() })).rejects.toMatchObject({ code: "SVR_AUTHORITY" });
});

test("a certificate tells who signed it: name and key, so that two authorities of one name are two", async () => {
  const keyOf = (certificate: string): string | undefined => new x509.X509Certificate(certificate).getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const authorities = [await signer.create(Date.now()), await signer.create(Date.now())];
  const told = await Promise.all(authorities.map(async (one) => authorityOf(pemCertificates(await sign(one))![0]!)));
  expect(told).toEqual(authorities.map(({ certificate }) => ({ name: "CN=OpenSVR routers", key: keyOf(certificate) })));
  expect([told[0]?.key.length, told[0]?.key === told[1]?.key]).toEqual([40, false]);
  expect(authorityOf((await root.issue("r1")).chain[0]!)).toEqual({ name: "CN=test authority", key: "" }); // it does not say
});
