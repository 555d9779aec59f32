// `svrctl version`: this program, the routers it reaches (of a cluster the API server and the operator too), and how far
// they are apart. Called by program.ts.
import type { StatusView } from "../api/view.ts";
import { connect, finish } from "./ask.ts";
import type { Router } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import { readVersion } from "./clusterview.ts";
import type { Context, Style } from "./context.ts";
import { Exit } from "./failure.ts";
import type { ExitCode } from "./failure.ts";
import { planned } from "../api/resources.ts";
import { routerItems } from "./routers.ts";
import { skewNote } from "./skew.ts";
import { printable, renderTable } from "./table.ts";
import type { Cell } from "./table.ts";
import { durationWord } from "./wording.ts";

const mostProblems = 20;

/** VersionData is the answer for programs. */
export interface VersionData {
  client: { version: string };
  routers: (StatusView & { fits: boolean })[];
  /** of a cluster; then routers above is empty */
  cluster?: ClusterVersions;
}

/** ClusterVersions are the versions in a cluster; what could not be read is absent. */
export interface ClusterVersions {
  server: string;
  /** of the API server */
  version?: string;
  operator?: { version: string; fits: boolean };
  routers: { name: string; version: string; fits: boolean }[];
}

/** showVersion shows the versions; that no router runs here is no failure unless one was named. */
export async function showVersion(context: Context): Promise<ExitCode> {
  if (context.options.asksCluster) return showClusterVersion(context);
  const { routers, failures } = await connect(context);
  const client = context.around.version;
  const data: VersionData = {
    client: { version: client },
    routers: routers.map(({ name, status }) => ({ ...status, fits: skewNote(client, { router: name, version: status.version }) === undefined })),
  };
  await context.show({ data, text: (style) => versionText(data, style) });
  for (const router of routers) await noteProblems(context, router);
  const isNamed = context.options.sockets.length + context.options.routers.length > 0;
  if (isNamed || context.around.signal.aborted) return finish(context, failures);
  for (const failure of failures) await context.note(`note: ${failure.attempted}: ${failure.reason}`);
  return Exit.ok;
}

async function showClusterVersion(context: Context): Promise<ExitCode> {
  const client = context.around.version;
  const fits = (version: string): boolean => skewNote(client, { router: "", version }) === undefined;
  return withCluster(context, async (asked) => {
    const version = await readVersion(asked);
    const list = version.ok ? await asked.ask("the routers", (kube) => kube.list(planned.Router)) : version;
    const { items, failures } = list.ok ? await routerItems(asked, list.value) : { items: [], failures: [] };
    const operator = items.find((one) => one.wanted !== undefined)?.wanted?.version;
    const cluster: ClusterVersions = {
      server: asked.server, ...(version.ok && { version: version.value }), ...(operator !== undefined && { operator: { version: operator, fits: fits(operator) } }),
      routers: items.flatMap((one) => (one.version === undefined ? [] : [{ name: one.name, version: one.version, fits: fits(one.version) }])),
    };
    const data: VersionData = { client: { version: client }, routers: [], cluster };
    await context.show({ data, text: (style) => clusterText(data, cluster, style) });
    return finish(context, [...(version.ok ? [] : [version.error]), ...(version.ok && !list.ok ? [list.error] : []), ...failures]);
  });
}

function clusterText(data: VersionData, { server, version, operator, routers }: ClusterVersions, style: Style): string {
  const fitsCell = (fits: boolean): Cell => (fits ? "yes" : { text: "no", tone: "bad" });
  const rows: Cell[][] = [
    ["svrctl", "", data.client.version, ""], ["API server", server, version ?? "", ""],
    ...(operator === undefined ? [] : [["operator", "", operator.version, fitsCell(operator.fits)]]),
    ...routers.map((router) => ["router", router.name, router.version, fitsCell(router.fits)]),
  ];
  return renderTable(["PROGRAM", "NAME", "VERSION", "FITS"].map((header) => ({ header })), rows, style);
}

/** The table has their number only; people need to read what is wrong. */
async function noteProblems(context: Context, { name, status }: Router): Promise<void> {
  const { problems } = status.configuration;
  for (const problem of problems.slice(0, mostProblems)) await context.note(`note: router ${name}: ${printable(problem)}`);
  if (problems.length > mostProblems) await context.note(`note: router ${name}: ${problems.length - mostProblems} more problems; all with -o json`);
}

/** versionText writes client and routers as a table. */
export function versionText(data: VersionData, style: Style): string {
  const columns = ["PROGRAM", "NAME", "VERSION", "UPTIME", "SESSIONS", "CONFIGURATION", "FITS", ...(style.wide ? ["SHARDS", "PROTECTION", "BOOT", "ADOPTED", "CONFIGURATION HASH"] : [])];
  const own: Cell[] = ["svrctl", "", data.client.version];
  const rows = data.routers.map((router) => [
    "router", router.name, router.version, durationWord(router.uptime * 1_000), String(router.sessions), configurationCell(router, style),
    router.fits ? "yes" : { text: "no", tone: "bad" as const },
    ...(style.wide ? [String(router.shards), router.protection ?? "", router.boot, router.adopted ? "yes" : "no", router.configuration.hash] : []),
  ]);
  return renderTable(columns.map((header) => ({ header })), [own, ...rows], style);
}

function configurationCell({ configuration }: StatusView, style: Style): Cell {
  const age = durationWord(style.nowMs - Date.parse(configuration.appliedAt));
  const problems = configuration.problems.length === 0 ? "" : `, ${configuration.problems.length} ${configuration.problems.length === 1 ? "problem" : "problems"}`;
  const text = `${age} old${configuration.stale ? ", stale" : ""}${problems}`;
  return configuration.stale || problems !== "" ? { text, tone: "warn" } : text;
}
