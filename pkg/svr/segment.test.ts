// Small questions about one segment: stamps, forms, needs.
import { elapsedMs, freshSegment, metadataForm, needsMetadata, packetEvent, stampOf } from "./segment.ts";

const initiator = freshSegment("initiator", false, 1);
const responder = freshSegment("responder", true, 1);

test.each([
  { desc: "rule 1: I-META", direction: "forward", state: initiator, needs: true },
  { desc: "rule 1: I-QUIET", direction: "forward", state: { ...initiator, meta: false }, needs: false },
  { desc: "rule 2: R-META", direction: "reverse", state: responder, needs: true },
  { desc: "rule 2: R-QUIET", direction: "reverse", state: { ...responder, meta: false }, needs: false },
  { desc: "transit without the reverse TLVs", direction: "reverse", state: { ...responder, haveReverse: false }, needs: false },
  { desc: "rule 5: I-QUIET owes an answer", direction: "forward", state: { ...initiator, meta: false, owed: true }, needs: true },
  { desc: "an initiator's reverse packets", direction: "reverse", state: initiator, needs: false },
  { desc: "a responder's forward packets", direction: "forward", state: responder, needs: false },
] as const)("5 needs metadata: $desc", ({ direction, state, needs }) => {
  expect(needsMetadata(direction, state)).toBe(needs);
});

test.each([
  { desc: "rules 1, 2, 5 before all others", full: true, headerTlvs: true, cookieBody: true, form: "full" },
  { desc: "rules 3 and 7", full: false, headerTlvs: true, cookieBody: true, form: "header" },
  { desc: "rule 8", full: false, headerTlvs: false, cookieBody: true, form: "empty" },
  { desc: "no rule: zero added bytes", full: false, headerTlvs: false, cookieBody: false, form: "none" },
] as const)("5 form of metadata: $desc", ({ full, headerTlvs, cookieBody, form }) => {
  expect(metadataForm(full, { headerTlvs, cookieBody })).toBe(form);
});

test.each(["none", "empty", "header"] as const)("5 a packet with metadata form %s counts as without metadata", (form) => {
  expect(packetEvent("forward", form, { uuidEqual: true })).toEqual({ kind: "forwardPacket" });
  expect(packetEvent("reverse", form, { uuidEqual: true })).toEqual({ kind: "reversePacket" });
});

test("5 full metadata is metadata of its direction", () => {
  expect(packetEvent("forward", "full", { uuidEqual: true })).toEqual({ kind: "forwardMetadata", uuidEqual: true });
  expect(packetEvent("reverse", "full", { uuidEqual: false })).toEqual({ kind: "reverseMetadata", uuidEqual: false });
});

test.each([
  { desc: "plain", now: 5_000, stamp: 4_000, ms: 1_000 },
  { desc: "a stamp written after now was read", now: 5_000, stamp: 5_003, ms: 0 },
  { desc: "across the 32-bit wrap", now: 2 ** 32 + 400, stamp: 2 ** 32 - 600, ms: 1_000 },
  { desc: "days", now: 40 * 86_400_000, stamp: 86_400_000, ms: 39 * 86_400_000 },
])("time since a stamp: $desc", ({ now, stamp, ms }) => {
  expect(elapsedMs(now, stampOf(stamp))).toBe(ms);
});

test("a stamp is never 0, which means never", () => {
  expect(stampOf(2 ** 32)).toBe(1);
  expect(stampOf(2 ** 32 + 5)).toBe(5);
});
