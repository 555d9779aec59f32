// Exchanges of two routers in one process, their messages carried by hand: keys on both sides, lost messages, both at once, certificates that count
// no more, clocks and floods. Real cryptography, a clock that the tests move.
import { createHash } from "node:crypto";
import { createPrivateKey, sign } from "node:crypto";
import { createAuthority } from "../support/ca.ts";
import type { IssueOptions, Issued, TestAuthority } from "../support/ca.ts";
import { fail, ok } from "../../pkg/base/result.ts";
import type { PathConfig, PeerConfig } from "../../pkg/plan/config.ts";
import type { Identity } from "../../pkg/ports/identity.ts";
import { splitCertificates } from "../../pkg/security/chain.ts";
import { nodeKxCrypto } from "../../pkg/security/kxcrypto.ts";
import { judgeChain, kxSelf } from "../../pkg/security/kxidentity.ts";
import { KxInitiator } from "../../pkg/svr/kxinitiator.ts";
import { readKx } from "../../pkg/svr/kxmessage.ts";
import { KxResponder } from "../../pkg/svr/kxresponder.ts";
import { createExchanges } from "../../pkg/router/exchange.ts";
import type { ExchangeEvent, Exchanges } from "../../pkg/router/exchange.ts";
import type { ExchangeMail, Place } from "../../pkg/router/exchangemail.ts";
import { exchangeAlarms } from "../../pkg/router/exchangeview.ts";
import { createKeyRing } from "../../pkg/router/keyring.ts";
import type { KeyRing } from "../../pkg/router/keyring.ts";

const ca = await createAuthority();
const day = 86_400_000, start = Date.now();

interface Side { name: string; exchanges: Exchanges; ring: KeyRing; events: ExchangeEvent[]; identity: Identity | undefined; deliver(data: Uint8Array): void; follow(change?: { revoked?: string[]; failSoft?: boolean; rotationMs?: number; psk?: Uint8Array; initiator?: "self" | "peer" }): void }
interface World { sides: [Side, Side]; now: { ms: number; unixMs: number }; sent: number[]; lose(data: Uint8Array): boolean; run(seconds: number): void }

function identityOf(name: string, { chain, keyPem, serial }: Issued, life: { notBefore?: number; notAfter?: number } = {}): Identity {
  const key = createPrivateKey(keyPem);
  return { name, chain, serial, notBefore: life.notBefore ?? start, notAfter: life.notAfter ?? start + 90 * day, authority: { name: "CN=lab", key: "" }, sign: (data) => new Uint8Array(sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", data, key)) };
}

/** Two routers, east and west, each the other's only peer. */
function worldOf(change: Partial<Record<"east" | "west", { psk?: Uint8Array; initiator?: "self" | "peer" }>> = {}): World {
  const now = { ms: 1_000_000, unixMs: start };
  const queue: (() => void)[] = [];
  const world: World = {
    now, sent: [], lose: () => false, sides: [] as unknown as World["sides"],
    run(seconds) {
      for (let step = 0; step < seconds * 4; step++) {
        for (const { exchanges, ring } of world.sides) {
          exchanges.tick();
          ring.tick(now.ms);
        }
        for (let work = queue.shift(); work !== undefined; work = queue.shift()) work();
        now.ms += 250;
        now.unixMs += 250;
      }
    },
  };
  const side = (name: "east" | "west", other: "east" | "west"): Side => {
    const configured = change[name] ?? {};
    let listener: (data: Uint8Array, place: Place) => void = () => undefined;
    const carry = (data: Uint8Array): void => {
      world.sent.push(data[0] ?? 0);
      if (!world.lose(data)) queue.push(() => { world.sides.find((one) => one.name === other)?.deliver(data); });
    };
    const mail: ExchangeMail = { onMessage: (next) => { listener = next; }, send: carry, answer: carry, isOn: () => true, peerAt: (_place, peers) => peers.get(other), isExpected: () => true, count: () => undefined, follow: () => undefined };
    const ring = createKeyRing({ random: (bytes) => nodeKxCrypto.random(bytes), isTaken: () => false });
    const events: ExchangeEvent[] = [];
    const one: Side = {
      name, ring, events, identity: undefined, deliver: (data) => { listener(data, { text: other } as Place); },
      follow: ({ revoked = [], failSoft = false, rotationMs = day, psk = configured.psk, initiator = configured.initiator } = {}) => {
        const peer = { name: other, authentication: "certificate", ...(initiator && { initiator }) } as unknown as PeerConfig;
        one.exchanges.follow({ config: { peers: [peer], paths: [{ peer: other } as unknown as PathConfig] }, trust: { authorities: [ca.der], revoked: new Set(revoked) }, failSoft, rotationMs, psk: () => ok(psk) });
      },
      exchanges: createExchanges({
        name, tools: { crypto: nodeKxCrypto, self: kxSelf, judge: judgeChain }, identity: { current: () => one.identity }, ring, mail,
        clock: { monotonicMs: () => now.ms, unixMs: () => now.unixMs }, log: { info: () => undefined, warn: () => undefined, error: () => undefined }, tell: (event) => { events.push(event); }, changed: () => undefined,
      }),
    };
    return one;
  };
  world.sides = [side("east", "west"), side("west", "east")];
  return world;
}

async function started(change: Parameters<typeof worldOf>[0] = {}, of: Partial<Record<"east" | "west", IssueOptions>> = {}, by: TestAuthority = ca): Promise<World> {
  const world = worldOf(change);
  for (const side of world.sides) {
    const options = of[side.name as "east" | "west"] ?? {};
    side.identity = identityOf(side.name, await (side.name === "west" ? by : ca).issue(side.name, options), options);
    side.follow();
  }
  return world;
}

const digest = (data: Uint8Array | undefined): string => createHash("sha256").update(data ?? "").digest("hex").slice(0, 8);
/** what both sides sign with and accept, the same keys on both ends */
function keysOf({ sides: [east, west] }: World): unknown {
  const [a, b] = [east.ring.keys()["west"], west.ring.keys()["east"]];
  return [a?.send?.keyId === b?.receive[0]?.keyId, digest(a?.send?.hmac) === digest(b?.receive[0]?.hmac), b?.send?.keyId === a?.receive[0]?.keyId, digest(b?.send?.meta) === digest(a?.receive[0]?.meta), a?.receive.length, b?.receive.length];
}
const agreed = [true, true, true, true, 1, 1];
/** packets flow both ways under the newest keys */
const use = ({ sides }: World): void => { for (const { exchanges, ring } of sides) exchanges.used(Object.values(ring.keys()).flatMap(({ receive }) => receive.map(({ keyId }) => keyId))); };
const problem = (side: Side): string | undefined => [...side.exchanges.peers().values()][0]?.problem;

test("S-8 both sides have the same keys after three messages; the lower name begins, and the outbound-only side where there is one", async () => {
  const world = await started();
  world.run(1);
  expect([keysOf(world), world.sent]).toEqual([agreed, [1, 2, 3]]);
  const turned = await started({ east: { initiator: "peer" }, west: { initiator: "self" } });
  turned.run(1);
  expect([keysOf(turned), turned.sent]).toEqual([agreed, [1, 2, 3]]);
});

test("15.2 each message may be lost: it is repeated, KX3 until a packet under the new key came", async () => {
  for (const lost of [1, 2, 3]) {
    const world = await started();
    let left = 2;
    world.lose = (data) => data[0] === lost && left-- > 0;
    world.run(8);
    expect([lost, keysOf(world)]).toEqual([lost, agreed]);
    use(world);
    const before = world.sent.length;
    world.run(60);
    expect(world.sent.length).toBe(before);
  }
});

test("15.2 a pre-shared key is mixed in: another one on the other side gives no keys", async () => {
  const psk = new Uint8Array(32).fill(1);
  const world = await started({ east: { psk }, west: { psk: Uint8Array.from(psk) } });
  world.run(1);
  expect(keysOf(world)).toEqual(agreed);
  const apart = await started({ east: { psk }, west: { psk: new Uint8Array(32).fill(2) } });
  apart.run(20);
  expect([apart.sides.map(({ ring }) => ring.keys()), problem(apart.sides[0])]).toEqual([[{}, {}], "kx-box"]);
});

test.each<[string, IssueOptions, string]>([
  ["a name of another router", { uris: ["urn:svr:router:north"] }, "wrong-name"], ["an expired one", { notBefore: start - 2 * day, notAfter: start - day }, "expired"],
  ["one that is not valid yet", { notBefore: start + day }, "not-yet-valid"], ["one without a name", { uris: [] }, "wrong-name"],
])("S-8 RB-23 %s gets no keys; a good one does at once, without a restart", async (_what, options, why) => {
  const world = await started({}, { west: options });
  world.run(15);
  expect([world.sides[0].ring.keys(), problem(world.sides[0])]).toEqual([{}, why]);
  world.sides[1].identity = identityOf("west", await ca.issue("west"));
  world.sides[1].exchanges.identityChanged();
  world.run(31);
  use(world);
  expect(keysOf(world)).toEqual([true, true, true, true, expect.any(Number), expect.any(Number)]);
});

test("S-8 a certificate of another authority, or with a chain that is too long, gives no keys", async () => {
  const other = await started({}, {}, await createAuthority("other"));
  other.run(5);
  const deep = await started({}, {}, await (await (await (await ca.below("a")).below("b")).below("c")).below("d"));
  deep.run(5);
  expect([other, deep].map((world) => [problem(world.sides[0]), world.sides[0].ring.keys()])).toEqual([["wrong-authority", {}], ["too-long", {}]]);
});

test("9.2 RB-23 a revoked certificate takes keys away within 60 s and gives none again; another certificate does", async () => {
  const world = await started();
  const [east, west] = world.sides;
  world.run(1);
  east.follow({ revoked: [west.identity?.serial ?? ""] });
  world.run(10);
  expect([east.ring.keys(), east.exchanges.refused(), east.events.at(-1)]).toMatchObject([{}, ["west"], { action: "removed", peer: "west", detail: { problem: "revoked" } }]);
  world.run(120);
  expect(east.ring.keys()).toEqual({});
  west.identity = identityOf("west", await ca.issue("west"));
  west.exchanges.identityChanged();
  world.run(60);
  use(world);
  expect([keysOf(world), east.exchanges.refused()]).toEqual([[true, true, true, true, 1, expect.any(Number)], []]);
});

test("9.2 RB-23 a peer whose pre-shared key changes stays the one that showed its certificate: revoked with it or later, its keys go", async () => {
  const other = new Uint8Array(32).fill(9);
  for (const later of [false, true]) {
    const world = await started();
    const [east, west] = world.sides;
    world.run(1);
    world.lose = () => true;
    if (later) east.follow({ psk: other });
    world.run(20);
    east.follow({ psk: other, revoked: [west.identity?.serial ?? ""] });
    world.run(60);
    expect([later, east.ring.keys(), east.exchanges.refused()]).toEqual([later, {}, ["west"]]);
  }
});

test("15.2 who begins may change with the configuration: the other side rotates from then on", async () => {
  const world = await started();
  const [east, west] = world.sides;
  world.run(1);
  use(world);
  east.follow({ initiator: "peer" });
  west.follow({ initiator: "self" });
  world.run(40);
  use(world);
  expect([east, west].map(({ exchanges }) => [...exchanges.peers().values()].map(({ begins, dueMs }) => [begins, Number.isFinite(dueMs)]))).toEqual([[[false, false]], [[true, true]]]);
  expect(keysOf(world)).toEqual([true, true, true, true, expect.any(Number), expect.any(Number)]);
});

test("9.2 an expired certificate takes keys away within 60 s, or with the option at the next rotation; a new one in time keeps them", async () => {
  const life = { notBefore: start - day, notAfter: start + 3_600_000 };
  const hard = await started({}, { west: life }), soft = await started({}, { west: life });
  for (const world of [hard, soft]) world.run(1);
  soft.sides[0].follow({ failSoft: true });
  for (const world of [hard, soft]) {
    world.now.ms += 3_600_000 - 5_000;
    world.now.unixMs += 3_600_000 - 5_000;
    world.run(64);
  }
  expect([Object.keys(hard.sides[0].ring.keys()), hard.sides[0].exchanges.refused(), Object.keys(soft.sides[0].ring.keys())]).toEqual([[], ["west"], ["west"]]);
});

test("a day without the authority changes nothing: what is valid is judged here", async () => {
  const world = await started();
  world.run(1);
  use(world);
  for (let hour = 0; hour < 24; hour++) {
    world.now.ms += 3_600_000 - 1_000;
    world.now.unixMs += 3_600_000 - 1_000;
    world.run(1);
  }
  world.run(31); // the keys of the second day
  expect([keysOf(world), world.sides.map(({ exchanges }) => exchanges.refused())]).toEqual([[true, true, true, true, expect.any(Number), expect.any(Number)], [[], []]]);
});

test("RB-34 rotation every 5 s: requests during the 30 s wait are merged, keys follow each other, ids differ", async () => {
  const world = await started();
  for (const side of world.sides) side.follow({ rotationMs: 5_000 });
  const ids = new Set<number | undefined>();
  for (let second = 0; second < 200; second++) {
    world.run(1);
    use(world);
    ids.add(world.sides[0].ring.keys()["west"]?.send?.keyId);
  }
  const rotated = world.sides[0].events.filter(({ action }) => action === "rotated").length;
  expect([rotated > 4 && rotated < 45, ids.size, keysOf(world)]).toEqual([true, rotated + 1, [true, true, true, true, expect.any(Number), expect.any(Number)]]);
});

test("both begin at once: one exchange is left, or two that agree; and a flood of KX1 from a known place changes nothing", async () => {
  const world = await started();
  for (const { exchanges } of world.sides) for (const peer of exchanges.peers().values()) peer.dueMs = 0;
  world.run(10);
  expect(keysOf(world)).toEqual([true, true, true, true, expect.any(Number), expect.any(Number)]);
  const before = world.sides[1].ring.keys();
  for (let count = 0; count < 300; count++) world.sides[1].deliver(Uint8Array.of(1, 1, 0, 0, ...nodeKxCrypto.random(32 + 32 + 1184)));
  world.run(1);
  expect(world.sides[1].ring.keys()).toEqual(before);
});

/** KX1 of somebody without a certificate, with the lowest nonce that there is */
const forgedKx1 = (): Uint8Array => Uint8Array.of(1, 1, 0, 0, ...new Uint8Array(32), ...nodeKxCrypto.x25519().publicKey, ...nodeKxCrypto.mlkem().publicKey);

test("15.2 whoever forges KX1 of a peer, with the lowest nonce, stops no exchange with it", async () => {
  const world = await started();
  const [east, west] = world.sides;
  world.lose = (data) => {
    if (data[0] === 1) for (const side of [east, west]) side.deliver(forgedKx1());
    return false;
  };
  world.run(20);
  use(world);
  expect([keysOf(world), world.sides.map(({ events }) => events.filter(({ action }) => action === "exchanged").length)]).toEqual([agreed, [1, 1]]);
});

test("15.2 whoever answers KX1 before the peer, without its certificate, is refused, and the peer still completes the exchange", async () => {
  const world = await started(), [east] = world.sides;
  const { chain, keyPem } = await (await createAuthority("other")).issue("west");
  const stranger = new KxResponder({ primitives: nodeKxCrypto, self: () => kxSelf(identityOf("west", { chain, keyPem, pem: "", serial: "1" })), trust: () => fail("unused"), pskAt: () => undefined, sourceOf: (key) => ({ key, isExpected: true }), mayBe: () => true, newKeyId: () => 7 }, 0);
  world.lose = (data) => {
    const kx1 = readKx(data), answer = kx1.ok && kx1.value.kind === "kx1" ? stranger.asked(kx1.value, "x", world.now.ms) : undefined;
    if (answer?.ok === true) for (const side of world.sides) side.deliver(answer.value);
    return false;
  };
  world.run(20);
  use(world);
  expect([keysOf(world), problem(east), east.events.map(({ action }) => action)]).toEqual([agreed, undefined, ["refused", "exchanged"]]);
});

test("B2 a stranger who is refused for one reason after another fills neither log nor audit log", async () => {
  const world = await started({ east: { initiator: "peer" } }), [east] = world.sides;
  const other = await (await createAuthority("other")).issue("west"), north = await ca.issue("west", { notBefore: start - 2 * day, notAfter: start - day });
  world.lose = () => true;
  for (let round = 0; round < 60; round++) {
    const told: Uint8Array[] = [];
    world.lose = (data) => told.push(data) > 0;
    const { chain, keyPem, serial } = round % 2 === 0 ? other : north;
    const stranger = new KxInitiator({ primitives: nodeKxCrypto, self: () => kxSelf(identityOf("west", { chain, keyPem, pem: "", serial })), peer: "east", trust: (joined) => judgeChain(joined, { authorities: [ca.der], revoked: new Set() }, start), newKeyId: () => 7 });
    const say = (messages: readonly Uint8Array[]): void => { for (const message of messages) east.deliver(message); };
    say(stranger.start(world.now.ms));
    const retry = readKx(told.at(-1)!);
    if (retry.ok && retry.value.kind === "retry") say(stranger.retry(retry.value.cookie, world.now.ms));
    const kx2 = readKx(told.at(-1)!);
    const answered = kx2.ok && kx2.value.kind === "kx2" ? stranger.answered(kx2.value, world.now.ms) : fail("not kx2");
    if (answered.ok) say(answered.value.send);
    world.now.ms += 1_000;
  }
  expect(east.events.map(({ detail }) => detail["problem"])).toEqual(["wrong-authority", "expired"]);
});

test("RB-23 15.2 a router that nobody can reach begins again when its last message came to nothing: lost too long, or refused until its certificate is another one", async () => {
  const cut = await started({ east: { initiator: "peer" }, west: { initiator: "self" } });
  cut.lose = (data) => data[0] === 3;
  cut.run(100);
  cut.lose = () => false;
  cut.run(60);
  use(cut);
  const bad = await started({ east: { initiator: "peer" }, west: { initiator: "self" } }, { west: { notBefore: start - 2 * day, notAfter: start - day } });
  bad.run(20);
  bad.sides[1].identity = identityOf("west", await ca.issue("west"));
  bad.sides[1].exchanges.identityChanged();
  bad.run(40);
  use(bad);
  expect([cut, bad].map((world) => (keysOf(world) as unknown[]).slice(0, 4))).toEqual([[true, true, true, true], [true, true, true, true]]);
});

test("15.2 a router that loses its certificate while it asks stays up, and asks again with the next one", async () => {
  const world = await started();
  world.lose = () => true;
  world.run(1);
  for (const side of world.sides) side.identity = undefined;
  world.now.ms += 3_700_000;
  world.run(60);
  world.lose = () => false;
  for (const side of world.sides) side.identity = identityOf(side.name, await ca.issue(side.name));
  world.run(60);
  use(world);
  expect((keysOf(world) as unknown[]).slice(0, 4)).toEqual([true, true, true, true]);
});

test("9.2 alarms: of the own certificate by what is left, of peers without keys, refused, or late with new ones", async () => {
  const world = await started();
  const [east] = world.sides;
  let faults: string[] = [];
  const alarms = (identity: Identity | undefined, ms = world.now.ms, revoked: readonly string[] = []): string[] => exchangeAlarms({ router: "east", faults: () => faults, identity, revoked, peers: east.exchanges.peers(), sinceMs: (peer) => east.ring.sinceMs(peer), nowMs: ms, unixMs: start }).map(({ severity, name, object }) => `${severity} ${name} ${object}`);
  const left = (days: number): Identity => ({ ...identityOf("east", { chain: [], pem: "", serial: "1", keyPem: keyPem }), notBefore: start - 400 * day, notAfter: start + days * day });
  const keyPem = (await ca.issue("x")).keyPem;
  expect(alarms(east.identity)).toEqual([]);
  expect(alarms(east.identity, world.now.ms + 20_000)).toEqual(["critical peer-not-authenticated peer west"]);
  world.run(1);
  expect([31, 29, 6, -1].map((days) => alarms(left(days)))).toEqual([[], ["minor certificate-ends Router east"], ["major certificate-ends Router east"], ["critical certificate-expired Router east"]]);
  expect([["2"], ["01"]].map((revoked) => alarms(left(6), world.now.ms, revoked))).toEqual([["major certificate-ends Router east"], ["critical certificate-revoked Router east"]]);
  faults = ["ML-KEM-768 (FIPS 203) is missing"];
  expect(alarms(east.identity)).toEqual(["critical exchange-self-test Router east"]);
  faults = [];
  expect([alarms(undefined), alarms({ ...left(60), name: "north" })]).toEqual([["critical no-certificate Router east"], ["critical certificate-name Router east"]]);
  world.lose = () => true;
  east.exchanges.rotate("west");
  world.run(400);
  expect(alarms(east.identity)).toEqual(["critical rotation-failed peer west"]);
  expect([east.exchanges.rotate("nobody"), splitCertificates(new Uint8Array(0))]).toEqual([false, []]);
});
