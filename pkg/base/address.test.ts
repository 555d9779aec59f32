// Binary form and classes of addresses; the text form is tested in addresstext.test.ts.
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { addressBytes, addressKey, compareAddress, isBroadcast, isLoopback, isMulticast, isUnspecified, readAddress, sameAddress, writeAddress, type IpAddress } from "./address.ts";
import { formatAddress, parseAddress } from "./addresstext.ts";

const at = (text: string): IpAddress => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address;
};
const anyAddress = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => readAddress(bytes, 0, 4)),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => readAddress(bytes, 0, 6)),
  fc.constantFrom("::", "::1", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "ff02::1").map(at),
);

describe("addresses", () => {
  test.each([
    ["127.0.0.1", "loopback"], ["127.255.0.9", "loopback"], ["::1", "loopback"], ["126.0.0.1", ""], ["::2", ""], ["1::1", ""],
    ["224.0.0.1", "multicast"], ["239.255.255.255", "multicast"], ["240.0.0.1", ""], ["ff02::1", "multicast"], ["fe80::1", ""],
    ["0.0.0.0", "unspecified"], ["::", "unspecified"], ["0.0.0.1", ""], ["255.255.255.255", "broadcast"], ["255.255.255.254", ""],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"],
  ])("%s is %s", (text, kind) => {
    const address = at(text);
    const kinds = { loopback: isLoopback(address), multicast: isMulticast(address), unspecified: isUnspecified(address), broadcast: isBroadcast(address) };
    expect(Object.entries(kinds).filter(([, is]) => is).map(([name]) => name).join()).toBe(kind);
  });

  test("bytes survive reading and writing, and agree with ipaddr.js", () => {
    fc.assert(fc.property(anyAddress, (address) => {
      const bytes = new Uint8Array(addressBytes(address.family) + 2);
      writeAddress(bytes, 1, address);
      expect(readAddress(bytes, 1, address.family)).toEqual(address);
      expect([...bytes.subarray(1, -1)]).toEqual(ipaddr.parse(formatAddress(address)).toByteArray().slice(-addressBytes(address.family)));
      expect([bytes[0], bytes.at(-1)]).toEqual([0, 0]);
    }));
  });

  test("key, order and equality agree", () => {
    fc.assert(fc.property(anyAddress, anyAddress, (a, b) => {
      const same = sameAddress(a, b);
      expect(addressKey(a) === addressKey(b)).toBe(same);
      expect(compareAddress(a, b) === 0).toBe(same);
      expect(Math.sign(compareAddress(a, b))).toBe(0 - Math.sign(compareAddress(b, a)));
    }));
  });

  test("order is by family, then by unsigned value", () => {
    const texts = ["0.0.0.1", "127.0.0.1", "255.0.0.0", "::", "::1", "1::", "ffff::"];
    expect(texts.map(at).reverse().sort(compareAddress).map(formatAddress)).toEqual(texts);
  });
});
