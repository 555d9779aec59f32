// Files of captured packets as their readers see them: the bytes of the format by hand, and tshark as the judge where it is installed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWhere, tshark } from "../../test/support/probe.ts";
import { toHex } from "../base/bytes.ts";
import { parseAddress } from "../base/addresstext.ts";
import type { FilePacket } from "../ports/capture.ts";
import { buildPacket } from "../svr/build.ts";
import { joinPcapng } from "./join.ts";
import { writePcapng } from "./pcapng.ts";

const datagram = (port: number): Uint8Array => buildPacket({ source: parseAddress("10.1.0.10")!, destination: parseAddress("10.9.0.10")! }, { kind: "udp", sourcePort: port, destinationPort: 53 }, new Uint8Array(5));
const packet = (change: Partial<FilePacket>): FilePacket => ({ interface: "a lan0 forward in", direction: "in", timeNs: 1_767_225_600_000_000_001n, length: 33, data: datagram(1), comment: "session 40", ...change });
const file = (packets: FilePacket[], comment = "router a"): Uint8Array => writePcapng({ program: "OpenSVR 0.1.0", comments: [comment], snapLength: 2048, packets, whole: { interface: "a all points", lost: 258, timeNs: 0x3_0000_0004n } });

/** Fields of each packet as tshark reads them. */
function read(bytes: Uint8Array, ...fields: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "opensvr-pcapng-"));
  try {
    writeFileSync(join(folder, "x.pcapng"), bytes);
    const text = execFileSync("tshark", ["-r", join(folder, "x.pcapng"), "-T", "fields", "-E", "separator=|", ...fields.flatMap((field) => ["-e", field])], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return text.trimEnd().split("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("pcapng", () => {
  test("a section header, an interface, a packet: every byte", () => {
    const bytes = file([packet({ data: Uint8Array.of(0x45, 1, 2), length: 700, comment: "c", timeNs: 0x1_0000_0002n, interface: "eth0" })], "cc");
    expect(toHex(bytes)).toBe([
      "0a0d0d0a", "3c000000", "4d3c2b1a", "0100", "0000", "ffffffffffffffff", "0100", "0200", "63630000", "0400", "0d00", "4f70656e53565220302e312e30000000", "00000000", "3c000000",
      "01000000", "28000000", "6500", "0000", "00080000", "0200", "0400", "65746830", "0900", "0100", "09000000", "00000000", "28000000",
      "01000000", "30000000", "6500", "0000", "00080000", "0200", "0c00", "6120616c6c20706f696e7473", "0900", "0100", "09000000", "00000000", "30000000",
      "06000000", "38000000", "00000000", "01000000", "02000000", "03000000", "bc020000", "45010200", "0100", "0100", "63000000", "0200", "0400", "01000000", "00000000", "38000000",
      "05000000", "28000000", "01000000", "03000000", "04000000", "0500", "0800", "0201000000000000", "00000000", "28000000",
    ].join(""));
  });

  test("one file joined alone is the same file; no file is a file without packets", () => {
    const a = file([packet({}), packet({ timeNs: 1n, comment: "" })]);
    expect(toHex(joinPcapng([a])!)).toBe(toHex(a));
    expect(joinPcapng([])).toHaveLength(48 - 12);
  });

  test("what is no such file, or ends early, is refused", () => {
    const a = file([packet({})]);
    const strange = a.slice();
    strange[60] = 9; // another type of block
    const order = a.slice();
    order[8] = 0;
    for (const bad of [a.subarray(1), a.subarray(0, a.length - 4), new Uint8Array(12), strange, order, a.subarray(60)]) expect(joinPcapng([bad])).toBeUndefined();
    for (let at = 1; at < a.length; at++) expect(() => joinPcapng([a.subarray(0, at)])).not.toThrow();
  });
});

describeWhere([tshark], "pcapng as tshark reads it", () => {
  test("names of interfaces, comments, times and lengths, in the order of time", () => {
    const bytes = file([packet({ timeNs: 1_767_225_601_000_000_000n, data: datagram(2), interface: "a wan0 forward out", direction: "out" }), packet({ length: 1500 })]);
    expect(read(bytes, "frame.interface_name", "frame.comment", "frame.time_epoch", "frame.len", "frame.cap_len", "udp.srcport", "frame.packet_flags_direction")).toEqual([
      "a lan0 forward in|session 40|1767225600.000000001|1500|33|1|0x00000001", "a wan0 forward out|session 40|1767225601.000000000|33|33|2|0x00000002",
    ]);
  });

  test("files of two routers become one, in the order of time", () => {
    const a = file([packet({}), packet({ timeNs: 1_767_225_603_000_000_000n, data: datagram(3) })]);
    const b = file([packet({ timeNs: 1_767_225_602_000_000_000n, data: datagram(2), interface: "b wan0 forward in", comment: "at b" })], "router b");
    const joined = joinPcapng([a, b])!;
    expect(read(joined, "frame.interface_name", "udp.srcport", "frame.comment")).toEqual(["a lan0 forward in|1|session 40", "b wan0 forward in|2|at b", "a lan0 forward in|3|session 40"]);
    expect(Buffer.from(joined).includes("router a") && Buffer.from(joined).includes("router b")).toBe(true);
  });
});
