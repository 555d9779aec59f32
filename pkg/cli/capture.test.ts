// `svrctl capture`: which routers are asked what, what stands in the file, what people read, and what an interrupt leaves.
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CannedReply, CliWorld } from "../../test/support/cli.ts";
import { captureFile, joinPcapng } from "../../test/support/pcapng.ts";

const sessionId = "0".repeat(31).concat("1");
const view = (change: object = {}): object => ({
  id: "c1", state: "done", origin: "user", filter: { service: "shop/web" }, limits: { packets: 100, sessions: 20 }, begun: "2026-01-01T00:00:00.000Z", ends: "2026-01-01T00:00:30.000Z",
  sessions: [{ sessionId, forwardIn: 4, forwardOut: 3, reverseIn: 2, reverseOut: 1 }], packets: 10, bytes: 2_000, lost: 0, ...change,
});
const files = { branch: captureFile("branch", 2n), cloud: captureFile("cloud", 1n) };

function world(change: Partial<Record<"branch" | "cloud", Record<string, CannedReply>>> = {}): CliWorld {
  const socketsOf = (name: "branch" | "cloud"): CliWorld["sockets"] => ({
    [socketOf(name)]: { [self]: statusBody(name), "/api/v1/captures": { body: { items: [view()] } }, "/api/v1/captures/c1": { body: view() }, ...change[name] },
    [socketOf(name).replace("admin.sock", "control.sock")]: {
      "/api/v1/captures": { body: view({ state: "running" }) }, "/api/v1/captures/c1/stop": { body: view() }, "/api/v1/captures/c1/delete": { body: view() }, "/api/v1/captures/c1/pcap": { body: files[name] }, ...change[name],
    },
  });
  return { sockets: { ...socketsOf("branch"), ...socketsOf("cloud") } };
}

describe("svrctl capture", () => {
  test("begins on every router, waits, joins what they captured in the order of time", async () => {
    const { exit, out, err, asked, written } = await runCli("capture --service shop/web --write /tmp/x.pcapng", world());
    expect({ exit, err }).toEqual({ exit: 0, err: "capture c1 on branch, cloud for 30 s; Ctrl-C ends it earlier\n" });
    expect(out.split("\n")).toEqual([
      "ROUTER  SESSION                           FORWARD IN  FORWARD OUT  REVERSE IN  REVERSE OUT",
      `branch  ${sessionId}           4            3           2            1`, `cloud   ${sessionId}           4            3           2            1`, "",
    ]);
    expect(asked.filter((line) => line.includes("control.sock"))).toEqual([
      "/state/branch/control.sock /api/v1/captures", "/state/cloud/control.sock /api/v1/captures", "/state/branch/control.sock /api/v1/captures/c1/pcap", "/state/cloud/control.sock /api/v1/captures/c1/pcap",
    ]);
    expect([...written]).toEqual([["/tmp/x.pcapng", joinPcapng([files.branch, files.cloud])]]);
  });

  test("no router knows of it any more: nothing is said of packets, and no file is written", async () => {
    const { exit, out, err, written } = await runCli("capture --router branch --write x", world({ branch: { "/api/v1/captures/c1": { status: 404, body: {} } } }));
    expect({ exit, out, written: written.size }).toEqual({ exit: 4, out: "", written: 0 });
    expect(err).toContain("cannot read capture c1 of router branch");
  });

  test("without a file the packets stay with the routers, and it says how to get them", async () => {
    const { exit, err, written } = await runCli("capture --router branch", world());
    expect({ exit, written: written.size }).toEqual({ exit: 0, written: 0 });
    expect(err).toContain("svrctl capture fetch c1 --write FILE.pcapng");
  });

  test("tells what was lost, and that nothing was captured", async () => {
    const { out } = await runCli("capture --router branch", world({ branch: { "/api/v1/captures/c1": { body: view({ lost: 7, sessions: [] }) } } }));
    expect(out).toBe("no session was captured\n7 packets were lost at router branch\n");
  });

  test("a router that refuses does not keep the others from it, and decides the exit code", async () => {
    const refused = world();
    refused.sockets![socketOf("branch").replace("admin.sock", "control.sock")] = { kind: "forbidden", detail: "EACCES" };
    const { exit, err, written } = await runCli("capture --write x", refused);
    expect({ exit, written: [...written.values()] }).toEqual({ exit: 5, written: [joinPcapng([files.cloud])] });
    expect(err).toContain("SVR_NOT_PERMITTED: cannot read the beginning of a capture of router branch");
    refused.sockets![socketOf("cloud").replace("admin.sock", "control.sock")] = { kind: "refused", detail: "ECONNREFUSED" };
    expect(await runCli("capture --write x", refused)).toMatchObject({ exit: 5, out: "" });
  });

  test.each([
    ["a file that cannot be written", { fullDisk: true }, {}, 2, "SVR_USAGE: cannot write x: the system says ENOSPC"],
    ["a router that sends something else", {}, { "/api/v1/captures/c1/pcap": { body: new Uint8Array(5) } }, 1, "what a router sent is no capture file"],
    ["a router that has no such capture any more", {}, { "/api/v1/captures/c1/pcap": { status: 404, body: {} } }, 4, "SVR_NOT_FOUND: cannot read the packets of capture c1"],
  ])("%s is told", async (_desc, more, branch, exit, text) => {
    const outcome = await runCli("capture fetch c1 --write x --router branch", { ...world({ branch }), ...more });
    expect(outcome).toMatchObject({ exit, out: "" });
    expect(outcome.err).toContain(text);
  });

  test("list and show", async () => {
    const list = await runCli("capture list", world({ cloud: { "/api/v1/captures": { body: { items: [view({ origin: "peer", filter: {}, lost: 3, state: "running" })] } } } }));
    expect(list.out.split("\n")).toEqual([
      "ROUTER  CAPTURE  STATE    BEGUN BY  SESSIONS  PACKETS   BYTES  LOST  FILTER", "branch  c1       done     user             1       10  2.0KiB     0  service=shop/web",
      "cloud   c1       running  peer             1       10  2.0KiB     3  its tag", "",
    ]);
    expect(await runCli("capture show c1 --router cloud", world())).toMatchObject({ exit: 0, out: expect.stringContaining(`cloud   ${sessionId}`) as string });
    expect(await runCli("capture show c9", world())).toMatchObject({ exit: 4, out: "" });
  });

  test("what one router of several does not have is no failure", async () => {
    const gone = world({ branch: { "/api/v1/captures/c1/delete": { status: 404, body: {} }, "/api/v1/captures/c1/pcap": { status: 404, body: {} } } });
    expect(await runCli("capture delete c1", gone)).toMatchObject({ exit: 0, err: "" });
    const fetched = await runCli("capture fetch c1 --write x", gone);
    expect(fetched).toMatchObject({ exit: 0, err: "", out: expect.stringMatching(/^x: capture c1 of cloud, \d+ bytes\n$/) as string });
  });
});
