// What a network believes goes into every configuration, once, and takes nothing away that an object of a router says.
import type { RouterConfig, TrustConfig } from "./config.ts";
import { noTrust, sameTrust, withNetworkTrust } from "./networktrust.ts";

const config = (trust?: TrustConfig): RouterConfig => ({ name: "r1", ...(trust !== undefined && { trust }) }) as unknown as RouterConfig;

test("authorities of the network come behind those of the router, each once", () => {
  const network = { authorities: ["A", "B"] };
  expect(withNetworkTrust(config(), network).trust).toEqual({ authorities: ["A", "B"], revoked: [] });
  expect(withNetworkTrust(config({ authorities: ["own", "A"], revoked: ["0f"], failSoft: true }), network).trust).toEqual({ authorities: ["own", "A", "B"], revoked: ["0f"], failSoft: true });
});

test("the configuration is the same one where nothing is added, and another one where something is", () => {
  const one = config({ authorities: ["A"], revoked: [] }), plain = config();
  expect([withNetworkTrust(one, noTrust) === one, withNetworkTrust(one, { authorities: ["A"] }) === one, withNetworkTrust(plain, noTrust) === plain]).toEqual([true, true, true]);
  expect(withNetworkTrust(one, { authorities: ["B"] })).not.toBe(one);
  expect(one.trust).toEqual({ authorities: ["A"], revoked: [] });
});

test("what differs is told", () => {
  expect([sameTrust(noTrust, { authorities: [] }), sameTrust({ authorities: ["A"] }, { authorities: ["B"] })]).toEqual([true, false]);
});
