// Protection of a session: what the ingress offers comes out at the egress, what contradicts itself is dropped, and along a path each
// sealed packet is opened by the next router, its body by the last one only.
import fc from "fast-check";
import type { AdaptiveStart } from "./adaptive.ts";
import { parseHeader, parsePayload } from "./decode.ts";
import { encodeMetadata, type Suite } from "./encode.ts";
import type { Metadata } from "./metadata.ts";
import { askOver, askOverAll, canHold, isStronger, isWeaker, offerSecurity, protectBits, raisedBy, readEcho, readSecurity, securityOf, securityTlvs, securityWord, storedSecurity, type SecurityAsk, type SessionSecurity } from "./protected.ts";
import { Protect, Role } from "./session.ts";
import { flowSession } from "../../test/support/flows.ts";

const key = new Uint8Array(32).fill(7);
const payloadKey = { suite: 2, index: 0, key };
const offer = (ask: Partial<SecurityAsk>, start: AdaptiveStart = "encrypted", metadataSuite: Suite = 1) =>
  offerSecurity({ suite: 2, everyPacket: false, adaptive: true, ...ask }, { start, key, metadataSuite });
const clear: SessionSecurity = { suite: 0, everyPacket: false, encrypts: false };

test.each<[string, Partial<SecurityAsk>, AdaptiveStart, SessionSecurity]>([
  ["a clear service", { suite: 0 }, "encrypted", clear],
  ["a clear service with tags", { suite: 0, everyPacket: true }, "armed", { ...clear, everyPacket: true }],
  ["UDP", {}, "encrypted", { suite: 2, everyPacket: true, encrypts: true, payloadKey }],
  ["TCP, armed", {}, "armed", { suite: 2, everyPacket: false, encrypts: false, payloadKey }],
  ["TCP, armed, with tags", { everyPacket: true }, "armed", { suite: 2, everyPacket: true, encrypts: false, payloadKey }],
  ["a SYN with ClientHello", {}, "tls", { suite: 2, everyPacket: false, encrypts: false, payloadKey }],
  ["TCP without adaptive", { adaptive: false }, "armed", { suite: 2, everyPacket: true, encrypts: true, payloadKey }],
  ["QUIC", {}, "quic", clear], ["IPsec with tags", { everyPacket: true }, "ipsec", { ...clear, everyPacket: true }],
  ["QUIC without adaptive", { adaptive: false }, "quic", { suite: 2, everyPacket: true, encrypts: true, payloadKey }],
])("8.2 8.3 the ingress begins %s", (_name, ask, start, value) => {
  expect(offer(ask, start)).toEqual({ ok: true, value });
});

const policy: SecurityAsk = { suite: 1, everyPacket: false, adaptive: false };

test.each<[string, SecurityAsk, Suite | undefined, Partial<SecurityAsk>]>([
  ["a path that says nothing", policy, undefined, {}],
  ["another suite", policy, 2, { suite: 2 }],
  ["another suite, adaptive as the policy", { ...policy, adaptive: true }, 2, { suite: 2, adaptive: true }],
  ["a suite where the policy has none", { ...policy, suite: 0, everyPacket: true }, 2, { suite: 2, everyPacket: true, adaptive: true }],
  ["a clear path that the policy does not allow", policy, 0, {}],
  ["a clear path that it allows", { ...policy, everyPacket: true, adaptive: true, clearPaths: true }, 0, { suite: 0, adaptive: false }],
  ["a clear path where nothing is asked", { ...policy, suite: 0 }, 0, {}],
])("8.2 over %s", (_name, ask, payload, changed) => {
  expect(askOver(ask, payload === undefined ? {} : { payload })).toEqual({ ...ask, ...changed });
  expect([askOver(ask, undefined), askOverAll(ask, [])]).toEqual([ask, ask]);
});

test("8.2 of several paths of a session the most that is asked counts, and a policy that does not allow clear paths is never weakened", () => {
  const asks = fc.record({ suite: fc.constantFrom<Suite>(0, 1, 2), everyPacket: fc.boolean(), adaptive: fc.boolean(), clearPaths: fc.boolean() });
  fc.assert(fc.property(asks, fc.array(fc.constantFrom<{ payload?: Suite }>({}, { payload: 0 }, { payload: 1 }, { payload: 2 }), { maxLength: 2 }), (ask, paths) => {
    const all = askOverAll(ask, paths);
    const isMet = ({ suite, adaptive }: SecurityAsk): boolean => suite === 0 || (all.suite !== 0 && (adaptive || !all.adaptive));
    return paths.every((path) => isMet(askOver(ask, path))) && (ask.clearPaths || isMet(ask)) && all.everyPacket === ask.everyPacket;
  }));
});

test("8.2 a peer can hold encrypted bodies if their key is encrypted and packets have tags; clear ones always", () => {
  const held = ([0, 2] as const).map((suite) => [{ metadataSuite: 1, hasTags: true }, { metadataSuite: 0, hasTags: true }, { metadataSuite: 1, hasTags: false }].map((peer) => canHold(suite, peer as { metadataSuite: Suite; hasTags: boolean })));
  expect(held).toEqual([[true, true, true], [true, false, false]]);
});

test("8.2 no key goes over a path whose metadata is clear", () => {
  expect(offer({}, "encrypted", 0)).toEqual({ ok: false, error: "no-path" });
  expect(offer({}, "armed", 0)).toEqual({ ok: false, error: "no-path" });
  expect(offer({ suite: 0, everyPacket: true }, "armed", 0)).toMatchObject({ ok: true });
  expect(offer({}, "quic", 0)).toMatchObject({ ok: true });
});

test("S-4 TLVs 11 and 46 are there when a session encrypts, 46 alone when it is armed, none when it is clear", () => {
  expect(securityTlvs(clear)).toEqual({});
  expect(securityTlvs({ suite: 2, everyPacket: true, encrypts: true, payloadKey })).toEqual({ payloadEncrypted: true, payloadKey, security: { suite: 2, scope: 1 } });
  expect(securityTlvs({ suite: 2, everyPacket: false, encrypts: false, payloadKey })).toEqual({ payloadKey, security: { suite: 2, scope: 0 } });
});

test.each<[string, Metadata, boolean, string]>([
  ["a suite without key", { security: { suite: 1, scope: 1 } }, true, "metadata-incomplete"],
  ["a key in clear metadata", { security: { suite: 2, scope: 1 }, payloadKey }, false, "decrypt-failure"],
  ["a key of another suite", { security: { suite: 1, scope: 1 }, payloadKey }, true, "metadata-malformed"],
  ["a key without a suite", { payloadKey }, true, "metadata-malformed"],
  ["a key of suite 0", { payloadKey: { ...payloadKey, suite: 0 } }, true, "metadata-malformed"],
  ["an unknown suite", { security: { suite: 3, scope: 1 }, payloadKey: { ...payloadKey, suite: 3 } }, true, "metadata-malformed"],
  ["an unknown scope", { security: { suite: 0, scope: 2 } }, true, "metadata-malformed"],
  ["encrypted bodies without a suite", { payloadEncrypted: true, security: { suite: 0, scope: 1 } }, true, "metadata-malformed"],
  ["encrypted bodies without tags", { payloadEncrypted: true, security: { suite: 2, scope: 0 }, payloadKey }, true, "metadata-malformed"],
])("8.2 %s is dropped", (_name, metadata, wasEncrypted, error) => {
  expect(readSecurity(metadata, { wasEncrypted, isKnown: error !== "metadata-incomplete" })).toEqual({ ok: false, error });
});

test("8.2 who knows a session has its key: metadata may come without", () => {
  expect(readSecurity({ security: { suite: 1, scope: 1 }, payloadEncrypted: true }, { wasEncrypted: true, isKnown: true })).toEqual({ ok: true, value: { suite: 1, everyPacket: true, encrypts: true } });
});

test.each<[string, Partial<SecurityAsk>, SessionSecurity, boolean]>([
  ["clear where a policy encrypts", { adaptive: false }, clear, true],
  ["tagged where a policy encrypts", { adaptive: false }, { ...clear, everyPacket: true }, true],
  ["clear where hosts may have encrypted it themselves", {}, clear, false],
  ["armed, where a policy wants tags on each packet", { everyPacket: true }, { suite: 2, everyPacket: false, encrypts: false }, true],
  ["clear where nothing is asked for", { suite: 0 }, clear, false],
  ["encrypted where a policy encrypts", { adaptive: false }, { suite: 2, everyPacket: true, encrypts: true }, false],
])("a session %s is weaker than its policy, or not", (_name, ask, security, expected) => {
  expect(isWeaker(security, { suite: 2, everyPacket: false, adaptive: true, ...ask })).toBe(expected);
});

const starts = fc.constantFrom<AdaptiveStart>("armed", "encrypted", "quic", "ipsec", "tls");
const offers = fc.record({ suite: fc.constantFrom<Suite>(0, 1, 2), everyPacket: fc.boolean(), adaptive: fc.boolean(), start: starts })
  .map(({ start, ...ask }) => (offer(ask, start) as { value: SessionSecurity }).value);

function overTheWire(metadata: Metadata): Metadata {
  const encoded = encodeMetadata({ uuid: new Uint8Array(16).fill(1), ...metadata });
  if (!encoded.ok) throw new Error(encoded.error);
  const { bytes } = encoded.value;
  const header = parseHeader(bytes, 0, bytes.length);
  if (!header.ok) throw new Error(header.error);
  const all = parsePayload(bytes, header.value, header.value.payloadLength);
  if (!all.ok) throw new Error(all.error);
  return all.value;
}

test("8.2 what the ingress offers is what the egress reads, and what it echoes is accepted", () => {
  fc.assert(fc.property(offers, (security) => {
    const { payloadKey: _key, ...rest } = security;
    expect(readSecurity(overTheWire(securityTlvs(security)), { wasEncrypted: true, isKnown: false })).toEqual({ ok: true, value: security });
    expect(readEcho(overTheWire(securityTlvs(security, true)))).toEqual({ ok: true, value: rest });
    expect(isStronger(rest, security)).toEqual({ ok: true, value: false });
  }));
});

const armed = { suite: 2, everyPacket: false, encrypts: false } as const, encrypted = { suite: 2, everyPacket: true, encrypts: true } as const;

test("8.2 an echo has no key, no unknown suite and no encryption without tags", () => {
  const bad: Metadata[] = [{ security: { suite: 9, scope: 1 } }, { security: { suite: 2, scope: 1 }, payloadKey }, { security: { suite: 2, scope: 0 }, payloadEncrypted: true }];
  expect(bad.map((metadata) => readEcho(metadata).ok)).toEqual([false, false, false]);
});

test.each<[string, SessionSecurity, SessionSecurity, boolean | "metadata-malformed"]>([
  ["the switch of either end", encrypted, armed, true], ["the same again", encrypted, encrypted, false], ["what was said before the switch, late", armed, encrypted, false],
  ["the switch of a session with tags", encrypted, { ...armed, everyPacket: true }, true], ["another suite", { ...encrypted, suite: 1 }, armed, "metadata-malformed"],
  ["tags that begin later", { ...armed, everyPacket: true }, armed, true], ["tags of a clear session", { ...clear, everyPacket: true }, clear, true],
  ["encryption of a clear session", encrypted, clear, true], ["what was said before a clear session was encrypted, late", clear, encrypted, false], ["... before it was decided", clear, armed, false],
  ["a session that is armed later", armed, clear, "metadata-malformed"], ["another suite under a session that encrypts", { ...encrypted, suite: 1 }, encrypted, "metadata-malformed"],
  ["tags that are not said any more", { ...clear, everyPacket: false }, { ...clear, everyPacket: true }, false],
])("8.3 %s: whether bodies are encrypted from here on", (_name, said, has, expected) => {
  expect(isStronger(said, has)).toEqual(typeof expected === "string" ? { ok: false, error: expected } : { ok: true, value: expected });
});

const gcm: SecurityAsk = { suite: 2, everyPacket: false, adaptive: false }, adaptive = { ...gcm, adaptive: true }, tags: SecurityAsk = { suite: 0, everyPacket: true, adaptive: false };
const context = flowSession({ family: 4, proto: "tcp", role: "ingress" }, 1).context;

test.each<[string, SecurityAsk, SessionSecurity, SessionSecurity | undefined, { start?: AdaptiveStart; isDecided?: true; proto?: number }?]>([
  ["a clear session under a policy that encrypts", gcm, clear, encrypted], ["... that encrypts what hosts do not", adaptive, clear, encrypted],
  ["a tagged session", gcm, { ...clear, everyPacket: true }, encrypted], ["a clear session under tags", tags, clear, { ...clear, everyPacket: true }],
  ["an encrypted session under tags", tags, encrypted, undefined], ["... under another suite", { ...gcm, suite: 1 }, encrypted, undefined], ["... under a policy that asks for nothing", { ...tags, everyPacket: false }, encrypted, undefined],
  ["an armed session", adaptive, armed, undefined], ["... under a policy that encrypts all", gcm, armed, encrypted], ["... under another suite", { ...gcm, suite: 1 }, armed, encrypted],
  ["... under one that also wants tags", { ...adaptive, everyPacket: true }, armed, { ...armed, everyPacket: true }],
  ["TLS", adaptive, armed, undefined, { isDecided: true }], ["TLS under a policy that encrypts all", gcm, armed, encrypted, { isDecided: true }],
  ["QUIC", adaptive, clear, undefined, { start: "quic" }], ["QUIC under a policy that encrypts all", gcm, clear, encrypted, { start: "quic" }],
  ["IPsec that began before", adaptive, clear, undefined, { proto: 50 }], ["IPsec under a policy that encrypts all", gcm, clear, encrypted, { proto: 50 }],
])("1.2 what a policy makes of a live session: %s", (_name, ask, security, expected, { start, isDecided, proto = 6 } = {}) => {
  const session = { security: storedSecurity(security, start), protect: protectBits(Role.ingress, security) & (isDecided === true ? ~Protect.watch : ~0), context: { ...context, proto } };
  expect(raisedBy(ask, session)).toEqual(expected);
});

test("1.2 a session of which one direction is raised is not left alone, nor raised once more in that direction", () => {
  const session = { security: 2, protect: protectBits(Role.ingress, encrypted, [0]), context };
  expect([raisedBy(adaptive, session, 0), raisedBy(adaptive, session, 1), raisedBy(adaptive, session)]).toEqual([undefined, encrypted, encrypted]);
  expect([securityOf(session, 0), securityOf(session, 1), securityOf(session)]).toEqual([encrypted, armed, armed]);
  expect(securityWord({ ...session, role: Role.ingress })).toBe("clear");
});

const has = (bits: number, ...wanted: number[]): boolean[] => wanted.map((bit) => (bits & bit) !== 0);

test("7.1 8.2 along a path what is sealed is opened next, in both directions, and only the ends touch bodies", () => {
  fc.assert(fc.property(offers, fc.integer({ min: 0, max: 3 }), (security, transits) => {
    const path = [Role.ingress, ...Array<Role>(transits).fill(Role.transit), Role.egress].map((role) => protectBits(role, security));
    for (const [at, bits] of path.slice(1).entries()) {
      expect(has(path[at]!, Protect.sealFwd, Protect.openRev)).toEqual(has(bits, Protect.openFwd, Protect.sealRev));
      expect(has(bits, Protect.openFwd)).toEqual([security.everyPacket]);
    }
    expect(has(path[0]!, Protect.openFwd, Protect.sealRev)).toEqual([false, false]); // hosts get what they sent
    expect(has(path.at(-1)!, Protect.sealFwd, Protect.openRev)).toEqual([false, false]);
    const ends = [path[0]!, path.at(-1)!], isArmed = security.suite !== 0 && !security.encrypts;
    for (const bits of ends) expect(has(bits, Protect.bodyFwd, Protect.bodyRev, Protect.watch)).toEqual([security.encrypts, security.encrypts, isArmed]);
    for (const bits of path.slice(1, -1)) expect(bits & (Protect.bodyFwd | Protect.bodyRev | Protect.watch)).toBe(0);
    expect(protectBits(Role.single, security)).toBe(0);
  }));
});

test("what a router stores of a session's protection is what it began with; a suite that nobody knows is none", () => {
  fc.assert(fc.property(offers, fc.constantFrom(Role.ingress, Role.transit, Role.egress), (security, role) => {
    const { payloadKey: _key, ...rest } = security;
    expect(securityOf({ security: security.suite, protect: protectBits(role, security) })).toEqual(rest);
  }));
  expect(securityOf({ security: 9, protect: 0 })).toEqual(clear);
});

test.each<[string, SessionSecurity, AdaptiveStart | undefined, Role, number, string]>([
  ["an encrypted session", encrypted, "encrypted", Role.ingress, 0, "encrypted"], ["one at a transit router", encrypted, undefined, Role.transit, 0, "encrypted"],
  ["a session that is not decided", armed, "armed", Role.egress, 0, "clear"], ["one at a transit router that cannot know", armed, "armed", Role.transit, 0, "clear"],
  ["TLS", armed, "armed", Role.ingress, Protect.watch, "adaptive-tls"], ["QUIC", clear, "quic", Role.transit, 0, "adaptive-tls"], ["IPsec", clear, "ipsec", Role.egress, 0, "adaptive-ipsec"],
  ["a session that nobody encrypts", clear, undefined, Role.ingress, 0, "clear"], ["one by another start", clear, "tls", Role.ingress, 0, "clear"],
])("9.1 %s says so", (_name, security, start, role, decided, expected) => {
  expect(securityWord({ security: storedSecurity(security, start), protect: protectBits(role, security) & ~decided, role })).toBe(expected);
});

test("9.1 a mark of a newer release is no word of ours", () => { expect(securityWord({ security: 0xf0, protect: 0, role: Role.ingress })).toBe("clear"); });
