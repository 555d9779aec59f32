// A RouterConfig as text that people can compare: one line for each element of a list, addresses and prefixes as written.
// Imported by tests only.
import { formatAddress } from "../../../pkg/base/addresstext.ts";
import type { IpAddress } from "../../../pkg/base/address.ts";
import type { RouterConfig } from "../../../pkg/plan/config.ts";

/** readable writes a configuration; equal configurations give equal text. */
export function readable(config: RouterConfig): string {
  return Object.entries(config).map(([key, value]: [string, unknown]) =>
    (Array.isArray(value) ? [`${key}:`, ...value.map((one) => `  ${short(one)}`)].join("\n") : `${key}: ${short(value)}`)).join("\n") + "\n";
}

function short(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(short).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const record = value as Record<string, unknown>;
  if ("w0" in record) return formatAddress(value as IpAddress);
  if ("address" in record && "length" in record) return `${short(record["address"])}/${String(record["length"])}`;
  if ("object" in record && "field" in record) return `<${String(record["object"])} ${String(record["field"])}>`;
  return `{ ${Object.entries(record).map(([key, one]) => `${key}: ${short(one)}`).join(", ")} }`;
}
