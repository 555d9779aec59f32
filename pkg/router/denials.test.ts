// Denial events: one per tuple and 10 s, bounded.
import { addressOfWords } from "../base/address.ts";
import { createDenialGate } from "./denials.ts";
import type { Denial } from "./recordwriter.ts";

const denial = (sourcePort: number, reason = "access"): Denial => ({
  reason, tenant: "corp", source: addressOfWords(4, 0x0a000001), destination: addressOfWords(4, 0x0a000002),
  sourcePort, destinationPort: 443, proto: 6, ifnum: 1, vlan: 0,
});

describe("denial gate", () => {
  test("P-1 one event per 5-tuple and 10 s, another reason or tuple is its own event", () => {
    const gate = createDenialGate();
    gate.offer(denial(1), 1000);
    gate.offer(denial(1), 5000);
    gate.offer(denial(2), 5000);
    gate.offer(denial(1, "no-service"), 6000);
    expect(gate.take().map((one) => `${one.sourcePort} ${one.reason}`)).toEqual(["1 access", "2 access", "1 no-service"]);
    expect(gate.suppressed()).toBe(1);
    gate.offer(denial(1), 10_999);
    expect(gate.take()).toHaveLength(0);
    gate.offer(denial(1), 11_000);
    expect(gate.take()).toHaveLength(1);
  });

  test("P-1 two tenants with the same addresses are two events", () => {
    const gate = createDenialGate();
    gate.offer(denial(1), 1000);
    gate.offer({ ...denial(1), tenant: "other" }, 1000);
    expect(gate.take().map((one) => one.tenant)).toEqual(["corp", "other"]);
  });

  test("a scan of many tuples stays bounded and is counted", () => {
    const gate = createDenialGate();
    for (let port = 0; port < 20_000; port++) gate.offer(denial(port), 1000 + port / 10);
    expect(gate.take().length).toBeLessThanOrEqual(1024);
    expect(gate.suppressed()).toBeGreaterThanOrEqual(20_000 - 1024);
  });
});
