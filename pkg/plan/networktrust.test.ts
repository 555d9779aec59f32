// What a network believes goes into every configuration, once, and takes nothing away that an object of a router says.
import type { RouterConfig, TrustConfig } from "./config.ts";
import { noTrust, sameTrust, withNetworkTrust } from "./networktrust.ts";

const config = (trust?: TrustConfig): RouterConfig => ({ name: "r1", ...(trust !== undefined && { trust }) }) as unknown as RouterConfig;

test("authorities of the network come behind those of the router, serial numbers in their order, each once", () => {
  const network = { authorities: ["A", "B"], revoked: ["0e", "0f"] };
  expect(withNetworkTrust(config(), network).trust).toEqual({ authorities: ["A", "B"], revoked: ["0e", "0f"] });
  expect(withNetworkTrust(config(), { ...network, issuer: "key" }).trust).toEqual({ ...network, issuer: "key" });
  expect(withNetworkTrust(config({ authorities: ["own", "A"], revoked: ["0d", "0f"], failSoft: true }), network).trust).toEqual({ authorities: ["own", "A", "B"], revoked: ["0d", "0e", "0f"], failSoft: true });
});

test("the configuration is the same one where nothing is added, and another one where something is", () => {
  const one = config({ authorities: ["A"], revoked: ["0f"] }), plain = config();
  expect([withNetworkTrust(one, noTrust) === one, withNetworkTrust(one, { authorities: ["A"], revoked: ["0f"] }) === one, withNetworkTrust(plain, noTrust) === plain]).toEqual([true, true, true]);
  for (const more of [{ ...noTrust, authorities: ["B"] }, { ...noTrust, revoked: ["0e"] }, { ...noTrust, issuer: "key" }]) expect(withNetworkTrust(one, more)).not.toBe(one);
  expect(one.trust).toEqual({ authorities: ["A"], revoked: ["0f"] });
});

test("an origin that is listed without a key has those that the network knows, with its list of tenants; others stay as they are", () => {
  const listed = { authorities: [], revoked: [], origins: [{ router: "r1", allowedTenants: ["acme"] }, { router: "r2", ed25519: "own" }, { router: "r3" }] };
  const originKeys = new Map([["r1", ["new", "old"]], ["r2", ["other"]]]), filled = withNetworkTrust(config(listed), { ...noTrust, originKeys });
  expect(filled.trust?.origins).toEqual([{ router: "r1", ed25519: "new", allowedTenants: ["acme"] }, { router: "r1", ed25519: "old", allowedTenants: ["acme"] }, { router: "r2", ed25519: "own" }, { router: "r3" }]);
  const known = config({ ...listed, origins: [{ router: "r2", ed25519: "own" }, { router: "r3" }] });
  expect([withNetworkTrust(known, { ...noTrust, originKeys }) === known, withNetworkTrust(known, noTrust) === known, withNetworkTrust(config(), { ...noTrust, originKeys }).trust]).toEqual([true, true, undefined]);
});

test("what differs is told", () => {
  const one = { authorities: ["A"], revoked: ["0f"] };
  expect([one, { ...one, authorities: ["B"] }, { ...one, revoked: [] }, { ...one, issuer: "key" }, { ...one, originKeys: new Map([["r1", ["k"]]]) }, { ...one, originKeys: new Map() }].map((other) => sameTrust(one, other))).toEqual([true, false, false, false, false, true]);
});
