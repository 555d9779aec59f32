// What a router process does before it reads any key: memory that nobody sees, and FIPS mode when it is asked for. Called by main.ts.
import process from "node:process";
import type { Log } from "../../pkg/ports/log.ts";
import { requireFips } from "../../pkg/security/fips.ts";
import { guardMemory } from "../../pkg/security/guard.ts";
import type { Flags } from "./flags.ts";

/** prepareProcess throws a SvrError when one of them cannot be. */
export function prepareProcess({ fips }: Flags, log: Log): void {
  guardMemory();
  if (!fips) return;
  log.info({ algorithms: requireFips(), openssl: process.versions.openssl }, "FIPS mode is on; packets are signed by OpenSSL");
}
