// What changes something, on a socket of its own (`control.sock`, decision 006): whoever may use it has the role. Each use leaves an
// audit line in the log. Built by the app.
import type { SessionView } from "../api/view.ts";
import { parseUuid, uuidHex } from "../base/ids.ts";
import type { Datapath } from "../ports/datapath.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Life } from "../svr/session.ts";
import { AdminFault } from "./admin.ts";
import type { AdminRoute } from "./admin.ts";
import { captureControls } from "./captureroutes.ts";
import type { CaptureRouteParts } from "./captureroutes.ts";
import type { ShardHost } from "./messages.ts";
import type { RecordPump } from "./pump.ts";
import { sessionView } from "./sessionview.ts";

/** ControlParts is what these resources work on. */
export interface ControlParts extends CaptureRouteParts {
  options: CaptureRouteParts["options"];
  datapath: Pick<Datapath, "findUuid" | "sessions">;
  pump: Pick<RecordPump, "source">;
  shards: readonly Pick<ShardHost, "post">[];
}

/** controlRoutes lists the resources: captures, and the end of a session, with reason `admin`; `dryRun: true` only shows it. */
export function controlRoutes(parts: ControlParts): AdminRoute[] {
  return [
    { method: "POST", pattern: "/api/v1/sessions/:uuid/end", answer: ({ body }, [uuid = ""]) => endOne(parts, uuid, (body as { dryRun?: unknown } | null)?.dryRun === true) },
    ...captureControls(parts),
  ];
}

function endOne(parts: ControlParts, text: string, dryRun: boolean): SessionView {
  const { options, datapath, shards } = parts;
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new AdminFault(400, "SVR_USAGE", `${text} is not a session id of 32 hex digits`);
  const found = datapath.findUuid(uuid);
  if (found?.state.life !== Life.live) throw new AdminFault(404, "SVR_NOT_FOUND", `no live session ${uuidHex(uuid)} on router ${options.name}`);
  const view = sessionView(parts.pump.source, found.state);
  if (dryRun) return view;
  parts.audit.write({ kind: "access", action: "session-deleted", object: `session ${view.sessionId}`, detail: { tenant: view.tenant ?? "", service: view.service ?? "" } });
  options.log.info({ audit: true, action: "session.end", sessionId: view.sessionId, tenant: view.tenant, service: view.service }, "ended by an administrator");
  shards[0]?.post({ kind: "end", refs: [{ index: found.index, uuid: found.state.uuid }], reason: reasonNumber("admin") });
  return view;
}
