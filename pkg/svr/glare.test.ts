// Glare and waypoint clashes: both ends reach opposite verdicts.
import fc from "fast-check";
import { addressOfWords } from "../base/address.ts";
import { decideGlare, decideWaypoint, isMirrored } from "./glare.ts";
import type { OwnContender, TheirContender } from "./glare.ts";
import type { SessionContext } from "./session.ts";

const uuid = (first: number, last = 0): Uint8Array => Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? first : at === 15 ? last : 0x40));
const east: SessionContext = { source: addressOfWords(4, 1), destination: addressOfWords(4, 2), sourcePort: 5060, destinationPort: 5061, proto: 17, family: 4 };
const west: SessionContext = { source: addressOfWords(4, 2), destination: addressOfWords(4, 1), sourcePort: 5061, destinationPort: 5060, proto: 17, family: 4 };
const low = { uuid: uuid(1), context: east, tenant: 7, answered: false, ingress: true, fromOurEgress: true };
const high = { uuid: uuid(2), context: west, tenant: 7, answered: false, ingress: true, fromOurEgress: true };

test.each<{ desc: string; ours: OwnContender; theirs: TheirContender; verdict: string }>([
  { desc: "the lower UUID stays and takes the body as a reverse packet", ours: low, theirs: high, verdict: "deliver-as-reverse" },
  { desc: "the higher UUID joins the other session", ours: high, theirs: low, verdict: "join" },
  { desc: "bytes compare unsigned", ours: { ...high, uuid: uuid(0xff) }, theirs: { ...low, uuid: uuid(0x7f) }, verdict: "join" },
  { desc: "the last byte decides when the others are equal", ours: { ...low, uuid: uuid(1, 1) }, theirs: { ...high, uuid: uuid(1, 2) }, verdict: "deliver-as-reverse" },
  { desc: "a late copy after the lower one was answered is still a reverse packet", ours: { ...low, answered: true }, theirs: high, verdict: "deliver-as-reverse" },
  { desc: "an answered session does not give way to a fresh one", ours: { ...high, answered: true }, theirs: low, verdict: "deliver-as-reverse" },
  { desc: "a fresh session gives way to one that was answered", ours: low, theirs: { ...high, answered: true }, verdict: "join" },
  { desc: "two that were answered: the lower UUID", ours: { ...high, answered: true }, theirs: { ...low, answered: true }, verdict: "join" },
  { desc: "not from elsewhere than where ours was answered", ours: { ...low, answered: true }, theirs: { ...high, fromOurEgress: false }, verdict: "collision" },
  { desc: "not where we are not the ingress", ours: { ...low, ingress: false }, theirs: high, verdict: "collision" },
  { desc: "not across tenants", ours: low, theirs: { ...high, tenant: 8 }, verdict: "collision" },
  { desc: "not when the contexts are equal instead of mirrored", ours: low, theirs: { ...high, context: east }, verdict: "collision" },
])("W-10 glare: $desc", ({ ours, theirs, verdict }) => {
  expect(decideGlare(ours, theirs)).toBe(verdict);
});

test.each<{ desc: string; change: Partial<SessionContext> }>([
  { desc: "source", change: { source: addressOfWords(4, 9) } },
  { desc: "destination", change: { destination: addressOfWords(4, 9) } },
  { desc: "source port", change: { sourcePort: 9 } },
  { desc: "destination port", change: { destinationPort: 9 } },
  { desc: "protocol", change: { proto: 6 } },
  { desc: "family", change: { source: addressOfWords(6, 2), family: 6 } },
])("W-10 a context with another $desc is not the mirror", ({ change }) => {
  expect(isMirrored(east, west)).toBe(true);
  expect(isMirrored(east, { ...west, ...change })).toBe(false);
});

test("W-10 two pings with one identifier from both ends are two sessions", () => {
  const ping = { ...east, sourcePort: 77, destinationPort: 0, proto: 1 };
  expect(isMirrored(ping, { ...ping, source: ping.destination, destination: ping.source })).toBe(false);
});

const anyUuid = fc.uint8Array({ minLength: 16, maxLength: 16 });

test("W-10 RB-5 both ends decide alone and exactly the lower UUID is left", () => {
  fc.assert(fc.property(anyUuid, anyUuid, fc.boolean(), (a, b, answered) => {
    fc.pre(a.some((byte, at) => byte !== b[at]));
    const ours = { ...low, uuid: a, answered };
    const theirs = { ...high, uuid: b, answered };
    const verdicts = [decideGlare(ours, theirs), decideGlare(theirs, ours)];
    const aIsLower = BigInt(`0x${Buffer.from(a).toString("hex")}`) < BigInt(`0x${Buffer.from(b).toString("hex")}`);
    expect(verdicts).toEqual(aIsLower ? ["deliver-as-reverse", "join"] : ["join", "deliver-as-reverse"]);
    expect([decideWaypoint(a, b), decideWaypoint(b, a)]).toEqual(aIsLower ? ["keep", "reallocate"] : ["reallocate", "keep"]);
  }));
});
