// Options that choose sessions, as flags and as a filter. Called by program.ts and capturecommands.ts for `sessions list` and `capture`; reads text only.
import type { Command } from "commander";
import { formatAddress } from "../base/addresstext.ts";
import type { Endpoint } from "./endpoint.ts";
import { readEndpoint, readProtocol, refuse } from "./optionvalues.ts";
import type { SessionFilter } from "./sessionlist.ts";

const usualLimit = 1_000;
const highestLimit = 1_000_000_000;

/** MatchFlags choose sessions; SessionFlags choose how many too. Both as the parser keeps them. */
export interface MatchFlags {
  tenant?: string;
  service?: string;
  protocol?: number;
  peer?: string;
  from?: Endpoint;
  to?: Endpoint;
}
export interface SessionFlags extends MatchFlags { limit: number }

/** addSessionFilters declares the options of a list. */
export function addSessionFilters(list: Command): void {
  addSessionMatch(list);
  list.option("--limit <count>", "list at most this many; 0 lists all", readLimit, usualLimit);
}

/** addSessionMatch declares those that choose sessions. */
export function addSessionMatch(command: Command): void {
  command
    .option("--tenant <name>", "sessions of this tenant")
    .option("--service <name>", "sessions of this service, as namespace/name")
    .option("--protocol <protocol>", "sessions of this protocol: tcp, udp, icmp, icmp6 or a number", readProtocol)
    .option("--peer <name>", "sessions that use this peer")
    .option("--from <address>", "sessions from this source: ADDR, IPv4:PORT or [IPv6]:PORT", readEndpoint)
    .option("--to <address>", "sessions to this destination: ADDR, IPv4:PORT or [IPv6]:PORT", readEndpoint);
}

/** sessionFilterOf turns the flags into a filter of the admin API. */
export function sessionFilterOf(flags: SessionFlags): SessionFilter {
  return { match: matchOf(flags), limit: flags.limit };
}

/** matchOf gives the filters of the admin API, in pairs of name and value. */
export function matchOf({ tenant, service, protocol, peer, from, to }: MatchFlags): [string, string][] {
  const match: Record<string, string | undefined> = {
    tenant, service, peer, protocol: protocol?.toString(),
    sourceAddress: from && formatAddress(from.address), sourcePort: from?.port?.toString(),
    destinationAddress: to && formatAddress(to.address), destinationPort: to?.port?.toString(),
  };
  return Object.entries(match).filter((one): one is [string, string] => one[1] !== undefined);
}

function readLimit(text: string): number {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= highestLimit ? Number(text) : refuse(`write a whole number up to ${highestLimit}`);
}
