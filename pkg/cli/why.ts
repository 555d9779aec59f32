// `svrctl why`: why a connection is allowed or refused, step by step, by the configuration in force at routers, by that of
// a directory, or by the objects of a cluster. Called by program.ts. Decides nothing itself: pkg/plan explains.
import type { IpAddress } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import { changeText } from "../plan/change.ts";
import type { Change } from "../plan/change.ts";
import type { Origin } from "../plan/config.ts";
import { explain } from "../plan/explain.ts";
import type { Explanation, WhyQuestion } from "../plan/explain.ts";
import { findRemedy } from "../plan/remedy.ts";
import { finish } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import { Exit, usageFailure } from "./failure.ts";
import type { ExitCode } from "./failure.ts";
import { clusterConfigs, compiledConfigs, runningConfigs } from "./whyconfigs.ts";
import type { WhyConfigs } from "./whyconfigs.ts";
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

const command = "svrctl why";
const icmp4 = 1;
const icmp6 = 58;
const withPorts: ReadonlySet<number> = new Set([6, 17]);

/** explainWhy shows the answers; exit 3 when one of them is no. */
export async function explainWhy(context: Context, flags: WhyFlags): Promise<ExitCode> {
  const question = questionOf(flags);
  if (typeof question === "string") return finish(context, [usageFailure(question, command)]);
  if (flags.configDir !== undefined) return explainBy(context, question, await compiledConfigs(context, flags.configDir, question));
  if (context.options.asksCluster) return withCluster(context, async (asked) => explainBy(context, question, await clusterConfigs(context, asked, question)));
  return explainBy(context, question, await runningConfigs(context));
}

async function explainBy(context: Context, question: WhyQuestion, { configs, failures }: WhyConfigs): Promise<ExitCode> {
  const items = await Promise.all(configs.map((one) => itemOf(one, question)));
  const asked = askedOf(question);
  const data: WhyData = { question: asked, items };
  if (items.length > 0) await context.show({ data, text: (style) => items.map((item) => explanationText(item, asked, style)).join("\n"), names: items.map((item) => item.router) });
  const vague = items.filter((item) => !item.allow && item.reason === undefined).map((item) => usageFailure(item.steps.at(-1)?.text ?? "the question does not say enough", command));
  return finish(context, [...failures, ...vague], items.some((item) => !item.allow) ? Exit.no : Exit.ok);
}

async function itemOf({ config, objects }: WhyConfigs["configs"][number], question: WhyQuestion): Promise<WhyItem> {
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
