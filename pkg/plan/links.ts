// Networks of a router: what is on link, and next hops by key. Called by the compiler's steps and by the lookup; pure.
import type { IpAddress, IpFamily } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import { containsAddress, containsPrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { InterfaceConfig, NetworkConfig, NexthopConfig, Origin } from "./config.ts";
import { unknownName } from "./report.ts";
import type { Complaint } from "./report.ts";

/** Attached is one network with its interface. */
export interface Attached {
  interface: InterfaceConfig;
  network: NetworkConfig;
}

/** attachedAt finds a network by interface name and VLAN, or says which of the two does not exist. */
export function attachedAt(interfaces: readonly InterfaceConfig[], name: string, vlan: number): Result<Attached, { field: "interface" | "vlan"; complaint: Complaint }> {
  const found = interfaces.find((one) => one.name === name);
  if (found === undefined) return fail({ field: "interface", complaint: unknownName("interface", name, interfaces.map((one) => one.name)) });
  const network = found.networks.find((one) => one.vlan === vlan);
  if (network !== undefined) return ok({ interface: found, network });
  return fail({ field: "vlan", complaint: { code: "reference", message: `interface "${name}" has no VLAN ${vlan}`, fix: `add VLAN ${vlan} to the interface, or correct the number` } });
}

/** isOnLink tells whether an address is a neighbour on a network; IPv6 link-local ones are (RFC 4291). */
export function isOnLink(network: Pick<NetworkConfig, "addresses">, address: IpAddress): boolean {
  return isLinkLocal(address) || network.addresses.some((prefix) => containsAddress(prefix, address));
}

/** isPrefixOnLink tells whether every address of a prefix is a neighbour on a network. */
export function isPrefixOnLink(network: Pick<NetworkConfig, "addresses">, prefix: Prefix): boolean {
  return network.addresses.some((own) => containsPrefix(own, prefix));
}

/** linkKey is the key of the next hop for neighbours on a network. */
export function linkKey(name: string, vlan: number, family: IpFamily): string {
  return `${name}/${vlan}/link${family}`;
}

/** gatewayKey is the key of the next hop through a gateway on a network. */
export function gatewayKey(name: string, vlan: number, gateway: IpAddress): string {
  return `${name}/${vlan}/${formatAddress(gateway)}`;
}

/** pathNexthopKey is the key of the next hop of a peer path; a colon keeps it apart from interface names. */
export function pathNexthopKey(peer: string, path: string): string {
  return `peer:${peer}/${path}`;
}

/** NexthopSketch is a next hop on a network before it has its interface's numbers. */
export interface NexthopSketch {
  key: string;
  at: { interface: Pick<InterfaceConfig, "name" | "ifnum" | "mtu">; vlan: number };
  family: IpFamily;
  gateway?: IpAddress;
  mtu?: number;
  origin: Origin;
}

/** nexthopOf completes a sketch. */
export function nexthopOf(sketch: NexthopSketch): NexthopConfig {
  const { key, at, family, gateway, origin } = sketch;
  return {
    key, interface: at.interface.name, ifnum: at.interface.ifnum, vlan: at.vlan, family, ...(gateway === undefined ? {} : { gateway }),
    mtu: sketch.mtu ?? at.interface.mtu, origin,
  };
}

/** fe80::/10 */
function isLinkLocal(address: IpAddress): boolean {
  return address.family === 6 && (address.w0 & 0xffc00000) === (0xfe800000 | 0);
}
