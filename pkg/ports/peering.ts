// What the router needs to hear its peers on UDP 1280: sockets of the kernel on its waypoint addresses. Implemented by pkg/netio.
// Sending is the data plane's (Datapath.send), because it knows the next hops.
import type { IpAddress } from "../base/address.ts";

/** Datagram is what arrived; `data` is the receiver's to keep. */
export interface Datagram { local: IpAddress; remote: IpAddress; remotePort: number; data: Uint8Array }

/** PeeringPort hears datagrams to port 1280 of some addresses. */
export interface PeeringPort {
  /** hears these addresses from now on and no other; one that cannot be bound yet is tried again until it can */
  follow(addresses: readonly IpAddress[]): void;
  onDatagram(listener: (datagram: Datagram) => void): void;
  /** addresses that cannot be bound now, each with the reason */
  faults(): readonly { address: IpAddress; reason: string }[];
  close(): void;
}
