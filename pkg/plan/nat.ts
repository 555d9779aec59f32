// Which addresses NAT gives to a session toward hosts (behaviour 5): the inside of a static 1:1 address before the lookup, the
// source that it leaves with after it. Built from a RouterConfig; asked by the router's decisions and by explain. Pure; ports
// are not its business.
import { addressOfWords } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { containsAddress, maskWord, widthOf } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import type { NatPoolConfig, Origin, RouterConfig, ServiceConfig } from "./config.ts";
import { tenantLine } from "./entries.ts";

/** SourceAsk is a session on its way out to hosts. */
export interface SourceAsk {
  sourceNat: ServiceConfig["sourceNat"];
  /** where it leaves, with the router's own addresses there in order */
  out: { ifnum: number; vlan: number; addresses: readonly IpAddress[] };
  tenant: string;
  source: IpAddress;
  /** it goes back to the network it came from, with another destination: both ends are translated (hairpin) */
  turnsBack: boolean;
  /** its destination was a static outside address */
  wasOutside: boolean;
}

/** SourceChoice is what becomes of the source: addresses are tried in order, each with its ports; none of a pool that fits nobody. */
export type SourceChoice =
  | { kind: "keep" }
  | { kind: "static"; address: IpAddress; origin: Origin }
  | { kind: "ports"; addresses: readonly IpAddress[]; origin?: Origin };

/** NatTable answers for one configuration. */
export interface NatTable {
  /** Inside address of a static outside address; undefined when it is none. */
  insideOf(destination: IpAddress): { address: IpAddress; origin: Origin } | undefined;
  sourceFor(ask: SourceAsk): SourceChoice;
}

/** createNatTable indexes nothing: the rules of a router are few. */
export function createNatTable(config: Pick<RouterConfig, "natPools" | "staticNats">): NatTable {
  const { natPools, staticNats } = config;
  const outsideOf = ({ out, tenant, source, wasOutside }: SourceAsk): Extract<SourceChoice, { kind: "static" }> | undefined => {
    const fitting = staticNats.filter((one) => containsAddress(one.inside, source) && covers(one.tenants, tenant));
    const found = fitting.find((one) => one.ifnum === out.ifnum && one.vlan === out.vlan) ?? (wasOutside ? fitting[0] : undefined);
    return found === undefined ? undefined : { kind: "static", address: movedAddress(source, found.inside, found.outside), origin: found.origin };
  };
  return {
    insideOf(destination) {
      const found = staticNats.find((one) => containsAddress(one.outside, destination));
      return found === undefined ? undefined : { address: movedAddress(destination, found.outside, found.inside), origin: found.origin };
    },
    sourceFor(ask) {
      const fixed = outsideOf(ask);
      if (fixed !== undefined) return fixed;
      const own = ask.out.addresses.filter((address) => address.family === ask.source.family);
      switch (ask.sourceNat) {
        case "Pool": return poolChoice(natPools, ask);
        case "Interface": return { kind: "ports", addresses: own };
        case "None": return ask.turnsBack ? { kind: "ports", addresses: own } : { kind: "keep" };
      }
    },
  };
}

/** The first pool whose tenants fit is the one, whether it has an address of the family or not. */
function poolChoice(pools: readonly NatPoolConfig[], { tenant, source }: SourceAsk): SourceChoice {
  const pool = pools.find((one) => covers(one.tenants, tenant));
  if (pool === undefined) return { kind: "ports", addresses: [] };
  const address = addressIn(pool.addresses.filter((prefix) => prefix.address.family === source.family), hashOf(source));
  return { kind: "ports", addresses: address === undefined ? [] : [address], origin: pool.origin };
}

function covers(tenants: readonly string[], tenant: string): boolean {
  return tenants.length === 0 || tenantLine(tenant).some((one) => tenants.includes(one));
}

/** The address at an index of all addresses of the prefixes, modulo their number. */
function addressIn(prefixes: readonly Prefix[], hash: number): IpAddress | undefined {
  const total = prefixes.reduce((sum, prefix) => sum + sizeOf(prefix), 0);
  let index = total === 0 ? 0 : hash % total;
  for (const prefix of prefixes) {
    if (index < sizeOf(prefix)) return nth(prefix, index);
    index -= sizeOf(prefix);
  }
  return undefined;
}

/** Addresses of a prefix; of a large one the first 2^32 are used, which is what a hash of 32 bits reaches. */
function sizeOf({ address, length }: Prefix): number {
  return 2 ** Math.min(32, widthOf(address.family) - length);
}

function nth({ address }: Prefix, index: number): IpAddress {
  const { family, w0, w1, w2, w3 } = address;
  return family === 4 ? addressOfWords(4, w0 | index) : addressOfWords(6, w0, w1, w2, w3 | index);
}

/** The network of `to` with the host part of an address of `from`; both have one length. */
/** movedAddress puts an address of one prefix at the same place in another of its length. */
export function movedAddress(address: IpAddress, from: Prefix, to: Prefix): IpAddress {
  const word = (index: number, name: "w0" | "w1" | "w2" | "w3"): number => {
    const mask = maskWord(from.length, index);
    return (to.address[name] & mask) | (address[name] & ~mask);
  };
  return address.family === 4 ? addressOfWords(4, word(0, "w0")) : addressOfWords(6, word(0, "w0"), word(1, "w1"), word(2, "w2"), word(3, "w3"));
}

/** hashOf spreads sources over a pool; part of the behaviour, since another hash would move every source to another address (MurmurHash3, one round a word). */
export function hashOf({ w0, w1, w2, w3 }: IpAddress): number {
  let hash = 0;
  for (const word of [w0, w1, w2, w3]) {
    const mixed = Math.imul(rotated(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
    hash = (Math.imul(rotated(hash ^ mixed, 13), 5) + 0xe6546b64) | 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
