// A TCP client made of single packets, so that a test decides which segment comes when: it has an address that no kernel owns,
// behind the link address of a host. Called by tests of TCP states; the server at the other end is a real one.
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from "../../pkg/svr/constants.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { startCapture } from "./capture.ts";
import type { Capture } from "./capture.ts";
import { fieldsOf } from "./craft.ts";
import { openInjector } from "./inject.ts";
import type { Injector } from "./inject.ts";
import type { Net } from "./net.ts";
import { waitFor } from "./wait.ts";
import { readWire } from "./wire.ts";
import type { WirePacket } from "./wire.ts";

/** RawPlace is a host, the router's device it is behind, and an address that nobody there owns. */
export interface RawPlace { host: string; router: string; device: string; address: string }

/** RawHost sends and hears packets of an address that no kernel owns. */
export class RawHost {
  readonly address: string;
  readonly #injector: Injector;
  readonly #capture: Capture;

  constructor(address: string, injector: Injector, capture: Capture) {
    this.address = address;
    this.#injector = injector;
    this.#capture = capture;
  }

  async send(...packets: Uint8Array[]): Promise<void> { await this.#injector.send(...packets); }

  /** heard gives what came to the address from a server, oldest first. */
  async heard(from: { address: string; port: number }, ownPort: number): Promise<WirePacket[]> {
    return readWire(await this.#capture.frames()).filter((one) => one.destination === this.address && one.source === from.address
      && one.packet.sourcePort === from.port && one.packet.destinationPort === ownPort);
  }
}

/** openRawHost lets the router send packets for the address to the host, which ignores them. */
export async function openRawHost(net: Net, place: RawPlace): Promise<RawHost> {
  const mac = net.macOf(place.host, "eth0").replaceAll(/(..)(?=.)/g, "$1:");
  await net.must(place.router, "ip", "neigh", "replace", place.address, "lladdr", mac, "dev", place.device, "nud", "permanent");
  const injector = await openInjector(net, { node: place.host, device: "eth0" }, { node: place.router, device: place.device });
  return new RawHost(place.address, injector, await startCapture(net, place.host, "eth0"));
}

/** RawTcp is one connection; sequence numbers are kept as a client would keep them. */
export class RawTcp {
  readonly #host: RawHost;
  readonly #server: { address: string; port: number };
  readonly #port: number;
  #seq: number;
  #ack = 0;

  constructor(host: RawHost, server: { address: string; port: number }, port: number, isn: number) {
    this.#host = host;
    this.#server = server;
    this.#port = port;
    this.#seq = isn;
  }

  /** segment builds a segment at the present numbers. */
  segment(flags: number, payload: Uint8Array = new Uint8Array(0), change: { seq?: number; ack?: number } = {}): Uint8Array {
    const ack = (flags & TCP_ACK) !== 0 ? change.ack ?? this.#ack : 0;
    return buildPacket(fieldsOf(this.#host.address, this.#server.address), {
      kind: "tcp", sourcePort: this.#port, destinationPort: this.#server.port, flags, seq: (change.seq ?? this.#seq) >>> 0, ack, window: 64_240,
    }, payload);
  }

  /** send sends a segment and counts what it takes of the sequence. */
  async send(flags: number, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    await this.#host.send(this.segment(flags, payload));
    this.#seq = (this.#seq + payload.length + ((flags & (TCP_SYN | TCP_FIN)) !== 0 ? 1 : 0)) >>> 0;
  }

  /** heard gives what the server sent on this connection's ports. */
  async heard(): Promise<WirePacket[]> { return this.#host.heard(this.#server, this.#port); }

  async #hear(what: string, is: (packet: WirePacket) => boolean, from = 0): Promise<WirePacket> {
    const found = await waitFor(what, async () => (await this.heard()).slice(from).find(is));
    const { tcp } = found.packet;
    const taken = found.body.length + (((tcp?.flags ?? 0) & (TCP_SYN | TCP_FIN)) !== 0 ? 1 : 0);
    this.#ack = ((tcp?.seq ?? 0) + taken) >>> 0;
    return found;
  }

  /** open does the three-way handshake; `early` is data in the SYN. */
  async open(early?: Uint8Array): Promise<void> {
    const from = (await this.heard()).length;
    await this.send(TCP_SYN, early);
    const answer = await this.#hear("SYN-ACK", ({ packet }) => packet.tcp !== undefined && (packet.tcp.flags & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK), from);
    this.#seq = answer.packet.tcp?.ack ?? 0;
    await this.send(TCP_ACK);
  }

  /** say sends data and waits for its echo. */
  async say(data: Uint8Array): Promise<void> {
    const from = (await this.heard()).length;
    await this.send(TCP_ACK | TCP_PSH, data);
    await this.#hear("the echo", ({ body }) => body.length === data.length, from);
    await this.send(TCP_ACK);
  }

  /** close sends FIN, waits for the server's, and acknowledges it. */
  async close(): Promise<void> {
    const from = (await this.heard()).length;
    await this.send(TCP_FIN | TCP_ACK);
    await this.#hear("the server's FIN", ({ packet }) => ((packet.tcp?.flags ?? 0) & TCP_FIN) !== 0, from);
    await this.send(TCP_ACK);
  }

  /** reset sends the reset that fits. */
  async reset(): Promise<void> { await this.send(TCP_RST | TCP_ACK); }
}
