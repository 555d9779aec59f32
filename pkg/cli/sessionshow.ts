// `svrctl sessions show UUID`: one session hop by hop over all routers that were named. Called by program.ts.
import { parseUuid, uuidHex } from "../base/ids.ts";
import { sessionSchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context } from "./context.ts";
import { Exit, usageFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { orderHops } from "./hops.ts";
import { hopText, summaryText } from "./hopview.ts";

/** showSession shows the session with this UUID (32 digits, or with hyphens). */
export async function showSession(context: Context, text: string): Promise<ExitCode> {
  const uuid = parseUuid(text);
  if (uuid === undefined) return finish(context, [usageFailure(`"${text}" is no UUID: 32 hexadecimal digits`, "svrctl sessions show")]);
  const sessionId = uuidHex(uuid);
  const { found, failures } = await askAll(context, { path: `/api/v1/sessions/${sessionId}`, schema: sessionSchema, what: `session ${sessionId}` });
  if (found.length > 0) {
    const ordered = orderHops(found.map(({ router, value }) => ({ ...value, router })));
    const hops = ordered.map((one) => one.hop);
    await context.show({
      data: { sessionId, hops },
      text: (style) => [summaryText(hops, style), ...ordered.map((one, index) => hopText(one, { number: index + 1, style }))].join("\n"),
    });
  }
  return finish(context, withoutStrangers(failures, found.length > 0), Exit.ok);
}

/** A router that the session does not cross is no failure when another one has it. */
function withoutStrangers(failures: readonly Failure[], isFound: boolean): readonly Failure[] {
  return isFound ? failures.filter((failure) => failure.code !== "SVR_NOT_FOUND") : failures;
}
