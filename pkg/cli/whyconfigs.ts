// Where `svrctl why` gets the configurations from that it explains by: running routers, a directory, or the objects of a cluster. Called
// by why.ts.
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { suggestWord } from "../api/suggest.ts";
import type { RouterConfig } from "../plan/config.ts";
import { configurationSchema, objectsSchema } from "./answers.ts";
import { connect } from "./ask.ts";
import type { Router } from "./ask.ts";
import type { Asked } from "./cluster.ts";
import { planCluster } from "./clusterplan.ts";
import { readPlan } from "./configread.ts";
import type { Context } from "./context.ts";
import { usageFailure } from "./failure.ts";
import type { Failure } from "./failure.ts";
import { planned } from "./resources.ts";
import { routerItems } from "./routers.ts";
import { shortList } from "./status.ts";

/** WhyConfigs are configurations, and what kept others. Objects are asked for only when a connection is refused; none: nothing is proposed. */
export interface WhyConfigs { configs: readonly { config: RouterConfig; objects: () => Promise<readonly ParsedObject[] | undefined> }[]; failures: readonly Failure[] }

const command = "svrctl why";

/** runningConfigs asks routers for the configuration in force. */
export async function runningConfigs(context: Context): Promise<WhyConfigs> {
  const { routers, failures } = await connect(context, { single: true });
  const results = await Promise.all(routers.map((router) => router.ask({ path: "/api/v1/routers/self/configuration", schema: configurationSchema, what: "the configuration" })));
  const objectsOf = async (router: Router): Promise<readonly ParsedObject[] | undefined> => {
    const found = await router.ask({ path: "/api/v1/routers/self/objects", schema: objectsSchema, what: "the configuration objects" });
    return found.ok ? found.value.map((object) => ({ id: objectId(object), object })) : undefined;
  };
  return {
    configs: results.flatMap((result, index) => (result.ok ? [{ config: result.value, objects: () => objectsOf(routers[index] as Router) }] : [])),
    failures: [...failures, ...results.flatMap((result) => (result.ok ? [] : [result.error]))],
  };
}

/** compiledConfigs compiles a directory. */
export async function compiledConfigs(context: Context, directory: string): Promise<WhyConfigs> {
  const { options, around } = context;
  if (options.sockets.length > 0) return { configs: [], failures: [usageFailure("--socket asks a running router and --config-dir none: give one of them", command)] };
  const read = await readPlan(around.readConfig, directory);
  if (!read.ok) return { configs: [], failures: [read.error] };
  const { routers, problems, sources } = read.value;
  if (problems.some((problem) => problem.severity === "error")) await context.note(`note: the configuration has errors, see "svrctl config validate ${directory}"`);
  const known = [...routers.keys()];
  if (options.routers.length === 0 && known.length !== 1) return { configs: [], failures: [noName(directory, known)] };
  return chosenConfigs({ names: options.routers, routers, sources, where: directory });
}

/** clusterConfigs compiles what the API server has; without --router for every router. */
export async function clusterConfigs(context: Context, asked: Asked): Promise<WhyConfigs> {
  if (context.options.sockets.length > 0) return { configs: [], failures: [usageFailure("--socket asks a running router, and an option of a cluster its API server: give one of them", command)] };
  const plan = await planCluster(context, asked);
  if (!("objects" in plan)) return { configs: [], failures: plan };
  const routers = plan.routers();
  const broken = new Set(plan.problemsOf(plan.ids).flatMap((problem) => (problem.severity === "error" ? problem.object ?? [] : [])));
  if (broken.size > 0) await context.note(`note: ${broken.size} objects have errors and are left out here, an operator keeps what they said before: ${shortList([...broken])}; see "svrctl status"`);
  if (routers.size === 0) return { configs: [], failures: [{ code: "SVR_NOT_FOUND", attempted: "cannot explain by the objects of the cluster", reason: "it has no valid Router object", next: 'see "svrctl status"' }] };
  const chosen = chosenConfigs({ names: context.options.routers, routers, sources: plan.inForce(), where: "the objects of the cluster" });
  await noteBehind(context, asked, chosen.configs.map(({ config }) => config.name));
  return chosen;
}

const mostLookedAt = 64;

/** What is explained may be newer than what routers do. */
async function noteBehind(context: Context, asked: Asked, names: readonly string[]): Promise<void> {
  if (names.length > mostLookedAt) return;
  const found = await Promise.all(names.map((name) => asked.ask("the routers", (kube) => kube.get(planned.Router, { name }))));
  const { items } = await routerItems(asked, found.flatMap((one) => (one.ok && one.value !== undefined ? [one.value] : [])));
  const behind = items.filter((one) => one.programmed === false).map(({ name }) => name);
  if (behind.length > 0) await context.note(`note: not programmed yet on ${shortList(behind)}: until then they go by what they had; see "svrctl routers"`);
}

function chosenConfigs({ names, routers, sources, where }: { names: readonly string[]; routers: ReadonlyMap<string, RouterConfig>; sources: readonly ParsedObject[]; where: string }): WhyConfigs {
  const known = [...routers.keys()];
  const chosen = (names.length === 0 ? known : [...new Set(names)]).map((name) => ({ name, config: routers.get(name) }));
  return {
    configs: chosen.flatMap(({ config }) => (config === undefined ? [] : [{ config, objects: () => Promise.resolve(sources) }])),
    failures: chosen.filter(({ config }) => config === undefined).map(({ name }) => noRouter(where, name, known)),
  };
}

function noName(directory: string, known: readonly string[]): Failure {
  if (known.length === 0) return { code: "SVR_NOT_FOUND", attempted: `cannot explain by ${directory}`, reason: "it has no valid Router object", next: `run "svrctl config validate ${directory}"` };
  return usageFailure(`--config-dir ${directory} has several routers: add --router with one of ${known.join(", ")}`, command);
}

function noRouter(where: string, name: string, known: readonly string[]): Failure {
  const near = suggestWord(name, known);
  return {
    code: "SVR_NOT_FOUND", attempted: `cannot explain by ${where}`, reason: `${where.startsWith("the ") ? "there is" : "it has"} no valid Router "${name}"`,
    next: near === undefined ? `there are: ${shortList(known, 20) || "none"}` : `did you mean "${near}"?`,
  };
}
