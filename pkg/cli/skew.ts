// Versions of client and router: they may differ by one minor version. Called for every router that answers; pure.
import { minorsApart } from "../base/version.ts";

/** skewNote says so when client and router are more than one minor version apart; undefined when they fit or cannot be compared. */
export function skewNote(client: string, of: { router: string; version: string }): string | undefined {
  if ((minorsApart(client, of.version) ?? 0) <= 1) return undefined;
  return `note: router ${of.router} has version ${of.version}, svrctl ${client}: more than one minor version apart, some answers may be incomplete`;
}
