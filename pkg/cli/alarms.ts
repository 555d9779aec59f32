// `svrctl alarms`: what routers say is wrong now, worst first, and the certificate that each has. Called by program.ts. Exit 3 when there is an
// alarm, so that scripts can ask.
import type { AlarmView, CertificateView } from "../api/view.ts";
import { connect, finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import { Exit } from "./failure.ts";
import type { ExitCode } from "./failure.ts";
import { alarmRows, worstFirst } from "./routeralarms.ts";
import { renderTable } from "./table.ts";

/** AlarmItem is an alarm of a router. */
export type AlarmItem = AlarmView & { router: string };

/** AlarmsData is the answer for programs. */
export interface AlarmsData { items: AlarmItem[]; routers: { name: string; certificate?: CertificateView }[] }

/** showAlarms shows the alarms of the routers that answer. */
export async function showAlarms(context: Context): Promise<ExitCode> {
  const { routers, failures } = await connect(context);
  const items = worstFirst(routers.flatMap(({ name, status }) => (status.alarms ?? []).map((alarm) => ({ router: name, ...alarm }))));
  const data: AlarmsData = { items, routers: routers.map(({ name, status: { certificate } }) => ({ name, ...(certificate !== undefined && { certificate }) })) };
  if (routers.length > 0) await context.show({ data, text: (style) => alarmsText(data, style) });
  return finish(context, failures, items.length > 0 ? Exit.no : Exit.ok);
}

function alarmsText({ items, routers }: AlarmsData, style: Style): string {
  const several = routers.length > 1;
  const table = items.length === 0 ? "no alarms\n" : renderTable([...(several ? ["ROUTER"] : []), "SEVERITY", "ALARM", "OBJECT", "WHAT"].map((header) => ({ header })), alarmRows(items, several), style);
  const certificates = routers.flatMap(({ name, certificate }) => (certificate === undefined ? [] : [[name, certificate.serial, certificate.notAfter]]));
  return `${table}${certificates.length > 0 ? `\n${renderTable(["ROUTER", "CERTIFICATE", "UNTIL"].map((header) => ({ header })), certificates, style)}` : ""}`;
}
