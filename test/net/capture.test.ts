// O-4 `svrctl capture` on three routers that carry real sessions, read by tshark:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        asked at r1; t and r2 learn of it by TLV 0x8005
//
// The same session at four points of each router, one that began before only where it was asked for, bounds, and no secret.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { outputSchemas } from "../../pkg/cli/outputs.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import { openMap } from "../../pkg/datapath/maps.ts";
import { createPins } from "../../pkg/datapath/pins.ts";
import { openNative } from "../../pkg/native/binding.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite, pskOf } from "../support/site.ts";
import { droppedIn } from "../support/pcapng.ts";
import { startSvrctl, svrctl } from "../support/svrctl.ts";
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
  /** Sessions that the data plane of a router is still to copy packets of. */
  const wanted = (router: string): number => {
    const map = openMap(openNative(), createPins(fabric.net.pinFolder(router)).map("captured"));
    try {
      return map.dump().length;
    } finally {
      map.close();
    }
  };
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
    for (const other of [port + 1, port + 2, port + 3, port + 4, port + 5, port + 6]) await startUdpServer(fabric.net, "b", { address: hostAddress(2, 6), port: other });
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

  test("a full ring: what is lost is counted, in what svrctl prints and in the file; forwarding is unharmed", async () => {
    const to = `[${hostAddress(2, 6)}]:${port + 3}`, before = await fabric.router("r1").drops();
    const run = svrctl("capture", "run", ...sockets("r1"), "--for", "8s", "--packets", "2000", "--local", "--to", to, "--write", file("full.pcapng"));
    await waitFor("it is begun", async () => (await listed("r1")).some((item) => item.state === "running"));
    const udp = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 6), port: port + 3, firstPort: 54_000, bytes: 1200 });
    expect(await udp.send(5)).toMatchObject({ answered: 5 });
    expect(await udp.send(5)).toMatchObject({ answered: 5 });
    const { process } = fabric.router("r1"), rounds = 16;
    process.signal("SIGSTOP"); // nobody empties the ring, which has room for some 1,000 of these
    try {
      for (let round = 0; round < rounds; round++) expect(await udp.send(20)).toMatchObject({ answered: 20, wrong: 0 });
    } finally {
      process.signal("SIGCONT");
    }
    const { exit, out } = await run;
    const [item] = (await listed("r1")).filter((one) => one.filter["destinationPort"] === String(port + 3));
    const seen = item?.sessions.flatMap(({ forwardIn, forwardOut, reverseIn, reverseOut }) => [forwardIn, forwardOut, reverseIn, reverseOut]) ?? [];
    expect([exit, seen.length, item!.lost > 0, seen.reduce((sum, count) => sum + count, 0) + item!.lost]).toEqual([0, 4, true, 4 * (10 + 20 * rounds)]);
    expect(out).toContain(`${item?.lost} packets were lost at router r1\n`);
    expect(droppedIn(readFileSync(file("full.pcapng")))).toEqual({ "r1 all points": item?.lost });
    expect(read(file("full.pcapng"), "frame.number")).toHaveLength(item!.packets);
    expect([await fabric.router("r1").drops(), wanted("r1")]).toEqual([before, 0]);
  }, 60_000);

  test.each([["SIGINT", 4], ["SIGTERM", 5]] as const)("ended by %s it writes what came until then, ends at the routers asked, and says 130", async (signal, more) => {
    const name = file(`${signal}.pcapng`);
    const running = startSvrctl("capture", "run", ...sockets("r1", "r2"), "--for", "1h", "--to", `[${hostAddress(2, 6)}]:${port + more}`, "--write", name);
    await running.said;
    const udp = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 6), port: port + more, firstPort: 54_000 + more });
    for (const _round of [1, 2]) expect(await udp.send(5)).toMatchObject({ answered: 5 });
    expect(["r1", "r2"].map(wanted)).toEqual([1, 1]);
    running.kill(signal);
    const { exit, out, err } = await running.outcome;
    expect([exit, out.split("\n").length, err.includes("SVR_INTERRUPTED")]).toEqual([130, 4, true]);
    const points = (router: string): [string, number][] => POINTS.map((point, at) => [`${router} ${devices[router as "r1" | "r2"][at]} ${point}`, 10]);
    const places = read(name, "frame.interface_name").map(([place]) => place ?? "");
    expect([...new Set(places)].sort().map((place) => [place, places.filter((one) => one === place).length])).toEqual([...points("r1"), ...points("r2")].sort());
    expect(droppedIn(readFileSync(name))).toEqual({ "r1 all points": 0, "r2 all points": 0 });
    for (const router of ["r1", "r2"]) expect([router, wanted(router), (await listed(router)).at(-1)?.state]).toEqual([router, 0, "done"]);
    expect(await udp.send(5)).toMatchObject({ answered: 5 });
  }, 60_000);

  test("a router that restarts meanwhile forgets the capture, which says so; sessions go on and are copied no more", async () => {
    const r1 = fabric.router("r1");
    const running = startSvrctl("capture", "run", ...sockets("r1"), "--for", "1h", "--local", "--to", `[${hostAddress(2, 6)}]:${port + 6}`, "--write", file("restart.pcapng"));
    await running.said;
    const udp = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 6), port: port + 6, firstPort: 56_000 });
    for (const _round of [1, 2]) expect(await udp.send(5)).toMatchObject({ answered: 5 });
    await r1.kill();
    expect([await udp.send(5), wanted("r1")]).toMatchObject([{ answered: 5 }, 1]);
    const { exit, out, err } = await running.outcome;
    expect([exit, out, existsSync(file("restart.pcapng"))]).toEqual([6, "", false]);
    expect(err).toMatch(/cannot read capture \w+ of router r1/);
    await r1.start();
    expect([wanted("r1"), await listed("r1")]).toEqual([0, []]);
    expect(await udp.send(5)).toMatchObject({ answered: 5 });
    expect((await r1.verify()).faults).toEqual([]);
  }, 60_000);
});
