// Adaptive encryption: what sessions are recognised by, and what the ends make of the first payload.
import { ADAPTIVE_HOLD_MS, judgePayload, lookAt, startOf } from "./adaptive.ts";
import type { AdaptiveEnd, AdaptiveEvent, AdaptiveVerdict } from "./adaptive.ts";

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

test.each<[string, AdaptiveEvent, AdaptiveEnd, AdaptiveVerdict]>([
  ["S-6 a TLS client at the ingress", client(hello), "ingress", "tls"],
  ["S-6 a TLS client at the egress", client(hello), "egress", "tls"],
  ["S-6 plain HTTP at the ingress", client(http), "ingress", "switch"],
  ["plain HTTP that reaches the egress in the clear: the ingress judges it", client(http), "egress", "pass"],
  ["S-6 a server that speaks first, at the egress", server, "egress", "switch"],
  ["... at the ingress: the egress judges it", server, "ingress", "pass"],
  ["three bytes of what may be TLS", client(hello.subarray(0, 3)), "ingress", "hold"],
  ["... for a second", client(hello.subarray(0, 3), ADAPTIVE_HOLD_MS - 1), "ingress", "hold"],
  ["... and no longer", client(hello.subarray(0, 3), ADAPTIVE_HOLD_MS), "ingress", "switch"],
  ["... at the egress, where nothing is held", client(hello.subarray(0, 3)), "egress", "pass"],
])("8.3 %s", (_desc, event, end, verdict) => {
  expect(judgePayload(event, end)).toBe(verdict);
});
