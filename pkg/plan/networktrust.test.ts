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

test("what differs is told", () => {
  const one = { authorities: ["A"], revoked: ["0f"] };
  expect([one, { ...one, authorities: ["B"] }, { ...one, revoked: [] }, { ...one, issuer: "key" }].map((other) => sameTrust(one, other))).toEqual([true, false, false, false]);
});
