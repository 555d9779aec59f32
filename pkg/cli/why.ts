// `svrctl why`: why a connection is allowed or refused, step by step, by the configuration in force at routers or by that of
// a directory. Called by program.ts. Decides nothing itself: pkg/plan explains.
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { suggestWord } from "../api/suggest.ts";
import type { IpAddress } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import { changeText } from "../plan/change.ts";
import type { Change } from "../plan/change.ts";
import type { Origin, RouterConfig } from "../plan/config.ts";
import { explain } from "../plan/explain.ts";
import type { Explanation, WhyQuestion } from "../plan/explain.ts";
import { findRemedy } from "../plan/remedy.ts";
import { configurationSchema, objectsSchema } from "./answers.ts";
import { connect, finish } from "./ask.ts";
import type { Router } from "./ask.ts";
import { readPlan } from "./configread.ts";
import type { Context } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import { Exit, usageFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { explanationText } from "./whyview.ts";
import { protocolWord } from "./wording.ts";

/** WhyFlags are the options of the command as they were read. */
export interface WhyFlags {
  tenant?: string;
  from?: IpAddress;
  proto: number;
  to: Endpoint;
  configDir?: string;
}

/** WhyItem is the answer of one router, with the one change that would turn a refusal into an allow, if there is one, and the tests of services that expect the refusal. */
export type WhyItem = Explanation & { router: string; change?: Change & { text: string; contradicts: readonly Origin[] } };

/** WhyAsked is the question as data shows it. */
export interface WhyAsked { tenant?: string; from?: string; protocol: number; to: string; port: number }

/** WhyData is the answer for programs. */
export interface WhyData { question: WhyAsked; items: WhyItem[] }

/** Objects are asked for only when a connection is refused; none: nothing is proposed. */
interface Configs { configs: readonly { config: RouterConfig; objects: () => Promise<readonly ParsedObject[] | undefined> }[]; failures: readonly Failure[] }

const command = "svrctl why";
const icmp4 = 1;
const icmp6 = 58;
const withPorts: ReadonlySet<number> = new Set([6, 17]);

/** explainWhy shows the answers; exit 3 when one of them is no. */
export async function explainWhy(context: Context, flags: WhyFlags): Promise<ExitCode> {
  const question = questionOf(flags);
  if (typeof question === "string") return finish(context, [usageFailure(question, command)]);
  const { configs, failures } = flags.configDir === undefined ? await runningConfigs(context) : await compiledConfigs(context, flags.configDir);
  const items = await Promise.all(configs.map((one) => itemOf(one, question)));
  const asked = askedOf(question);
  const data: WhyData = { question: asked, items };
  if (items.length > 0) await context.show({ data, text: (style) => items.map((item) => explanationText(item, asked, style)).join("\n") });
  const vague = items.filter((item) => !item.allow && item.reason === undefined).map((item) => usageFailure(item.steps.at(-1)?.text ?? "the question does not say enough", command));
  return finish(context, [...failures, ...vague], items.some((item) => !item.allow) ? Exit.no : Exit.ok);
}

async function itemOf({ config, objects }: Configs["configs"][number], question: WhyQuestion): Promise<WhyItem> {
  const answer = explain(config, question);
  const sources = answer.allow || answer.reason === undefined ? undefined : await objects();
  const remedy = sources === undefined ? undefined : findRemedy({ objects: sources, config, question, refusal: answer });
  if (remedy === undefined) return { router: config.name, ...answer };
  const { change, contradicts } = remedy;
  return { router: config.name, ...answer, change: { ...change, text: changeText(change), contradicts } };
}

/** The question, or what is wrong with it. ICMP is one protocol for people and two for packets. */
function questionOf({ tenant, from, proto, to }: WhyFlags): WhyQuestion | string {
  const { address, port } = to;
  if (withPorts.has(proto) && port === undefined) return `--to needs a port for ${protocolWord(proto)}: IPv4:PORT or [IPv6]:PORT`;
  if (!withPorts.has(proto) && port !== undefined) return `${protocolWord(proto)} has no ports: write --to ${formatAddress(address)}`;
  if (from !== undefined && from.family !== address.family) return "--from and --to are of different families";
  const used = address.family === 6 && proto === icmp4 ? icmp6 : proto;
  return { proto: used, destination: address, port: port ?? 0, ...(tenant === undefined ? {} : { tenant }), ...(from === undefined ? {} : { from }) };
}

function askedOf({ tenant, from, proto, destination, port }: WhyQuestion): WhyAsked {
  return {
    ...(tenant === undefined ? {} : { tenant }), ...(from === undefined ? {} : { from: formatAddress(from) }),
    protocol: proto, to: formatAddress(destination), port,
  };
}

async function runningConfigs(context: Context): Promise<Configs> {
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

async function compiledConfigs(context: Context, directory: string): Promise<Configs> {
  const { options, around } = context;
  if (options.sockets.length > 0) return { configs: [], failures: [usageFailure("--socket asks a running router and --config-dir none: give one of them", command)] };
  const read = await readPlan(around.readConfig, directory);
  if (!read.ok) return { configs: [], failures: [read.error] };
  const { routers, problems } = read.value;
  if (problems.some((problem) => problem.severity === "error")) await context.note(`note: the configuration has errors, see "svrctl config validate ${directory}"`);
  const known = [...routers.keys()];
  if (options.routers.length === 0 && known.length !== 1) return { configs: [], failures: [noName(directory, known)] };
  const chosen = (options.routers.length === 0 ? known : options.routers).map((name) => ({ name, config: routers.get(name) }));
  return {
    configs: chosen.flatMap(({ config }) => (config === undefined ? [] : [{ config, objects: () => Promise.resolve(read.value.sources) }])),
    failures: chosen.filter(({ config }) => config === undefined).map(({ name }) => noRouter(directory, name, known)),
  };
}

function noName(directory: string, known: readonly string[]): Failure {
  if (known.length === 0) return { code: "SVR_NOT_FOUND", attempted: `cannot explain by ${directory}`, reason: "it has no valid Router object", next: `run "svrctl config validate ${directory}"` };
  return usageFailure(`--config-dir ${directory} has several routers: add --router with one of ${known.join(", ")}`, command);
}

function noRouter(directory: string, name: string, known: readonly string[]): Failure {
  const near = suggestWord(name, known);
  return {
    code: "SVR_NOT_FOUND", attempted: `cannot explain by ${directory}`, reason: `it has no valid Router "${name}"`,
    next: near === undefined ? `there are: ${known.join(", ") || "none"}` : `did you mean "${near}"?`,
  };
}
