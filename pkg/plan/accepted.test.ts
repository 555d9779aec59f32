// Text that a schema should have refused is a fault, never a silent gap in a configuration.
import { acceptedAddress, acceptedPorts, acceptedPrefix } from "./accepted.ts";

test.each([["address", acceptedAddress], ["prefix", acceptedPrefix], ["ports", acceptedPorts]])("%s: unreadable text is a fault", (_desc, read) => {
  expect(() => read("nothing")).toThrow(TypeError);
});

test("readable text is a value", () => {
  expect([acceptedAddress("192.0.2.1").family, acceptedPrefix("2001:db8::1/64").length, acceptedPorts(80)]).toEqual([4, 64, { first: 80, last: 80 }]);
});
