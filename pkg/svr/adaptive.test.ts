// Adaptive encryption: what sessions are recognised by, the table at both ends, late packets, and random interleavings of two ends that
// never leave one direction clear once a side has switched.
import fc from "fast-check";
import { ADAPTIVE_HOLD_MS, adaptiveStep, isLateClear, LATE_CLEAR_MS, lookAt, startOf } from "./adaptive.ts";
import type { AdaptiveEnd, AdaptiveEvent, AdaptiveState, AdaptiveStep } from "./adaptive.ts";

const hello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 0);
const http = new TextEncoder().encode("GET / HTTP/1.1\r\n");
const quic = (version: number[], first = 0xc3, length = 1_200): Uint8Array => Uint8Array.from({ length }, (_, at) => [first, ...version][at] ?? 0);
const opening = (proto: number, payload: Uint8Array = new Uint8Array(0), ports = [40_000, 443]) => ({ proto, payload, sourcePort: ports[0]!, destinationPort: ports[1]! });

test.each<[string, Parameters<typeof startOf>[0], string]>([
  ["TCP", opening(6), "armed"],
  ["a Fast Open SYN with ClientHello", opening(6, hello), "tls"],
  ["a Fast Open SYN with HTTP", opening(6, http), "encrypted"],
  ["a Fast Open SYN with too little to tell", opening(6, hello.subarray(0, 3)), "encrypted"],
  ["UDP", opening(17, http), "encrypted"],
  ["ICMP", opening(1), "encrypted"],
  ["ESP", opening(50), "ipsec"], ["AH", opening(51), "ipsec"],
  ["IKE", opening(17, http, [500, 500]), "ipsec"], ["IPsec behind NAT", opening(17, http, [4500, 1]), "ipsec"],
  ["QUIC version 1", opening(17, quic([0, 0, 0, 1])), "quic"],
  ["QUIC version 2", opening(17, quic([0x6b, 0x33, 0x43, 0xcf])), "quic"],
  ["QUIC of another version", opening(17, quic([0, 0, 0, 2])), "encrypted"],
  ["QUIC that is too short for a first packet", opening(17, quic([0, 0, 0, 1], 0xc3, 1_199)), "encrypted"],
  ["a short header", opening(17, quic([0, 0, 0, 1], 0x43)), "encrypted"],
])("8.3 how %s begins", (_desc, packet, begins) => {
  expect(startOf(packet)).toBe(begins);
});

test("8.3 a ClientHello is seen by six bytes; what cannot become one is known earlier", () => {
  for (let length = 0; length < 6; length++) expect(lookAt(hello.subarray(0, length))).toBe("more");
  expect([6, 7, 8].map((length) => lookAt(hello.subarray(0, length)))).toEqual(["tls", "tls", "tls"]);
  for (const [at, value] of [[0, 0x17], [1, 2], [2, 5], [5, 2]] as const) {
    const bent = hello.map((byte, i) => (i === at ? value : byte));
    expect([lookAt(bent), lookAt(bent.subarray(0, at + 1))]).toEqual(["other", "other"]);
  }
  expect([lookAt(http), lookAt(http.subarray(0, 1))]).toEqual(["other", "other"]);
});

const client = (payload: Uint8Array, heldMs = 0): AdaptiveEvent => ({ kind: "client", payload, heldMs });
const server: AdaptiveEvent = { kind: "server" };

test.each<[string, AdaptiveState, AdaptiveEvent, AdaptiveEnd, AdaptiveStep]>([
  ["S-6 a TLS client at the ingress", "inspect", client(hello), "ingress", { state: "clear-tls", packet: "pass" }],
  ["S-6 a TLS client at the egress", "inspect", client(hello), "egress", { state: "clear-tls", packet: "pass" }],
  ["S-6 plain HTTP at the ingress", "inspect", client(http), "ingress", { state: "switching", packet: "switch" }],
  ["plain HTTP that reaches the egress in the clear: the ingress judges it", "inspect", client(http), "egress", { state: "inspect", packet: "pass" }],
  ["S-6 a server that speaks first, at the egress", "inspect", server, "egress", { state: "switching", packet: "switch" }],
  ["... at the ingress: the egress judges it", "inspect", server, "ingress", { state: "inspect", packet: "pass" }],
  ["three bytes of what may be TLS", "inspect", client(hello.subarray(0, 3)), "ingress", { state: "inspect", packet: "hold" }],
  ["... for a second", "inspect", client(hello.subarray(0, 3), ADAPTIVE_HOLD_MS), "ingress", { state: "switching", packet: "switch" }],
  ["a TLS session stays as it is", "clear-tls", client(http), "ingress", { state: "clear-tls", packet: "pass" }],
  ["its server too", "clear-tls", server, "egress", { state: "clear-tls", packet: "pass" }],
  ["every packet says it until it is answered", "switching", client(http), "ingress", { state: "switching", packet: "switch" }],
  ["the answer", "switching", { kind: "answered" }, "ingress", { state: "encrypted", packet: "pass" }],
  ["an answer to nothing", "inspect", { kind: "answered" }, "ingress", { state: "inspect", packet: "pass" }],
  ["the peer switched", "inspect", { kind: "peer-switched" }, "ingress", { state: "encrypted", packet: "pass" }],
  ["the peer switched what we took for TLS: encryption wins", "clear-tls", { kind: "peer-switched" }, "egress", { state: "encrypted", packet: "pass" }],
  ["both switched", "switching", { kind: "peer-switched" }, "ingress", { state: "encrypted", packet: "pass" }],
  ["encrypted stays so", "encrypted", client(hello), "ingress", { state: "encrypted", packet: "pass" }],
])("8.3 %s", (_desc, state, event, end, step) => {
  expect(adaptiveStep(state, event, end)).toEqual(step);
});

test("8.3 a clear packet behind a switch counts for 5 s, and only before the first encrypted byte, over the end of sequence numbers too", () => {
  const first = { sequence: 10, switchedMs: 1_000 };
  expect([9, 10, 11, 0xffff_fff0].map((sequence) => isLateClear({ sequence, nowMs: 1_001 }, first))).toEqual([true, false, false, true]);
  expect([LATE_CLEAR_MS, LATE_CLEAR_MS + 1].map((after) => isLateClear({ sequence: 9, nowMs: 1_000 + after }, first))).toEqual([true, false]);
});

test("8.3 whatever both ends see in whatever order: a side that switched never sends clear again, and both end encrypted once the modify is through", () => {
  const event = fc.constantFrom<AdaptiveEvent>(client(hello), client(http), client(hello.subarray(0, 2)), client(hello.subarray(0, 2), 2_000), server);
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom<AdaptiveEnd>("ingress", "egress"), event), { maxLength: 30 }), (seen) => {
    const state: Record<AdaptiveEnd, AdaptiveState> = { ingress: "inspect", egress: "inspect" };
    for (const [end, what] of seen) {
      const before = state[end], step = adaptiveStep(before, what, end);
      state[end] = step.state;
      if (before === "switching") expect(step).toEqual({ state: "switching", packet: "switch" });
      if (before === "encrypted") expect(step.state).toBe("encrypted");
      if (step.packet === "switch") { // its modify arrives, and is answered
        const far = end === "ingress" ? "egress" : "ingress";
        state[far] = adaptiveStep(state[far], { kind: "peer-switched" }, far).state;
        state[end] = adaptiveStep(state[end], { kind: "answered" }, end).state;
        expect(state).toEqual({ ingress: "encrypted", egress: "encrypted" });
      }
    }
  }));
});
