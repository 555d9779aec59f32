// `svrctl config validate DIR`: every problem of a configuration directory with its place and its fix, and what each router
// would get. Called by program.ts; the same parser and compiler as in the router, no router needed.
import { formatProblem } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import type { RouterConfig } from "../plan/config.ts";
import { readPlan } from "./configread.ts";
import { finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import type { ExitCode } from "./failure.ts";
import { paint, printable, renderTable } from "./table.ts";
import type { Column } from "./table.ts";

/** CheckedRouter counts what one router would get. */
export interface CheckedRouter {
  name: string;
  interfaces: number;
  peers: number;
  paths: number;
  tenants: number;
  services: number;
  routes: number;
}

/** CheckData is the answer for programs. */
export interface CheckData {
  directory: string;
  objects: number;
  errors: number;
  warnings: number;
  problems: readonly Problem[];
  routers: CheckedRouter[];
}

/** validateConfig shows what is wrong with the directory; warnings alone are no failure. */
export async function validateConfig(context: Context, directory: string): Promise<ExitCode> {
  const read = await readPlan(context.around.readConfig, directory);
  if (!read.ok) return finish(context, [read.error]);
  const { objects, problems, routers } = read.value;
  const count = (severity: Problem["severity"]): number => problems.filter((problem) => problem.severity === severity).length;
  const data: CheckData = {
    directory, objects, errors: count("error"), warnings: count("warning"), problems, routers: [...routers.values()].map(checkedRouter),
  };
  await context.show({ data, text: (style) => checkText(data, style) });
  if (data.routers.length === 0) await context.note("note: no router is compiled: there is no valid Router object");
  return finish(context, data.errors === 0 ? [] : [{
    code: "SVR_CONFIG_INVALID", attempted: `cannot use all of ${directory}`, reason: counted(data.errors, "error"),
    next: "correct what is listed; the rest of the configuration is good",
  }]);
}

/** checkText writes the problems line by line, a table of the routers, and a last line that sums up. */
export function checkText(data: CheckData, style: Style): string {
  const problems = data.problems.map((problem) => `${problemLine(problem, style.colour)}\n`).join("");
  const number = (header: string): Column => ({ header, align: "right" });
  const columns: Column[] = [{ header: "ROUTER" }, ...["INTERFACES", "PEERS", "PATHS", "TENANTS", "SERVICES", "ROUTES"].map(number)];
  const rows = data.routers.map((one) => [one.name, ...[one.interfaces, one.peers, one.paths, one.tenants, one.services, one.routes].map(String)]);
  const sum = `${counted(data.objects, "object")}, ${counted(data.routers.length, "router")}: ${counted(data.errors, "error")}, ${counted(data.warnings, "warning")}\n`;
  return [problems, rows.length === 0 ? "" : renderTable(columns, rows, style), sum].filter((part) => part !== "").join("\n");
}

/** A problem on one line; the colour repeats its severity. */
function problemLine(problem: Problem, colour: boolean): string {
  return paint(printable(formatProblem(problem)), problem.severity === "error" ? "bad" : "warn", colour);
}

function checkedRouter(config: RouterConfig): CheckedRouter {
  const { name, interfaces, peers, paths, tenants, services, routes } = config;
  return { name, interfaces: interfaces.length, peers: peers.length, paths: paths.length, tenants: tenants.length - 1, services: services.length, routes: routes.length };
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
