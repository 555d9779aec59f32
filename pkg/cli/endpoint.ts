// ADDRESS:PORT as people type it. Called by `svrctl why`; total: any text gives an endpoint or the reason why not.
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";

/** Endpoint is an address with a port, when one was given. */
export interface Endpoint {
  address: IpAddress;
  port?: number;
}

const highestPort = 65_535;
const forms = "write ADDR, IPv4:PORT or [IPv6]:PORT";

/** parseEndpoint reads `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`; the error is the reason. */
export function parseEndpoint(text: string): Result<Endpoint, string> {
  if (text.startsWith("[")) return bracketed(text);
  const colon = text.indexOf(":");
  if (colon < 0 || text.includes(":", colon + 1)) return withPort(text, text, undefined);
  return withPort(text, text.slice(0, colon), text.slice(colon + 1));
}

function bracketed(text: string): Result<Endpoint, string> {
  const end = text.indexOf("]");
  const rest = text.slice(end + 1);
  if (end < 0 || (rest !== "" && !rest.startsWith(":"))) return fail(`"${text}" has no closing bracket before the port; ${forms}`);
  const inside = text.slice(1, end);
  if (!inside.includes(":")) return fail(`"${text}" has brackets around something else than an IPv6 address; ${forms}`);
  return withPort(text, inside, rest === "" ? undefined : rest.slice(1));
}

function withPort(text: string, host: string, portText: string | undefined): Result<Endpoint, string> {
  const address = parseAddress(host);
  if (address === undefined) return fail(`"${text}" is no IP address${/[a-z]/i.test(host) ? " (names are not resolved)" : ""}; ${forms}`);
  if (portText === undefined) return ok({ address });
  if (!/^[0-9]{1,5}$/.test(portText) || Number(portText) > highestPort) return fail(`"${portText}" in "${text}" is no port from 0 to ${highestPort}; ${forms}`);
  return ok({ address, port: Number(portText) });
}
