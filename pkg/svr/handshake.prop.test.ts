// Two and three machines of protocol 6.1 over a channel that loses, duplicates and re-orders, driven by a seeded script.
import fc from "fast-check";
import { step } from "./handshake.ts";
import type { HandshakeEffect, SegmentEvent, SegmentState } from "./segment.ts";

/** One packet on a link between two routers; body 0 is none (control message). */
interface Wire { event: SegmentEvent; direction: "forward" | "reverse"; body: number }
interface Impairment { lose: () => boolean; duplicate: () => boolean; reorder: () => boolean }

/** A row of routers: router i is initiator of link i (to the right) and responder of link i - 1. */
class Chain {
  readonly initiators: (SegmentState | undefined)[];
  readonly responders: (SegmentState | undefined)[];
  readonly queues: Wire[][];
  readonly delivered = { forward: [] as number[], reverse: [] as number[] };
  readonly arrivals = new Map<number, number>();
  metadataPackets = 0;
  controls = 0;
  now = 1_000;
  impairment: Impairment | undefined;

  constructor(links: number) {
    this.initiators = Array.from({ length: links }, () => undefined);
    this.responders = Array.from({ length: links }, () => undefined);
    this.queues = Array.from({ length: links }, () => []);
  }

  get links(): number { return this.queues.length; }

  sendForward(body: number): void { this.initiate(0, body); }
  sendReverse(body: number): void { this.respond(this.links - 1, body); }

  /** The packet leaves router `link` to the right. */
  private initiate(link: number, body: number): void {
    if (link === this.links) { this.delivered.forward.push(body); return; }
    const outcome = step(this.initiators[link], { kind: "forwardPacket" }, this.now);
    this.initiators[link] = outcome.state;
    for (const effect of outcome.effects) {
      if (effect.kind === "forwardBody") this.put(link, { event: { kind: "forwardPacket" }, direction: "forward", body });
      if (effect.kind === "sendForwardMetadata") this.put(link, { event: { kind: "forwardMetadata", uuidEqual: true, answersHere: link === this.links - 1 }, direction: "forward", body });
    }
  }

  /** The packet leaves router `link + 1` to the left. */
  private respond(link: number, body: number): void {
    if (link < 0) { this.delivered.reverse.push(body); return; }
    const state = this.responders[link];
    if (state === undefined) return; // no session yet: the host's packet is not a reverse packet
    const outcome = step(state, { kind: "reversePacket" }, this.now);
    this.responders[link] = outcome.state;
    for (const effect of outcome.effects) {
      if (effect.kind === "forwardBody") this.put(link, { event: { kind: "reversePacket" }, direction: "reverse", body });
      if (effect.kind === "sendReverseMetadata") this.put(link, { event: { kind: "reverseMetadata", uuidEqual: true }, direction: "reverse", body });
    }
  }

  private put(link: number, wire: Wire): void {
    if (wire.event.kind.endsWith("Metadata")) this.metadataPackets++;
    const trouble = this.impairment;
    if (trouble?.lose() === true) return;
    const queue = this.queues[link] as Wire[];
    queue.push(wire);
    if (trouble?.duplicate() === true) queue.push(wire);
    if (trouble?.reorder() === true) queue.reverse();
  }

  /** Delivers everything; bounded by the rule that answers are at most one a second. */
  drain(): void {
    for (let turns = 0; turns < 1_000; turns++) {
      const link = this.queues.findIndex((queue) => queue.length > 0);
      if (link < 0) return;
      this.arrive(link, (this.queues[link] as Wire[]).shift() as Wire);
    }
    throw new Error("the channel never falls silent");
  }

  private arrive(link: number, wire: Wire): void {
    const forward = wire.direction === "forward";
    const side = forward ? this.responders : this.initiators;
    const before = side[link];
    if (wire.body !== 0) this.arrivals.set(wire.body, (this.arrivals.get(wire.body) ?? 0) + 1);
    const outcome = step(before, wire.event, this.now);
    side[link] = outcome.state;
    const bodies = outcome.effects.filter((effect) => effect.kind === "forwardBody");
    expect(bodies.length).toBeLessThanOrEqual(wire.body === 0 ? 0 : 1);
    for (const effect of outcome.effects) this.act(link, wire, effect);
  }

  private act(link: number, wire: Wire, effect: HandshakeEffect): void {
    const forward = wire.direction === "forward";
    if (effect.kind === "forwardBody") {
      if (forward) this.initiate(link + 1, wire.body); else this.respond(link - 1, wire.body);
    }
    if (effect.kind === "storeReverse") this.tellUpstream(link - 1);
    if (effect.kind === "sendControl") this.control(link, forward, effect.code);
  }

  private control(link: number, fromResponder: boolean, code: number): void {
    this.controls++;
    const named = code === 2 ? {} : { uuidEqual: true };
    this.put(link, { event: { kind: "control", code, full: code === 3 && fromResponder, ...named }, direction: fromResponder ? "reverse" : "forward", body: 0 });
  }

  private tellUpstream(link: number): void {
    const state = this.responders[link];
    if (state === undefined) return;
    const outcome = step(state, { kind: "reverseKnown" }, this.now);
    this.responders[link] = outcome.state;
    for (const effect of outcome.effects) if (effect.kind === "sendControl") this.control(link, true, effect.code);
  }

  /** Failover, restart check or code 2 on one end of every link (protocol 6.1, last but one row). */
  retrigger(side: (SegmentState | undefined)[]): void {
    side.forEach((state, link) => { side[link] = step(state, { kind: "trigger" }, this.now).state; });
  }

  isQuiet(): boolean {
    return [...this.initiators, ...this.responders].every((state) => state !== undefined && !state.meta);
  }
}

/** A seeded script: what is sent when, and what the channel does to it. */
const script = fc.record({
  links: fc.integer({ min: 1, max: 3 }),
  moves: fc.array(fc.record({ forward: fc.boolean(), wait: fc.integer({ min: 0, max: 1_500 }), flush: fc.boolean(), retrigger: fc.nat(9) }), { minLength: 1, maxLength: 60 }),
  luck: fc.array(fc.nat(99), { minLength: 7, maxLength: 300 }),
});

function impairmentOf(luck: readonly number[]): Impairment {
  let at = 0;
  const below = (limit: number) => () => (luck[at++ % luck.length] as number) < limit;
  return { lose: below(40), duplicate: below(25), reorder: below(30) };
}

interface Move { forward: boolean; wait: number; flush: boolean; retrigger: number }

function playScript(links: number, moves: readonly Move[], luck: readonly number[]): { chain: Chain; body: number } {
  const chain = new Chain(links);
  chain.impairment = impairmentOf(luck);
  let body = 0;
  for (const move of moves) {
    chain.now += move.wait;
    if (move.retrigger < 2) chain.retrigger(move.retrigger === 0 ? chain.initiators : chain.responders);
    if (move.forward) chain.sendForward(++body); else chain.sendReverse(++body);
    if (move.flush) chain.drain();
  }
  chain.drain();
  chain.impairment = undefined;
  return { chain, body };
}

test("W-3 whatever was lost, duplicated or re-ordered: quiet on both sides after loss stops and both directions talk", () => {
  fc.assert(fc.property(script, ({ links, moves, luck }) => {
    const { chain, body } = playScript(links, moves, luck);
    for (let round = 1; round <= 3; round++) {
      chain.now += 10;
      chain.sendForward(body + 2 * round - 1); chain.drain();
      chain.sendReverse(body + 2 * round); chain.drain();
    }
    chain.sendForward(body + 7); chain.drain();
    expect(chain.isQuiet()).toBe(true);
    const before = chain.metadataPackets + chain.controls;
    chain.sendForward(body + 8); chain.sendReverse(body + 9); chain.drain();
    expect(chain.metadataPackets + chain.controls).toBe(before);
    expect(chain.delivered.forward.at(-1)).toBe(body + 8);
    expect(chain.delivered.reverse.at(-1)).toBe(body + 9);
  }), { numRuns: 400 });
});

test("W-3 a body is handed on at most once for each copy that arrived", () => {
  fc.assert(fc.property(script, ({ moves, luck }) => {
    const { chain } = playScript(1, moves, luck);
    const delivered = new Map<number, number>();
    for (const body of [...chain.delivered.forward, ...chain.delivered.reverse]) delivered.set(body, (delivered.get(body) ?? 0) + 1);
    for (const [body, times] of delivered) expect(times).toBeLessThanOrEqual(chain.arrivals.get(body) ?? 0);
  }), { numRuns: 400 });
});

test("W-9 one-way forward traffic: metadata stops after 3 packets + 1 s on 1 to 3 links, without any reverse packet", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 50, max: 900 }), (links, gap) => {
    const chain = new Chain(links);
    let packets = 0;
    const send = (): void => { chain.sendForward(++packets); chain.drain(); chain.now += gap; };
    while (packets < 3 || chain.now - gap < 2_000) send(); // 3 packets and 1 s
    expect(chain.initiators.every((state) => state?.meta === false)).toBe(true);
    const before = chain.metadataPackets;
    send(); // the first plain one makes the responders quiet
    expect(chain.isQuiet()).toBe(true);
    expect(chain.metadataPackets).toBe(before);
    expect(chain.delivered.forward).toEqual(Array.from({ length: packets }, (_, i) => i + 1));
    expect(chain.controls).toBe(links);
  }));
});

test("W-9 one-way reverse traffic after one forward packet: reverse metadata stops after 3 packets + 1 s", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 50, max: 900 }), (links, gap) => {
    const chain = new Chain(links);
    chain.sendForward(1); chain.drain();
    let packets = 1;
    const send = (): void => { chain.sendReverse(++packets); chain.drain(); chain.now += gap; };
    while (packets < 5 || chain.now - gap < 2_000) send();
    expect(chain.isQuiet()).toBe(true);
    expect(chain.delivered.reverse).toHaveLength(packets - 1);
  }));
});

test("W-3 the first reverse packet is lost: forward metadata repeats; the first plain forward one is lost: reverse metadata repeats", () => {
  const chain = new Chain(1);
  const losses = [false, true, false, false, true, false, false];
  chain.impairment = { lose: () => losses.shift() === true, duplicate: () => false, reorder: () => false };
  const sent: string[] = [];
  const note = (): void => { sent.push(chain.initiators[0]?.meta === true ? "I-META" : "I-QUIET", chain.responders[0]?.meta === true ? "R-META" : "R-QUIET"); };
  chain.sendForward(1); chain.drain(); note();
  chain.sendReverse(2); chain.drain(); note(); // lost
  chain.sendForward(3); chain.drain(); note();
  chain.sendReverse(4); chain.drain(); note();
  chain.sendForward(5); chain.drain(); note(); // plain, lost
  chain.sendReverse(6); chain.drain(); note();
  chain.sendForward(7); chain.drain(); note();
  expect(sent).toEqual([
    "I-META", "R-META", "I-META", "R-META", "I-META", "R-META", "I-QUIET", "R-META", "I-QUIET", "R-META", "I-QUIET", "R-META", "I-QUIET", "R-QUIET",
  ]);
  expect(chain.metadataPackets).toBe(5);
});
