// One port for peers on UDP 1280, two listeners: key exchange is not signed and may come from anybody, so it must not keep the signed messages
// of peers from being heard. Made by the app; looks at the header only.
import type { Datagram, PeeringPort } from "../ports/peering.ts";
import { readPeering } from "../svr/peering.ts";
import type { PeeringPacket } from "../svr/peering.ts";
import { isExchange } from "../svr/peeringexchange.ts";

/** ExchangePort hears packets of key exchange. */
export interface ExchangePort { onPacket(listener: (packet: PeeringPacket, datagram: Datagram) => void): void }

/** splitPeering gives the port for signed messages, which owns the sockets as the given one does, and what hears key exchange. */
export function splitPeering(port: PeeringPort): { signed: PeeringPort; exchange: ExchangePort } {
  let onSigned: (datagram: Datagram) => void = () => undefined;
  let onExchange: (packet: PeeringPacket, datagram: Datagram) => void = () => undefined;
  port.onDatagram((datagram) => {
    const read = readPeering(datagram);
    if (read.ok && isExchange(read.value)) onExchange(read.value, datagram);
    else onSigned(datagram);
  });
  return {
    signed: { follow: (addresses) => { port.follow(addresses); }, onDatagram: (listener) => { onSigned = listener; }, faults: () => port.faults(), close: () => { port.close(); } },
    exchange: { onPacket: (listener) => { onExchange = listener; } },
  };
}
