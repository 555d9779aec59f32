// `svrctl sessions delete UUID`: ends a session on the routers that were named, or on all of this machine. Called by program.ts. It
// shows what it would cut and does nothing unless it is told --yes.
import { parseUuid, uuidHex } from "../base/ids.ts";
import { sessionSchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context } from "./context.ts";
import { usageFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";

/** DeleteOptions are the options of the command. */
export interface DeleteOptions { yes?: boolean; dryRun?: boolean }

/** deleteSession ends the session with this UUID (32 digits, or with hyphens); its hosts get a reset where the service says so. */
export async function deleteSession(context: Context, text: string, { yes = false, dryRun = false }: DeleteOptions): Promise<ExitCode> {
  const uuid = parseUuid(text);
  if (uuid === undefined) return finish(context, [usageFailure(`"${text}" is no UUID: 32 hexadecimal digits`, "svrctl sessions delete")]);
  const sessionId = uuidHex(uuid);
  const ends = yes && !dryRun;
  const { found, failures } = await askAll(context, { path: `/api/v1/sessions/${sessionId}/end`, schema: sessionSchema, what: `session ${sessionId}`, isChange: true, body: { dryRun: !ends } });
  if (found.length > 0) {
    const items = found.map(({ router, value }) => ({ ...value, router }));
    await context.show({
      data: { sessionId, ended: ends, items },
      text: () => items.map((one) => `${ends ? "ended" : "would end"} session ${sessionId} on router ${one.router}: ${one.tenant} to ${one.service}\n`).join(""),
    });
  }
  const others = found.length > 0 ? failures.filter((failure) => failure.code !== "SVR_NOT_FOUND") : failures;
  const refused: Failure[] = found.length > 0 && !ends && !dryRun ? [{ code: "SVR_USAGE", attempted: `session ${sessionId} was not ended`, reason: "it takes --yes to cut a live session", next: "add --yes, or --dry-run to only look" }] : [];
  return finish(context, [...others, ...refused]);
}
