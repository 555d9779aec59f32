// A router with one LAN and one WAN interface, as clusters and branches have it, and the two halves of a peering. Used by
// OpenSvrCluster and OnRampSite; topologies that need more write an SvrObject.
import { Construct } from "constructs";
import { SvrObject } from "./object.ts";
import type { SpecOf } from "./object.ts";

/** SiteProps describe one router; addresses have the length of their network. */
export interface SiteProps {
  name: string;
  /** node of a router pod; absent: a branch outside of the cluster */
  nodeName?: string;
  lan: string;
  wan: string;
  /** next hop on the LAN for services that are not on link */
  lanGateway?: string;
  /** next hop on the WAN for what is not on link; absent: peers are on link */
  gateway?: string;
  /** what peers send to, when a 1:1 NAT stands in front */
  publicAddress?: string;
}

type Peer = NonNullable<SpecOf<"Router">["peers"]>[number];

/** PeeringProps say what the peers may assert to each other: tenants that this router accepts, and that the other one does. */
export interface PeeringProps {
  here: readonly string[];
  there: readonly string[];
  /** both are on the inside of the 1:1 NAT: own addresses are used. Default: false */
  behindNat?: boolean;
}

/** SiteRouter is such a router; peers are added after it was made. */
export class SiteRouter extends Construct {
  readonly name: string;
  readonly #props: SiteProps;
  readonly #peers: Peer[] = [];

  constructor(scope: Construct, id: string, props: SiteProps) {
    super(scope, id);
    this.name = props.name;
    this.#props = props;
    new SvrObject(this, "router", { kind: "Router", name: props.name, spec: () => this.#spec() });
  }

  /** peerWith makes both halves of a peering. */
  peerWith(other: SiteRouter, { here, there, behindNat = false }: PeeringProps): void {
    const file = `${[this.name, other.name].sort().join("-")}.psk`;
    this.#peers.push(peerOf(other.name, { file, tenants: here, remoteAddress: other.#address(behindNat) }));
    other.#peers.push(peerOf(this.name, { file, tenants: there, remoteAddress: this.#address(behindNat) }));
  }

  #address(behindNat: boolean): string {
    const { publicAddress, wan } = this.#props;
    return behindNat ? ownAddress(wan) : publicAddress ?? ownAddress(wan);
  }

  #spec(): SpecOf<"Router"> {
    const { nodeName, lan, lanGateway, wan, gateway, publicAddress } = this.#props;
    return {
      ...(nodeName !== undefined && { nodeName }),
      interfaces: [
        { name: "lan0", id: 1, type: "LAN", addresses: [lan], ...(lanGateway !== undefined && { gateways: [lanGateway] }) },
        { name: "wan0", id: 2, type: "WAN", addresses: [wan], ...(gateway !== undefined && { gateways: [gateway] }), waypoints: [{ address: ownAddress(wan), ...(publicAddress !== undefined && { publicAddress }) }] },
      ],
      ...(this.#peers.length > 0 && { peers: this.#peers }),
    };
  }
}

function peerOf(name: string, { file, tenants, remoteAddress }: { file: string; tenants: readonly string[]; remoteAddress: string }): Peer {
  return { name, psk: { file }, ...(tenants.length > 0 && { allowedTenants: [...tenants] }), paths: [{ name: "wan", interface: "wan0", remoteAddress }] };
}

function ownAddress(address: string): string {
  return address.split("/", 1)[0] ?? address;
}
