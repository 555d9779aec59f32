// Text form of addresses: named rows of RFC 4291 and RFC 5952.
import { formatAddress, parseAddress } from "./addresstext.ts";

const canonical: [text: string, out: string][] = [
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["192.0.2.1", "192.0.2.1"],
  ["::", "::"],
  ["::1", "::1"],
  ["2001:DB8::1", "2001:db8::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["fe80::", "fe80::"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
];

test.each(canonical)("%s is written %s", (text, out) => {
  const address = parseAddress(text);
  expect(address).toBeDefined();
  if (address !== undefined) expect(formatAddress(address)).toBe(out);
});

const refused = [
  "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.x", "example.org", " 1.2.3.4", "1.2.3.4 ", ":", ":::", "1::2::3",
  "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "fe80::1%eth0", "1.2.3.4::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4",
  ":1:2:3:4:5:6:7", `${"0:".repeat(40)}1`,
];

test.each(refused)("%p is no address", (text) => expect(parseAddress(text)).toBeUndefined());
