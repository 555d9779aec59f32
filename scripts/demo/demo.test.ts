// What the demo says and reads, without a network: options, captures, numbers, report, drawing.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLine, checkNone } from "./checks.ts";
import { readOptions } from "./options.ts";
import { parseCapture, writeMicroseconds } from "./pcap.ts";
import { median, readIperf } from "./rates.ts";
import { joinHops, reportKeys, writeReport } from "./report.ts";

const folder = mkdtempSync(join(tmpdir(), "demo-unit-"));
afterAll(() => { rmSync(folder, { recursive: true }); });

describe("options", () => {
  test.each<[string[], object]>([
    [[], { keep: false, json: undefined, help: false }],
    [["--psk"], { keep: false, json: undefined, help: false }],
    [["--keep", "--json", "a.json"], { keep: true, json: "a.json", help: false }],
    [["--json=a.json"], { keep: false, json: "a.json", help: false }],
    [["-h"], { keep: false, json: undefined, help: true }],
  ])("%j", (words, options) => { expect(readOptions(words)).toEqual({ options }); });

  test.each([[["--json"]], [["--json", "--keep"]], [["--json="]], [["--keeep"]], [["--keep=yes"]], [["now"]]])("refused: %j", (words) => {
    expect(readOptions(words)).toHaveProperty("error");
  });
});

describe("captures", () => {
  const ethernet = (type: number, ...rest: number[]) => Uint8Array.from([...Array<number>(12).fill(2), type >> 8, type & 255, ...rest]);
  const file = (records: readonly { data: Uint8Array; length?: number }[], options: { nano: boolean; little: boolean }) => {
    const parts = [header(options), ...records.flatMap(({ data, length }) => {
      const head = Buffer.alloc(16);
      [100, 250_000_000 / (options.nano ? 1 : 1000), data.length, length ?? data.length].forEach((value, index) => options.little ? head.writeUInt32LE(value, index * 4) : head.writeUInt32BE(value, index * 4));
      return [head, Buffer.from(data)];
    })];
    return Buffer.concat(parts);
  };
  const header = ({ nano, little }: { nano: boolean; little: boolean }) => {
    const head = Buffer.alloc(24);
    const write = (value: number, at: number) => little ? head.writeUInt32LE(value, at) : head.writeUInt32BE(value, at);
    write(nano ? 0xa1b23c4d : 0xa1b2c3d4, 0);
    write(1, 20);
    return head;
  };

  test.each([[true, true], [true, false], [false, true], [false, false]])("nanoseconds %s, little endian %s", (nano, little) => {
    const capture = parseCapture(file([{ data: ethernet(0x0800, 0x45, 1) }, { data: ethernet(0x0806, 9) }, { data: ethernet(0x8100, 0, 5, 0x86, 0xdd, 0x60) }], { nano, little }));
    expect(capture).toEqual({ frames: [{ at: 100.25, ip: Buffer.from([0x45, 1]) }, { at: 100.25, ip: Buffer.from([0x60]) }], others: 1, truncated: 0 });
  });

  test("what was cut short is counted", () => {
    const options = { nano: true, little: true };
    expect(parseCapture(file([{ data: ethernet(0x0800, 0x45), length: 99 }], options)).truncated).toBe(1);
    expect(parseCapture(file([{ data: ethernet(0x0800, 0x45) }], options).subarray(0, -1)).truncated).toBe(1);
    expect(parseCapture(file([{ data: ethernet(0x0800, 0x45) }], options).subarray(0, 30)).truncated).toBe(1);
  });

  test("no capture is told by name", () => {
    expect(() => parseCapture(Buffer.alloc(64), "x.pcap")).toThrow("x.pcap is not a pcap file");
    expect(() => parseCapture(Buffer.alloc(3), "x.pcap")).toThrow("x.pcap is not a pcap file");
  });

  test("nanoseconds become microseconds", () => {
    const [from, to] = [join(folder, "a.pcap"), join(folder, "b.pcap")];
    writeFileSync(from, file([{ data: ethernet(0x0800, 0x45, 1) }, { data: ethernet(0x0800, 0x46) }], { nano: true, little: true }));
    writeMicroseconds(from, to);
    expect(readFileSync(to).readUInt32LE(0)).toBe(0xa1b2c3d4);
    expect(parseCapture(readFileSync(to))).toEqual(parseCapture(readFileSync(from)));
  });
});

describe("numbers", () => {
  test("median", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow();
  });

  test("iperf3", () => {
    expect(readIperf('{"end":{"sum_received":{"bits_per_second":2e9,"bytes":5}}}')).toEqual({ gbps: 2, bytes: 5 });
    expect(readIperf('{"end":{"sum":{"bits_per_second":1e9,"bytes":6}}}')).toEqual({ gbps: 1, bytes: 6 });
    expect(() => readIperf('{"error":"refused"}')).toThrow("refused");
    expect(() => readIperf('{"end":{}}')).toThrow("no sums");
  });
});

describe("report", () => {
  test("sessions are joined by UUID in the order of the routers", () => {
    const view = (sessionId: string, role: string) => ({ sessionId, role, life: "live" as const, idle: 0, flows: [] });
    const joined = joinHops(new Map([["branch", [view("a", "ingress")]], ["transit", [view("a", "transit"), view("b", "transit")]]]));
    expect(joined.map(({ sessionId, role, hops }) => [sessionId, role, hops.map((hop) => hop.router)])).toEqual([["a", "ingress", ["branch", "transit"]], ["b", "transit", ["transit"]]]);
  });

  test("keys are raw bytes in hex, and only the owner reads the file", () => {
    const psk = reportKeys({ "branch-transit": new Uint8Array(32).fill(1), "transit-cloud": new Uint8Array(32).fill(2) });
    expect(psk["branch-transit"]).toEqual({ pair: ["branch", "transit"], key: "01".repeat(32) });
    const path = join(folder, "report.json");
    const report = { checks: [], sessions: [], throughput: { svr_gbps: 2, kernel_gbps: 1, ratio: 2 }, pcap: {}, psk };
    writeReport(path, report);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(report);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe("checks", () => {
  test("nothing to look at is a fault", () => { expect(checkNone("a", [], { count: 0, what: "packets" })).toMatchObject({ ok: false, detail: "there were no packets to look at" }); });
  test("faults are counted and the first ones named", () => {
    expect(checkNone("a", ["1", "2", "3", "4", "5"], { count: 9, what: "packets" }).detail).toBe("5 of 9 packets: 1; 2; 3; 4 and 1 more");
    expect(checkLine(checkNone("a", [], { count: 2, what: "packets" }))).toBe("  ok    a: 2 packets");
    expect(checkLine(checkNone("a", ["b"], { count: 2, what: "packets" }))).toBe("  FAIL  a: 1 of 2 packets: b");
  });
});
