// Messages of key exchange in and out: joins fragments within bounds, so many a second and no more, strangers apart from known peers; sends through
// the data plane. Called by exchange.ts, which knows what they mean.
import { addressKey, sameAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import type { PathConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Datagram } from "../ports/peering.ts";
import { PEERING_PORT } from "../svr/constants.ts";
import type { PeeringWay } from "../svr/peering.ts";
import { readExchange, writeExchange } from "../svr/peeringexchange.ts";
import { KEY_EXCHANGE_LIMITS, Reassembler } from "../svr/reassembly.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { ShardConfig } from "./build.ts";
import type { PeerExchange } from "./exchange.ts";
import { nameKey } from "./names.ts";
import type { ExchangePort } from "./peeringinbox.ts";

/** Place is where a message came from, and to; `text` names it. */
export interface Place { text: string; local: IpAddress; remote: IpAddress; remotePort: number }

/** ExchangeMail sends and hears messages of key exchange. */
export interface ExchangeMail {
  onMessage(listener: (data: Uint8Array, place: Place) => void): void;
  send(message: Uint8Array, path: PathConfig): void;
  /** back to where a message came from, which a NAT may have changed (protocol 9.1) */
  answer(message: Uint8Array, place: Place): void;
  isOn(path: PathConfig, place: Place): boolean;
  /** the peer that is known at a place: by a path, else the only one that nobody can reach unasked */
  peerAt(place: string, peers: ReadonlyMap<string, PeerExchange>): PeerExchange | undefined;
  /** whether a path leads to the address of a place */
  isExpected(place: string): boolean;
  count(reason: DropReason): void;
  follow(posted: ShardConfig): void;
}

const MESSAGES_PER_SECOND = 1_000; // packets of strangers, and as many of known addresses
const PER_SOURCE = 100;           // of them from one

/** createExchangeMail begins to hear. */
export function createExchangeMail(of: { port: ExchangePort; datapath: Pick<Datapath, "send">; clock: Clock; firstId: number; count(reason: DropReason): void }): ExchangeMail {
  const { port, datapath, clock } = of;
  const known = createIntakeOf(clock), strangers = createIntakeOf(clock);
  let posted: ShardConfig | undefined, nextId = of.firstId;
  let listener: (data: Uint8Array, place: Place) => void = () => undefined;
  const send = (message: Uint8Array, path: PathConfig, way: PeeringWay): void => {
    const nexthop = posted?.ids[nameKey("nexthop", path.nexthop)], packets = writeExchange(message, way, nextId++ >>> 0);
    if (nexthop !== undefined && packets.ok) datapath.send(packets.value.map((data) => ({ nexthop, data })));
  };
  const pathsOf = (): readonly PathConfig[] => posted?.config.paths ?? [];
  port.onPacket((packet, datagram) => {
    const intake = pathsOf().some(({ remote }) => sameAddress(remote, datagram.remote)) ? known : strangers;
    if (!intake.permits(sourceOf(placeOf(datagram).text))) return of.count("rate");
    const read = readExchange(packet, intake.reassembler, clock.monotonicMs());
    if (!read.ok) return of.count(read.error);
    if (read.value !== undefined) listener(read.value, placeOf(datagram));
  });
  return {
    onMessage(next) { listener = next; },
    send: (message, path) => { send(message, path, { source: path.local, destination: path.remote, destinationPort: PEERING_PORT }); },
    answer(message, place) {
      const path = pathsOf().find((one) => isOn(one, place)) ?? pathsOf().find(({ local }) => sameAddress(local, place.local));
      if (path !== undefined) send(message, path, { source: place.local, destination: place.remote, destinationPort: place.remotePort });
    },
    isOn,
    isExpected: (place) => pathsOf().some(({ remote }) => String(addressKey(remote)) === addressOf(place)),
    peerAt: (place, peers) => peerAt(place, peers),
    count: (reason) => { of.count(reason); },
    follow(next) { posted = next; },
  };
}

/** What may come in a second, and where its fragments wait. */
function createIntakeOf(clock: Clock): { permits(source: string): boolean; reassembler: Reassembler } {
  let since = 0, used = 0;
  const bySource = new Map<string, number>();
  const reassembler = new Reassembler(KEY_EXCHANGE_LIMITS);
  return {
    reassembler,
    permits(source) {
      const now = clock.monotonicMs();
      if (now - since >= 1000) {
        [since, used] = [now, 0];
        bySource.clear();
        reassembler.expire(now);
      }
      const own = bySource.get(source) ?? 0;
      if (own >= PER_SOURCE || used >= MESSAGES_PER_SECOND) return false;
      used++;
      bySource.set(source, own + 1);
      return true;
    },
  };
}

const SEPARATOR = " ";
const NETWORK_WORDS = 4; // of the eight of an IPv6 address, each one character of its key

const IPV6_KEY = 8;

/** Port, remote and local address. The key of an IPv6 address may hold any character, and has one length. */
function placeOf({ local, remote, remotePort }: Datagram): Place {
  return { text: [remotePort, addressKey(remote), addressKey(local)].join(SEPARATOR), local, remote, remotePort };
}

function addressesOf(place: string): { remote: string; local: string } {
  const both = place.slice(place.indexOf(SEPARATOR) + 1);
  const at = both.length === 2 * IPV6_KEY + 1 && both[IPV6_KEY] === SEPARATOR ? IPV6_KEY : both.indexOf(SEPARATOR);
  return { remote: both.slice(0, at), local: both.slice(at + 1) };
}

function addressOf(place: string): string {
  return addressesOf(place).remote;
}

function isOn(path: PathConfig, place: Place): boolean {
  return sameAddress(path.remote, place.remote) && sameAddress(path.local, place.local);
}

function peerAt(place: string, peers: ReadonlyMap<string, PeerExchange>): PeerExchange | undefined {
  const address = addressesOf(place), all = [...peers.values()];
  const isThere = ({ remote }: PathConfig): boolean => String(addressKey(remote)) === address.remote, isHere = ({ local }: PathConfig): boolean => String(addressKey(local)) === address.local;
  // peers of two networks may have one private address (protocol 2.6)
  const found = all.find(({ paths }) => paths.some((path) => isThere(path) && isHere(path))) ?? all.find(({ paths }) => paths.some(isThere));
  const hidden = all.filter(({ config }) => config.initiator === "peer");
  return found ?? (hidden.length === 1 ? hidden[0] : undefined);
}

/** sourceOf is what counts as one sender: an IPv4 address, the /64 of an IPv6 address (whoever has one has all of it). */
export function sourceOf(place: string): string {
  const address = addressOf(place);
  return /^-?\d+$/.test(address) ? address : address.slice(0, NETWORK_WORDS);
}
