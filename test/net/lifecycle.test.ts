// How TCP sessions begin and end, segment by segment, against a real server:
//
//   (10.1.0.77, single packets) a --lan0 r1 wan0 == wan0 r2 lan0-- b
//
// L-3 (RST and FIN end early, GUARD, a new SYN), L-4 (a tuple used again at once), W-8 (data in the SYN).
import { TCP_ACK, TCP_PSH, TCP_RST, TCP_SYN } from "../../pkg/svr/constants.ts";
import { startCapture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { RawTcp, openRawHost } from "../support/rawtcp.ts";
import type { RawHost } from "../support/rawtcp.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startTcpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { isHandshake, readWire } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const text = Uint8Array.of(...Buffer.from("sixteen octets!!"));

describeNet("the life of TCP sessions", () => {
  let fabric: Fabric, r1: Router, r2: Router;
  const raw = new Map<Family, RawHost>();
  let port = 4000;

  beforeAll(async () => {
    const more = { timers: { reset: "1s" } };
    fabric = await startFabric(await openNet(withoutOffloads(pair)), openSite({ routers: { r1: { more }, r2: { more } } }));
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    for (const family of families) raw.set(family, await openRawHost(fabric.net, { host: "a", router: "r1", device: "lan0", address: hostAddress(1, family, 77) }));
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const idsOf = async (router: Router, of: number): Promise<string[]> => (await router.live()).filter((one) => one.destinationPort === of).map((one) => one.sessionId);
  const ended = async (router: Router, id: string): Promise<string | undefined> =>
    (await waitFor(`the end record of ${id} on ${router.name}`, () => router.records().find((one) => one.recordType === "end" && one.sessionId === id), { deadlineMs: 15_000 })).endReason;

  async function begin(family: Family): Promise<{ of: number; id: string; open(isn: number): RawTcp; first: RawTcp }> {
    const at = { address: hostAddress(2, family), port: ++port };
    await startTcpServer(fabric.net, "b", at);
    const host = raw.get(family);
    if (host === undefined) throw new Error("no raw host");
    const open = (isn: number): RawTcp => new RawTcp(host, at, 50_000, isn);
    const first = open(1000);
    await first.open();
    await first.say(text);
    const [id = ""] = await idsOf(r1, at.port);
    expect([(await r1.live({ sessionId: id })).length, await idsOf(r2, at.port)]).toEqual([1, [id]]);
    return { of: at.port, id, open, first };
  }

  test.each(families)("L-3 IPv%i: FIN of both ends a session early; late packets in GUARD open nothing; a new SYN opens another session", async (family) => {
    const { of, id, open, first } = await begin(family);
    await first.close();
    await waitFor("it is in GUARD", async () => (await r1.sessions({ sessionId: id }))[0]?.life === "guard");
    const before = (await first.heard()).length;
    await raw.get(family)?.send(first.segment(TCP_ACK | TCP_PSH, text), first.segment(TCP_ACK));
    expect([await idsOf(r1, of), await idsOf(r2, of)]).toEqual([[], []]);
    const next = open(900_000);
    await next.open(); // at once, while the old one is in GUARD
    await next.say(text);
    const [other = ""] = await idsOf(r1, of);
    expect([other.length, other === id, await idsOf(r2, of)]).toEqual([32, false, [other]]);
    const answers = (await first.heard()).slice(before).filter((one) => ((one.packet.tcp?.flags ?? 0) & TCP_RST) !== 0);
    expect(answers.length).toBeLessThanOrEqual(2); // the server's own, to segments that fit the old flow; r1 sends none
    expect([await ended(r1, id), await ended(r2, id)]).toEqual(["fin", "fin"]);
    await next.close();
    expect([await ended(r1, other), await ended(r2, other)]).toEqual(["fin", "fin"]);
  }, 60_000);

  test.each(families)("L-3 IPv%i: RST ends a session early; packets after it open nothing", async (family) => {
    const { of, id, first } = await begin(family);
    await first.reset();
    await waitFor("no live session", async () => (await idsOf(r1, of)).length === 0 && (await idsOf(r2, of)).length === 0, { deadlineMs: 15_000 });
    await raw.get(family)?.send(first.segment(TCP_ACK | TCP_PSH, text));
    expect([await idsOf(r1, of), await idsOf(r2, of)]).toEqual([[], []]);
    expect([await ended(r1, id), await ended(r2, id)]).toEqual(["rst", "rst"]);
  }, 60_000);

  test.each(families)("L-4 IPv%i: the same 5-tuple used again right after a RST: new UUID, nothing of the old state", async (family) => {
    const { of, id, open, first } = await begin(family);
    for (let round = 0; round < 3; round++) await first.say(text);
    await first.reset();
    const next = open(2_000_000);
    await next.open();
    await next.say(text);
    const [view] = (await r1.live()).filter((one) => one.destinationPort === of);
    const [far] = (await r2.live()).filter((one) => one.destinationPort === of);
    expect([view?.sessionId.length, view?.sessionId === id, far?.sessionId]).toEqual([32, false, view?.sessionId]);
    expect([view?.forwardPackets, view?.tcpState]).toEqual([4, "established"]); // SYN, ACK, data, ACK
    expect([2, 3]).toContain(view?.reversePackets); // SYN-ACK, echo, with or without an ACK between them
    expect(await ended(r1, id)).toBe("rst");
    expect(["rst", "evicted"]).toContain(await ended(r2, id)); // the collision rule of behaviour 3.2, unless the RST counted first
  }, 60_000);

  test.each(families)("L-4 IPv%i: a SYN on an established session changes nothing, the hosts decide", async (family) => {
    const { of, id, first } = await begin(family);
    await raw.get(family)?.send(first.segment(TCP_SYN, undefined, { seq: 77_777 }));
    await first.say(text);
    expect([await idsOf(r1, of), await idsOf(r2, of)]).toEqual([[id], [id]]);
    await first.close();
  }, 60_000);

  test.each(families)("W-8 IPv%i: data in a SYN crosses with the SYN, beside its metadata", async (family) => {
    const at = { address: hostAddress(2, family), port: ++port };
    await startTcpServer(fabric.net, "b", at);
    const [wan, far] = [await startCapture(fabric.net, "r1", "wan0"), await startCapture(fabric.net, "b", "eth0")];
    const host = raw.get(family);
    if (host === undefined) throw new Error("no raw host");
    await new RawTcp(host, at, 51_000, 5000).open(text);
    const isSyn = (flags: number | undefined): boolean => ((flags ?? 0) & TCP_SYN) !== 0;
    const [outer, ...others] = readWire(await wan.stop(), fabric.keys("r1", "r2")).filter((one) => isSyn(one.packet.tcp?.flags));
    expect([outer?.packet.tcp?.seq, outer && isHandshake(outer), outer?.metadata?.authentic, Buffer.from(outer?.body ?? []).toString()]).toEqual([5000, true, true, "sixteen octets!!"]);
    const answer = others.find((one) => one.packet.tcp?.flags === (TCP_SYN | TCP_ACK));
    expect([answer && isHandshake(answer), [5001, 5017].includes(answer?.packet.tcp?.ack ?? 0)]).toEqual([true, true]); // with Fast Open, or without
    const [inner] = readWire(await far.stop()).filter((one) => one.packet.destinationPort === at.port);
    expect([inner?.packet.tcp?.seq, inner?.metadata, Buffer.from(inner?.body ?? []).toString()]).toEqual([5000, undefined, "sixteen octets!!"]);
  }, 60_000);
});
