// The tag of a capture there and back, and tags of others.
import { CAPTURE_PACKETS, CAPTURE_PACKETS_MOST, isCaptureId, readCaptureTag, writeCaptureTag } from "./capturetag.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("the tag of a capture", () => {
  test.each([["c-1", 1], ["0123456789abcdef", 100], ["a".repeat(40), CAPTURE_PACKETS_MOST]])("%s with %i packets is read as written, in at most 64 bytes", (id, packets) => {
    const tag = writeCaptureTag({ id, packets });
    expect(tag.length).toBeLessThanOrEqual(64);
    expect(readCaptureTag(tag)).toEqual({ id, packets });
    expect(isCaptureId(id)).toBe(true);
  });

  test.each([
    ["c/0", { id: "c", packets: 1 }], ["c/99999", { id: "c", packets: CAPTURE_PACKETS_MOST }], ["C/1", { id: "x-432f31", packets: CAPTURE_PACKETS }],
    ["c", { id: "x-63", packets: CAPTURE_PACKETS }], ["", { id: "x-", packets: CAPTURE_PACKETS }],
  ])("%p is a tag of another maker, or out of bounds", (text, read) => {
    expect(readCaptureTag(bytes(text))).toEqual(read);
    expect(isCaptureId(readCaptureTag(bytes(text)).id)).toBe(true);
  });

  test("64 bytes of anything are a name that a capture may have", () => {
    expect(isCaptureId(readCaptureTag(new Uint8Array(64).fill(255)).id)).toBe(true);
  });

  test.each(["", "A", "a b", "a/b", "a".repeat(41)])("%p is no name", (text) => { expect(isCaptureId(text)).toBe(false); });
});
