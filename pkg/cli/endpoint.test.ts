// Forms of ADDRESS:PORT, and that no text throws.
import fc from "fast-check";
import { formatAddress } from "../base/addresstext.ts";
import { parseEndpoint } from "./endpoint.ts";

function shown(text: string): string {
  const result = parseEndpoint(text);
  if (!result.ok) return "refused";
  return `${formatAddress(result.value.address)} ${result.value.port ?? "-"}`;
}

test.each([
  ["10.0.0.1:443", "10.0.0.1 443"], ["10.0.0.1", "10.0.0.1 -"], ["10.0.0.1:0", "10.0.0.1 0"], ["10.0.0.1:65535", "10.0.0.1 65535"],
  ["[2001:db8::1]:443", "2001:db8::1 443"], ["[2001:db8::1]", "2001:db8::1 -"], ["2001:db8::1", "2001:db8::1 -"], ["::", ":: -"],
  ["2001:db8::1:443", "2001:db8::1:443 -"], ["::ffff:10.0.0.1", "::ffff:10.0.0.1 -"], ["[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1 80"],
])("%s is %s", (text, expected) => {
  expect(shown(text)).toBe(expected);
});

test.each(["", ":", ":443", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1:+1", "10.0.0.1:4 43", "10.0.0.1:443:1", "10.0.0:443", "010.0.0.1:1",
  "host:443", "[10.0.0.1]:443", "[2001:db8::1", "[2001:db8::1]443", "[2001:db8::1]:", "[2001:db8::1]:x", "[]:1", "2001:db8::1]:443", "[fe80::1%eth0]:1",
  "10.0.0.1/24:443", "10.0.0.1:０"])("%j is refused", (text) => {
  expect(parseEndpoint(text)).toEqual({ ok: false, error: expect.stringContaining("write ADDR, IPv4:PORT or [IPv6]:PORT") });
});

test("the reason says that names are not resolved", () => {
  expect(parseEndpoint("example.org:443")).toEqual({ ok: false, error: expect.stringContaining("names are not resolved") });
});

test("what is written is read back", () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  fc.assert(fc.property(fc.ipV4(), port, (address, number) => { expect(shown(`${address}:${number}`)).toBe(`${address} ${number}`); }));
  fc.assert(fc.property(fc.ipV6(), port, (address, number) => {
    const bare = shown(address);
    expect(shown(`[${address}]:${number}`)).toBe(bare.replace(/ -$/, ` ${number}`));
  }));
});

test("any text gives an answer", () => {
  const pieces = fc.array(fc.constantFrom("[", "]", ":", "::", ".", "10", "0", "ffff", "65536", "%", " ", "a", "-"), { maxLength: 14 }).map((parts) => parts.join(""));
  fc.assert(fc.property(fc.oneof(fc.string(), pieces), (text) => { expect(typeof parseEndpoint(text).ok).toBe("boolean"); }), { numRuns: 2_000 });
});
