// Values of options, read from text or refused with a reason that the parser puts behind the option's name. Called by the
// files that declare options.
import { InvalidArgumentError } from "commander";
import type { IpAddress } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import { parseEndpoint } from "./endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { parseProtocol } from "./wording.ts";

/** refuse ends the reading of one option with a reason. */
export function refuse(reason: string): never {
  throw new InvalidArgumentError(reason);
}

/** append collects the values of a repeatable option. */
export function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** readProtocol reads the value of an option that names a protocol. */
export function readProtocol(text: string): number {
  const protocol = parseProtocol(text);
  return protocol.ok ? protocol.value : refuse(protocol.error);
}

/** readEndpoint reads the value of an option that names an address, perhaps with a port. */
export function readEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  return endpoint.ok ? endpoint.value : refuse(endpoint.error);
}

/** readAddress reads the value of an option that names an address alone. */
export function readAddress(text: string): IpAddress {
  return parseAddress(text) ?? refuse("it is no address; write one IPv4 or IPv6 address");
}

/** readCount reads a number of things to show, 0-1000. */
export function readCount(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 1001;
  return count <= 1000 ? count : refuse("it is no number of 0-1000");
}

/** readNumber reads a whole number between two others. */
export function readNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    return number >= least && number <= most ? number : refuse(`write a whole number from ${least} to ${most}`);
  };
}
