// Hears peers: one datagram socket of the kernel on port 1280 of each waypoint address (protocol 9.1). Constructed by cmd/router.
// Sends nothing: packets of exact size with DF leave through the data plane.
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { addressKey } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { formatAddress, parseAddress } from "../base/addresstext.ts";
import type { Datagram, PeeringPort } from "../ports/peering.ts";
import { PEERING_PORT } from "../svr/constants.ts";

const AGAIN_MS = 2_000; // an address that the kernel does not have yet, or still checks for duplicates

interface Heard { address: IpAddress; socket?: Socket | undefined; again?: NodeJS.Timeout | undefined; fault?: string | undefined }

/** openPeeringSockets makes a port that hears nothing yet. */
export function openPeeringSockets(): PeeringPort {
  const heard = new Map<string | number, Heard>();
  let listener: (datagram: Datagram) => void = () => undefined;
  const drop = (key: string | number, one: Heard): void => {
    heard.delete(key);
    clearTimeout(one.again);
    one.socket?.close();
  };
  const listen = (one: Heard): void => {
    const socket = createSocket({ type: one.address.family === 4 ? "udp4" : "udp6", ipv6Only: one.address.family === 6 });
    one.socket = socket;
    socket.once("listening", () => { one.fault = undefined; });
    socket.on("message", (data, from) => {
      const remote = parseAddress(from.address);
      if (remote !== undefined) listener({ local: one.address, remote, remotePort: from.port, data });
    });
    socket.on("error", (error) => {
      one.fault = error.message;
      one.socket = undefined;
      socket.close();
      one.again = setTimeout(() => { listen(one); }, AGAIN_MS);
    });
    socket.bind(PEERING_PORT, formatAddress(one.address));
  };
  return {
    follow(addresses) {
      const wanted = new Map(addresses.map((address) => [addressKey(address), address]));
      for (const [key, one] of heard) if (!wanted.has(key)) drop(key, one);
      for (const [key, address] of wanted) {
        if (heard.has(key)) continue;
        const one: Heard = { address };
        heard.set(key, one);
        listen(one);
      }
    },
    onDatagram: (to) => { listener = to; },
    faults: () => [...heard.values()].flatMap(({ address, fault }) => (fault === undefined ? [] : [{ address, reason: fault }])),
    close: () => { for (const [key, one] of heard) drop(key, one); },
  };
}
