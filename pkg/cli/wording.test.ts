// Words for durations, sizes, protocols and endpoints.
import { bytesWord, durationWord, hostPort, parseProtocol, protocolWord } from "./wording.ts";

test.each([
  [0, "0ms"], [340.7, "340ms"], [999, "999ms"], [1_000, "1s"], [59_999, "59s"], [60_000, "1m"], [192_000, "3m12s"], [3_600_000, "1h"],
  [3_660_000, "1h1m"], [86_399_000, "23h59m"], [190_800_000, "2d5h"], [86_400_000_000, "1000d"], [undefined, "-"], [-1, "-"], [Number.NaN, "-"],
])("%p ms is %s", (millis, word) => {
  expect(durationWord(millis)).toBe(word);
});

test.each([[0, "0B"], [1_023, "1023B"], [1_024, "1.0KiB"], [1_536, "1.5KiB"], [10_240, "10KiB"], [5 * 2 ** 20, "5.0MiB"], [2 ** 60, "1024PiB"], [undefined, "-"], [Number.NaN, "-"]])("%p bytes are %s", (bytes, word) => {
  expect(bytesWord(bytes)).toBe(word);
});

test.each([[6, "tcp"], [17, "udp"], [1, "icmp"], [58, "icmp6"], [99, "99"], [undefined, "-"]])("protocol %p is %s", (number, word) => {
  expect(protocolWord(number)).toBe(word);
});

test.each([["tcp", 6], ["TCP", 6], ["icmp6", 58], ["0", 0], ["255", 255]])("%s is protocol %p", (text, number) => {
  expect(parseProtocol(text)).toEqual({ ok: true, value: number });
});

test.each([["tcpp", 'did you mean "tcp"?'], ["256", "a number up to 255"], ["-1", "a number up to 255"], ["", "a number"], ["constructor", "a number"], ["1.0", "a number"]])("%j is refused: %s", (text, reason) => {
  expect(parseProtocol(text)).toEqual({ ok: false, error: expect.stringContaining(reason) });
});

test.each([["192.0.2.1", 443, "192.0.2.1:443"], ["2001:db8::1", 443, "[2001:db8::1]:443"], ["2001:db8::1", 0, "2001:db8::1"], [undefined, 1, "-"], ["192.0.2.1", undefined, "192.0.2.1"]])("%p and %p are %s", (address, port, shown) => {
  expect(hostPort(address, port)).toBe(shown);
});
