// Which sessions are of one kind (Sift): the datapath suite's cases, for all that a configuration decides on and for some that it does not.
import { addressOfWords } from "../../pkg/base/address.ts";
import { Flag } from "../../pkg/svr/session.ts";
import type { Session, SessionSide } from "../../pkg/svr/session.ts";
import type { FlowKind } from "../support/flows.ts";
import type { OpenWorld } from "./datapathsuite.ts";
import { freshSession, install } from "./world.ts";
import type { PortWorld } from "./world.ts";

const egress: FlowKind = { family: 6, proto: "udp", role: "egress" };

type Change = (session: Session) => Partial<Session>;

const context = (change: Partial<Session["context"]>): Change => (session) => ({ context: { ...session.context, ...change } });
const side = (index: 0 | 1, change: Partial<SessionSide>): Change => ({ side: [from, to] }) => ({ side: index === 0 ? [{ ...from, ...change }, to] : [from, { ...to, ...change }] });
const far = addressOfWords(6, 1, 2, 3, 4), near = addressOfWords(6, 0x20010db8, 9, 8, 7);

const telling: [string, Change][] = [
  ["tenant", () => ({ tenant: 77 })], ["service", () => ({ service: 78 })], ["translation of the source", ({ flags }) => ({ flags: flags ^ Flag.snat })],
  ["protocol", context({ proto: 99 })], ["port", context({ destinationPort: 9 })], ["destination", context({ destination: far })],
  ["path in", side(0, { path: 41 })], ["next hop in", side(0, { nexthop: 42 })], ["path out", side(1, { path: 43 })], ["next hop out", side(1, { nexthop: 44 })],
  ["interface out", side(1, { ifnum: 45 })], ["VLAN out", side(1, { vlan: 46 })], ["remote address out", side(1, { remote: far })], ["own address out", side(1, { local: near })],
];
const alike: [string, Change][] = [
  ["source", context({ source: far, sourcePort: 8 })], ["ports out", side(1, { remotePort: 9, localPort: 10 })], ["remote address in", side(0, { remote: far, remotePort: 11 })],
  ["times and counts", ({ seenMs: [forward, reverse] }) => ({ seenMs: [forward + 1, reverse], packets: [9n, 9n], idleMs: 99_000 })], ["other flags", ({ flags }) => ({ flags: flags ^ Flag.moved })],
];

/** One after the other, each told apart from the first one by its ports. */
function installAll(world: PortWorld, changes: readonly Change[]): number[] {
  return changes.map((change, n) => {
    const { side: [from, to], ...rest } = freshSession(world, egress, 1);
    const session: Session = { ...rest, side: [{ ...from, remotePort: 20_000 + n }, { ...to, remotePort: 30_000 + n }], uuid: freshSession(world, egress, n + 1).uuid };
    return install(world, { ...session, ...change(session) }).index;
  });
}

/** Indices that a question finds, a few a page. */
function sifted(world: PortWorld, isWanted: (session: Session) => boolean): number[] {
  const sift = world.datapath.sift(isWanted), found: number[] = [];
  let cursor: number | undefined = 0;
  for (let pages = 0; cursor !== undefined && pages < 64; pages++) {
    const page: ReturnType<typeof sift.next> = sift.next(cursor, 3);
    found.push(...page.sessions.map(({ index }) => index));
    cursor = page.next;
  }
  return found;
}

/** siftingTests are the cases of Sift. */
export function siftingTests(open: OpenWorld): void {
  describe("sessions are sifted by kind", () => {
    test("1.2 each kind is asked about, once, and all of a kind are found or none", async () => {
      const world = await open();
      const slots = installAll(world, [() => ({}), ...telling.map(([, change]) => change), ...alike.map(([, change]) => change)]);
      const asked: number[] = [];
      expect(sifted(world, ({ uuid }) => { asked.push(uuid[15] ?? 0); return true; })).toEqual(slots.toSorted((a, b) => a - b));
      expect(asked.length).toBe(1 + telling.length);
      const [first = -1] = slots, others = slots.slice(1 + telling.length);
      const reference = world.datapath.sessions(first, 1).sessions[0]?.state;
      expect(sifted(world, ({ uuid }) => uuid.join() === reference?.uuid.join())).toEqual([first, ...others].toSorted((a, b) => a - b));
    });

    test("1.2 those of a kind that ends are ended at once, each given once; a shard still reads them", async () => {
      const world = await open();
      const slots = installAll(world, [() => ({}), () => ({ tenant: 77 }), () => ({ idleMs: 99_000 })]);
      const [first = -1, other = -1, third = -1] = slots, shard = world.shard(0);
      const before = world.datapath.sessions(first, 1).sessions[0]?.state;
      const sift = world.datapath.sift(({ tenant }) => tenant !== 77 && { end: 100 });
      const { sessions, ended } = sift.next(0, 99);
      expect([sessions, ended.map(({ index }) => index)]).toEqual([[], [first, third].toSorted((a, b) => a - b)]);
      expect(sift.next(0, 99).ended).toEqual([]);
      expect(world.datapath.gauges().live).toBe(1);
      expect(sifted(world, () => true)).toEqual([other]);
      const ref = { index: first, uuid: before?.uuid ?? new Uint8Array(16) };
      expect(shard.ended(ref)).toMatchObject({ uuid: ref.uuid, side: before?.side, endReason: 100 });
      expect(shard.findUuid(ref.uuid)).toBeUndefined();
      const [live] = world.datapath.sessions(other, 1).sessions;
      expect([shard.ended({ ...ref, index: third }), shard.ended({ index: other, uuid: live?.state.uuid ?? ref.uuid })]).toEqual([undefined, undefined]);
    });

    test("what is no longer live is not asked about", async () => {
      const world = await open();
      const ref = install(world, freshSession(world, egress, 1));
      world.shard(0).apply([{ kind: "end", ref, reason: 100, now: false }]);
      expect(sifted(world, () => true)).toEqual([]);
    });
  });
}
