// RB-32: the VLAN is part of the flow key, so more than a thousand VLANs with one and the same 5-tuple are as many sessions.
// Kernels without 8021q have no VLAN devices; tags in packets need none.
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { families, hostSide, install, peerSide, prepare, send, session, UDP } from "./fixture.ts";
import { bytesOf } from "./packets.ts";

const VLANS = 1_100;
let harness: Harness;
beforeAll(() => { harness = openHarness({ slots: 2048, buckets: 1024, shards: 2 }); });
afterAll(async () => { await harness.close(); });

test.each(families)("L-9 RB-32 $name: 1,100 VLANs with one 5-tuple are 1,100 sessions, and no packet goes to another one", async (f) => {
  await prepare(harness);
  for (let vlan = 1; vlan <= VLANS; vlan++) {
    const peer = peerSide(f, UDP, { localPort: 16384 + 2 * vlan, remotePort: 16385 + 2 * vlan });
    await install(harness, { slot: vlan, sides: [hostSide(f, UDP, { vlan }), peer], fields: { context_proto: UDP } });
  }
  const seen: unknown[] = [];
  for (let vlan = 1; vlan <= VLANS; vlan++) {
    const { verdict, out } = await send(harness, { from: f.host, to: f.server, udp: { sport: 40000, dport: 443, body: bytesOf("query") } }, { vlan });
    seen.push([verdict, parseInt(out.slice(f.header * 2, f.header * 2 + 4), 16)]);
  }
  expect(seen).toEqual(Array.from({ length: VLANS }, (_, index) => ["forward", 16384 + 2 * (index + 1)]));
  for (const vlan of [1, 2, 999, 1000, 1001, VLANS]) expect((await session(harness, vlan))["packets0"]).toBe(1);
  expect(await send(harness, { from: f.host, to: f.server, udp: { sport: 40000, dport: 443 } }, { vlan: VLANS + 1 })).toMatchObject({ verdict: "punt:miss" });
}, 60_000);
