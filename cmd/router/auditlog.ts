// The audit log of this process and what it says of the configuration's origin. Called by main.ts once; constructs adapters only.
import { join } from "node:path";
import type { Log } from "../../pkg/ports/log.ts";
import type { RouterOptions } from "../../pkg/router/app.ts";
import { auditFile } from "../../pkg/router/auditdenials.ts";
import { openAuditFile } from "../../pkg/security/audit.ts";
import { systemClock as clock } from "./clock.ts";
import type { Flags } from "./flags.ts";

/** auditOf gives what the router needs to open its audit log in the state directory. */
export function auditOf({ from, stateDir }: Flags, log: Log): Pick<RouterOptions, "origin" | "openAudit"> {
  return {
    origin: "kube" in from ? "API server" : from.configDir,
    openAudit: () => openAuditFile({ path: join(stateDir, auditFile), unixMs: () => clock.unixMs(), failed: (error) => { log.error({ error }, "events wait for the audit log"); } }),
  };
}
