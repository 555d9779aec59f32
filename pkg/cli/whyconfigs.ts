// Where `svrctl why` gets the configurations from that it explains by: running routers, a directory, or the objects of a cluster. Called
// by why.ts.
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { suggestWord } from "../api/suggest.ts";
import { compile } from "../plan/compile.ts";
import type { RouterConfig } from "../plan/config.ts";
import { entryOf } from "../plan/entry.ts";
import type { Entry } from "../plan/entry.ts";
import type { WhyQuestion } from "../plan/explain.ts";
import { configurationSchema, objectsSchema } from "./answers.ts";
import { connect } from "./ask.ts";
import type { Router } from "./ask.ts";
import type { Asked } from "./cluster.ts";
import { planCluster } from "./clusterplan.ts";
import { parsePlan } from "./configread.ts";
import type { Context } from "./context.ts";
import { usageFailure } from "./failure.ts";
import type { Failure } from "./failure.ts";
import { planned } from "../api/resources.ts";
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

/** compiledConfigs compiles a directory, for the routers that are named, else for those that the question enters. */
export async function compiledConfigs(context: Context, directory: string, question: WhyQuestion): Promise<WhyConfigs> {
  const { options, around } = context;
  if (options.sockets.length > 0) return { configs: [], failures: [usageFailure("--socket asks a running router and --config-dir none: give one of them", command)] };
  const parsed = await parsePlan(around.readConfig, directory);
  if (!parsed.ok) return { configs: [], failures: [parsed.error] };
  const { objects } = parsed.value;
  const choice = chosenRouters(objects, question, options.routers);
  const { routers, problems } = compile(parsed.value, { only: choice.names });
  if (problems.some((problem) => problem.severity === "error")) await context.note(`note: the configuration has errors, see "svrctl config validate ${directory}"`);
  if (choice.known.length === 0) return { configs: [], failures: [{ code: "SVR_NOT_FOUND", attempted: `cannot explain by ${directory}`, reason: "it has no valid Router object", next: `run "svrctl config validate ${directory}"` }] };
  await noteChoice(context, choice);
  return chosenConfigs({ choice, routers, sources: objects, where: directory });
}

/** clusterConfigs compiles what the API server has, for the routers that are named, else for those that the question enters. */
export async function clusterConfigs(context: Context, asked: Asked, question: WhyQuestion): Promise<WhyConfigs> {
  if (context.options.sockets.length > 0) return { configs: [], failures: [usageFailure("--socket asks a running router, and an option of a cluster its API server: give one of them", command)] };
  const chosen: { choice?: Choice } = {};
  const plan = await planCluster(context, asked, { question, only: (objects) => (chosen.choice = chosenRouters(objects, question, context.options.routers)).names });
  const { choice } = chosen;
  if (!("objects" in plan) || choice === undefined) return { configs: [], failures: "objects" in plan ? [] : plan };
  const broken = new Set(plan.problemsOf(plan.ids).flatMap((problem) => (problem.severity === "error" ? problem.object ?? [] : [])));
  if (broken.size > 0) await context.note(`note: ${broken.size} objects have errors and are left out here, an operator keeps what they said before: ${shortList([...broken])}; see "svrctl status"`);
  if (choice.known.length === 0) return { configs: [], failures: [{ code: "SVR_NOT_FOUND", attempted: "cannot explain by the objects of the cluster", reason: "it has no valid Router object", next: 'see "svrctl status"' }] };
  await noteChoice(context, choice);
  const configs = chosenConfigs({ choice, routers: plan.routers(), sources: plan.inForce(), where: "the objects of the cluster" });
  await noteBehind(context, asked, configs.configs.map(({ config }) => config.name));
  return configs;
}

/** Choice is the routers that a question is answered for, of those that are there. */
interface Choice { names: ReadonlySet<string>; known: string[]; entry?: Entry }

const mostAnswers = 32;

function chosenRouters(objects: readonly ParsedObject[], question: WhyQuestion, named: readonly string[]): Choice {
  const known = objects.flatMap(({ object }) => (object.kind === "Router" ? [object.metadata.name] : [])).sort();
  if (named.length > 0) return { names: new Set(named), known };
  const entry = entryOf(objects, question);
  return { names: new Set(entry.routers.slice(0, mostAnswers)), known, entry };
}

/** Who named no router is told why these answer, where it is not plain. */
async function noteChoice(context: Context, { entry }: Choice): Promise<void> {
  if (entry === undefined || entry.routers.length === 1) return;
  const { routers, by } = entry;
  const why = { hosts: "", routes: "no router is known to have its hosts: answered for routers with a route to the service", nothing: "no router is known to have its hosts, or a route to a service with the address" }[by];
  const count = routers.length <= mostAnswers ? "" : `answered for ${mostAnswers} of ${routers.length} routers; --router names others`;
  const text = [why, count].filter((part) => part !== "").join("; ");
  if (text !== "") await context.note(`note: ${text}`);
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

function chosenConfigs({ choice, routers, sources, where }: { choice: Choice; routers: ReadonlyMap<string, RouterConfig>; sources: readonly ParsedObject[]; where: string }): WhyConfigs {
  const chosen = [...choice.names].map((name) => ({ name, config: routers.get(name) }));
  return {
    configs: chosen.flatMap(({ config }) => (config === undefined ? [] : [{ config, objects: () => Promise.resolve(sources) }])),
    failures: chosen.filter(({ config }) => config === undefined).map(({ name }) => noRouter(where, name, choice.known)),
  };
}

function noRouter(where: string, name: string, known: readonly string[]): Failure {
  const near = suggestWord(name, known);
  return {
    code: "SVR_NOT_FOUND", attempted: `cannot explain by ${where}`, reason: `${where.startsWith("the ") ? "there is" : "it has"} no valid Router "${name}"`,
    next: near === undefined ? `there are: ${shortList(known, 20) || "none"}` : `did you mean "${near}"?`,
  };
}
