// What the demo says and reads, without a network: options, captures, numbers, report, drawing.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLine, checkNone } from "./checks.ts";
import { readOptions } from "./options.ts";
import { publishCapture } from "./pcap.ts";
import { median, readIperf } from "./rates.ts";
import { joinHops, reportKeys, reportTrouble, writeReport } from "./report.ts";

const folder = mkdtempSync(join(tmpdir(), "demo-unit-"));
afterAll(() => { rmSync(folder, { recursive: true }); });

describe("options", () => {
  test.each<[string[], object]>([
    [[], { keep: false, psk: false, json: undefined, help: false }],
    [["--psk"], { keep: false, psk: true, json: undefined, help: false }],
    [["--keep", "--json", "a.json"], { keep: true, psk: false, json: "a.json", help: false }],
    [["--json=a.json"], { keep: false, psk: false, json: "a.json", help: false }],
    [["-h"], { keep: false, psk: false, json: undefined, help: true }],
  ])("%j", (words, options) => { expect(readOptions(words)).toEqual({ options }); });

  test.each([[["--json"]], [["--json", "--keep"]], [["--json="]], [["--keeep"]], [["--keep=yes"]], [["now"]]])("refused: %j", (words) => {
    expect(readOptions(words)).toHaveProperty("error");
  });
});

describe("captures", () => {
  const record = (length: number, kept = length) => {
    const head = Buffer.alloc(16);
    [100, 250_000_999, kept, length].forEach((value, index) => head.writeUInt32LE(value, index * 4));
    return Buffer.concat([head, Buffer.alloc(kept, 7)]);
  };
  const publish = (...records: readonly Buffer[]) => {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(0xa1b23c4d, 0);
    writeFileSync(join(folder, "a.pcap"), Buffer.concat([head, ...records]));
    return publishCapture(join(folder, "a.pcap"), join(folder, "b.pcap"));
  };

  test("nanoseconds become microseconds and nothing else changes", () => {
    expect(publish(record(60), record(99))).toEqual({ packets: 2, truncated: 0 });
    const [before, after] = [readFileSync(join(folder, "a.pcap")), readFileSync(join(folder, "b.pcap"))];
    expect([after.readUInt32LE(0), after.readUInt32LE(28), after.readUInt32LE(24 + 76 + 4)]).toEqual([0xa1b2c3d4, 250_000, 250_000]);
    for (const [at, value] of [[0, 0xa1b23c4d], [28, 250_000_999], [104, 250_000_999]] as const) after.writeUInt32LE(value, at);
    expect(after.equals(before)).toBe(true);
  });

  test.each<[string, () => Buffer[]]>([
    ["a record that was cut short", () => [record(60, 50)]], ["a file that ends in a record", () => [record(60), record(60).subarray(0, -1)]],
    ["a file that ends in the head of a record", () => [record(60), record(60).subarray(0, 9)]],
  ])("%s is counted", (_title, records) => { expect(publish(...records()).truncated).toBe(1); });

  test("no capture is told by name", () => {
    writeFileSync(join(folder, "x"), Buffer.alloc(64));
    expect(() => publishCapture(join(folder, "x"), join(folder, "y"))).toThrow("x is no pcap file");
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

  test("a report that cannot be written is told before the run", () => {
    expect(reportTrouble(join(folder, "new.json"))).toBeUndefined();
    expect(reportTrouble("new.json")).toBeUndefined();
    expect(reportTrouble(folder)).toMatch(/is a folder; name a file$/);
    expect(reportTrouble(join(folder, "none", "new.json"))).toMatch(/does not exist; make it, or name another file$/);
  });

  test("keys are raw bytes in hex, and only the owner reads the file", () => {
    const psk = reportKeys({ "branch-transit": new Uint8Array(32).fill(1), "transit-cloud": new Uint8Array(32).fill(2) });
    expect(reportKeys(undefined)).toEqual({});
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
