// O-4 `svrctl capture` on three routers that carry real sessions, read by tshark:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        asked at r1; t and r2 learn of it by TLV 0x8005
//
// The same session at four points of each router, one that began before only where it was asked for, bounds, and no secret.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { outputSchemas } from "../../pkg/cli/outputs.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite, pskOf } from "../support/site.ts";
import { svrctl } from "../support/svrctl.ts";
import { hostAddress, transit } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const port = 8443, POINTS = ["forward in", "forward out", "reverse in", "reverse out"] as const;
const devices = { r1: ["lan0", "wan0", "wan0", "lan0"], t: ["west0", "east0", "east0", "west0"], r2: ["wan0", "lan0", "lan0", "wan0"] };

/** What tshark reads of each packet. */
function read(file: string, ...fields: string[]): string[][] {
  const words = ["-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=|", ...fields.flatMap((field) => ["-e", field])];
  return execFileSync("tshark", ["-r", file, ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 }).trimEnd().split("\n").map((line) => line.split("|"));
}

describeNet("O-4 svrctl capture", () => {
  let fabric: Fabric;
  const sockets = (...names: string[]): string[] => names.flatMap((name) => ["--socket", join(fabric.router(name).stateDir, "admin.sock")]);
  const file = (name: string): string => join(fabric.net.folder, name);

  async function data<K extends keyof typeof outputSchemas>(command: K, ...words: string[]): Promise<z.output<(typeof outputSchemas)[K]>> {
    const { exit, out, err } = await svrctl(...command.split(" "), ...words, "-o", "json");
    expect({ exit, err: err.replace(/^(capture \w+ on|the packets:).*\n/gm, "") }).toEqual({ exit: 0, err: "" });
    return outputSchemas[command].parse(JSON.parse(out)) as z.output<(typeof outputSchemas)[K]>;
  }

  const listed = async (router: string) => (await data("capture list", ...sockets(router))).items;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(transit), openSite({ more: { sourceNat: "Interface" } }));
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port });
    for (const other of [port + 1, port + 2]) await startUdpServer(fabric.net, "b", { address: hostAddress(2, 6), port: other });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test("shows each packet of a session at four points of every router, first packets too; a running one where it was asked for", async () => {
    const old = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port, sessions: 1, everyMs: 50, firstPort: 50_000 });
    await waitFor("it answers", async () => (await old.report()).answered === 1);
    const [running] = await fabric.router("r1").live({ sourcePort: "50000" });
    const run = data("capture run", ...sockets("r1"), "--for", "6s", "--packets", "400", "--write", file("r1.pcapng"));
    await waitFor("it is begun", async () => (await listed("r1")).length === 1);
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port, sessions: 1, everyMs: 50, firstPort: 51_000 });
    const udp = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 6), port: port + 1, firstPort: 52_000 });
    expect(await udp.send(5)).toMatchObject({ answered: 5 });
    await waitFor("it answers", async () => (await client.report()).answered === 1);
    const [begun] = await fabric.router("r1").live({ sourcePort: "51000" }), [datagrams] = await fabric.router("r1").live({ sourcePort: "52000" });
    const { id, items } = await run;
    await Promise.all([old.stop(), client.stop()]);
    expect(items.map((item) => [item.router, item.state, item.lost])).toEqual([["r1", "done", 0]]);
    expect(items[0]?.sessions.map((one) => one.sessionId).sort()).toEqual([running, begun, datagrams].map((one) => one?.sessionId ?? "").sort());
    for (const router of ["t", "r2"]) expect((await listed(router)).map((item) => [item.id, item.origin, item.sessions.map((one) => one.sessionId).sort(), item.lost])).toEqual([[id, "peer", [begun?.sessionId, datagrams?.sessionId].sort(), 0]]);
    await data("capture stop", id, ...sockets("t", "r2"));
    await data("capture fetch", id, "--write", file("all.pcapng"), ...sockets("r1", "t", "r2"));
    const rows = read(file("all.pcapng"), "frame.comment", "frame.interface_name", "frame.time_epoch", "tcp.checksum.status", "udp.checksum.status");
    expect(rows.map(([, , time]) => Number(time))).toEqual(rows.map(([, , time]) => Number(time)).toSorted((a, b) => a - b));
    expect(rows.filter(([, , , tcpSum, udpSum]) => tcpSum === "0" || udpSum === "0")).toEqual([]); // none is bad
    const places = (sessionId: string | undefined): string[] => [...new Set(rows.filter(([comment]) => comment?.includes(sessionId ?? "-")).map(([comment, name]) => `${name ?? ""}; ${comment ?? ""}`))].sort();
    const wanted = (sessionId: string | undefined, ...routers: (keyof typeof devices)[]): string[] =>
      routers.flatMap((router) => POINTS.map((point, at) => `${router} ${devices[router][at]} ${point}; session ${sessionId}, ${point} at ${router}`)).sort();
    for (const session of [begun, datagrams]) expect(places(session?.sessionId)).toEqual(wanted(session?.sessionId, "r1", "t", "r2"));
    expect(places(running?.sessionId)).toEqual(wanted(running?.sessionId, "r1"));
    const counts = (await Promise.all(["r1", "t", "r2"].map(listed))).map(([item]) => item?.sessions.find((one) => one.sessionId === datagrams?.sessionId));
    expect(counts.map((one) => [one?.forwardIn, one?.forwardOut, one?.reverseIn, one?.reverseOut])).toEqual([[5, 5, 5, 5], [5, 5, 5, 5], [5, 5, 5, 5]]);
  }, 60_000);

  test("no file has a key of the routers, and the first packets are in it with their metadata", () => {
    const bytes = readFileSync(file("all.pcapng")).toString("hex");
    expect(bytes).toContain("4c48dbc6ddf6670c"); // the cookie
    const secrets = [["r1", "t"], ["t", "r2"]].flatMap(([a = "", b = ""]) => {
      const keys = Object.values(fabric.keys(a, b)).flatMap((one) => (one instanceof Uint8Array ? [one] : Object.values(one as object).filter((value) => value instanceof Uint8Array)));
      return [pskOf(a, b), ...keys].map(toHex);
    });
    expect(secrets.length).toBeGreaterThan(5);
    for (const secret of secrets) expect([bytes.includes(secret), bytes.includes(Buffer.from(secret).toString("hex"))]).toEqual([false, false]);
  });

  test("keeps to its bounds, says nothing to others when it is local, and is deleted", async () => {
    const run = data("capture run", ...sockets("r1"), "--for", "10s", "--packets", "3", "--sessions", "1", "--local", "--to", `[${hostAddress(2, 6)}]:${port + 2}`);
    await waitFor("it is begun", async () => (await listed("r1")).length === 2);
    const udp = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 6), port: port + 2, firstPort: 53_000, sockets: 2 });
    for (let round = 0; round < 3; round++) expect(await udp.send(5)).toMatchObject({ answered: 10 });
    const { id, items } = await run; // it ends when it has all it may have
    expect(items[0]?.sessions).toMatchObject([{ forwardIn: 3, reverseIn: 3 }]);
    expect(await listed("t")).toHaveLength(1);
    await data("capture delete", id, ...sockets("r1"));
    expect((await svrctl("capture", "show", id, ...sockets("r1"))).exit).toBe(4);
  }, 60_000);
});
