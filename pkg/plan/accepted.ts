// Text of objects as values. The schemas have accepted it already, so text that cannot be read is a fault of the program, not
// of the configuration. Called by the steps of the compiler.
import type { IpAddress } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import { parsePrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { parsePorts } from "../api/network.ts";
import type { PortRange } from "./config.ts";

/** acceptedAddress reads an address. */
export function acceptedAddress(text: string): IpAddress {
  return accepted(parseAddress(text), text);
}

/** acceptedPrefix reads a prefix; host bits are kept. */
export function acceptedPrefix(text: string): Prefix {
  return accepted(parsePrefix(text), text);
}

/** acceptedPorts reads a port or a range of ports. */
export function acceptedPorts(text: string | number): PortRange {
  return accepted(parsePorts(text), text);
}

function accepted<T>(value: T | undefined, text: string | number): T {
  if (value === undefined) throw new TypeError(`accepted by its schema, but not readable: ${text}`);
  return value;
}
