// Where messages of key exchange come from: the peer that is known there, and what counts as one sender.
import type { IpAddress } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import type { PathConfig } from "../plan/config.ts";
import type { Datagram } from "../ports/peering.ts";
import { writeRetry } from "../svr/kxmessage.ts";
import { readPeering } from "../svr/peering.ts";
import { writeExchange } from "../svr/peeringexchange.ts";
import type { PeerExchange } from "./exchange.ts";
import { createExchangeMail, sourceOf } from "./exchangemail.ts";
import type { ExchangeMail, Place } from "./exchangemail.ts";

function addressOf(text: string): IpAddress {
  const read = parseAddress(text);
  if (read === undefined) throw new Error(text);
  return read;
}

function pathOf(local: string, remote: string): PathConfig {
  return { local: addressOf(local), remote: addressOf(remote) } as unknown as PathConfig;
}

/** a message from `remote` to `local`, as the kernel gives it */
function heard(local: string, remote: string): { mail: ExchangeMail; place: Place } {
  let deliver: (data: Datagram) => void = () => undefined, place: Place | undefined;
  const mail = createExchangeMail({
    port: { onPacket: (listener) => { deliver = (datagram) => { const read = readPeering(datagram); if (read.ok) listener(read.value, datagram); }; } },
    datapath: { send: () => undefined as never }, clock: { monotonicMs: () => 0, unixMs: () => 0 }, firstId: 0, count: () => undefined,
  });
  mail.onMessage((_data, from) => { place = from; });
  const packets = writeExchange(writeRetry(new Uint8Array(32)), { source: addressOf(remote), destination: addressOf(local), destinationPort: 1280 }, 1);
  if (!packets.ok) throw new Error(packets.error);
  const [packet] = packets.value, headers = remote.includes(":") ? 48 : 28;
  deliver({ local: addressOf(local), remote: addressOf(remote), remotePort: 1280, data: packet!.slice(headers) });
  if (place === undefined) throw new Error("nothing was heard");
  return { mail, place };
}

test.each([["10.0.0.2", "10.0.0.1", "10.0.0.9"], ["fd00::2", "fd00::1", "fd00:0:0:20:20::9"], ["20:20:20:20:20:20:20:20", "31:32:33:34:35:36:37:38", "20:20:20:20:20:20:20:21"]])("2.6 two peers with the private address %s on two interfaces are told apart by where their messages arrive", (remote, one, other) => {
  const peers = new Map(([["north", one], ["south", other]] as const).map(([name, local]) => [name, { config: { name }, paths: [pathOf(local, remote)] } as unknown as PeerExchange]));
  const nameAt = (local: string): string | undefined => { const { mail, place } = heard(local, remote); return mail.peerAt(place.text, peers)?.config.name; };
  expect([nameAt(one), nameAt(other), nameAt(remote)]).toEqual(["north", "south", "north"]); // where it is asked at another address, it is the first
});

test("who comes from an IPv4 address, or from one /64, is one sender", () => {
  const of = (remote: string, local = remote.includes(":") ? "fd00::1" : "10.0.0.1"): string => sourceOf(heard(local, remote).place.text);
  expect([of("192.0.2.1") === of("192.0.2.1", "10.0.0.9"), of("192.0.2.1") === of("192.0.2.2"), of("2001:db8::1") === of("2001:db8::ffff:1"), of("2001:db8::1") === of("2001:db8:0:1::1")]).toEqual([true, false, true, false]);
});
