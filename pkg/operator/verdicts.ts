// What the conditions of an object say: from its problems, from what is in force, and from how far the routers are. Pure; an
// ordered chain of checks for each condition. Called by statuses.ts.
import { readyVerdict } from "../api/conditions.ts";
import type { Verdict } from "../api/conditions.ts";
import type { Kind } from "../api/kinds.ts";
import type { Problem } from "../api/problem.ts";
import type { Progress } from "./book.ts";

/** Facts about one object. */
export interface Facts {
  kind: Kind;
  problems: readonly Problem[];
  /** an earlier version, or this one, is in force */
  isInForce: boolean;
  progress: Progress;
  /** what a router that uses the object says against its configuration, first by name */
  refusal?: { router: string; message: string };
  /** of a Router: seconds since it was heard of last, when that is too long */
  silentSeconds?: number;
  /** of a Router: how it is with its certificate */
  certified?: Verdict;
  /** what is told beside, and not summed up by Ready */
  aside?: Verdict;
}

const references: ReadonlySet<string> = new Set(["reference", "grant"]);
/** In a cluster every object is at hand, so a name of none is a mistake also where files only warn of it; a Service without a route names nobody. */
const isReference = ({ code, severity, field }: Problem): boolean => references.has(code) && (severity === "error" || field !== "metadata.name");
const mostTold = 3;
/** Without a router these do nothing, which is not what their author wants. */
const wantsRouter: ReadonlySet<Kind> = new Set(["Service", "ServiceRoute", "Router"]);

/** verdictsOf gives all conditions, Ready last. */
export function verdictsOf(facts: Facts): Verdict[] {
  const verdicts = [acceptedVerdict(facts), resolvedVerdict(facts), programmedVerdict(facts), ...(facts.certified === undefined ? [] : [facts.certified])];
  return [...verdicts, ...(facts.aside === undefined ? [] : [facts.aside]), readyVerdict(verdicts)];
}

function acceptedVerdict({ problems, isInForce }: Facts): Verdict {
  const errors = errorsOf(problems, (problem) => !isReference(problem));
  const kept = problems.filter((problem) => problem.code === "kept");
  const type = "Accepted";
  if (errors.length === 0 && kept.length === 0) return { type, status: "True", reason: "Accepted", message: warningText(problems.filter((problem) => !isReference(problem))) };
  const told = textOf(errors.length > 0 ? errors : errorsOf(problems, () => true));
  if (kept.length === 0) return { type, status: "False", reason: "Invalid", message: told };
  return { type, status: "False", reason: isInForce ? "LastGoodInForce" : "LeftOut", message: [told, ...kept.map((one) => one.message)].filter((text) => text !== "").join("; ") };
}

function resolvedVerdict({ problems }: Facts): Verdict {
  const errors = problems.filter(isReference);
  const type = "ResolvedRefs";
  if (errors.length === 0) return { type, status: "True", reason: "ResolvedRefs", message: "" };
  return { type, status: "False", reason: errors.every((problem) => problem.code === "grant") ? "NotGranted" : "RefNotFound", message: textOf(errors) };
}

function programmedVerdict({ kind, progress, refusal, silentSeconds }: Facts): Verdict {
  const type = "Programmed";
  const count = `on ${progress.done} of ${progress.all} routers`;
  if (progress.all === 0 && !wantsRouter.has(kind)) return { type, status: "True", reason: "NothingToProgram", message: "no router needs it now" };
  if (progress.all === 0) return { type, status: "False", reason: "NotUsed", message: "no router uses it; a ServiceRoute says which routers reach a Service" };
  if (refusal !== undefined) return { type, status: "False", reason: "RouterRefused", message: `${count}; ${refusal.router}: ${refusal.message}` };
  if (silentSeconds !== undefined) return { type, status: "Unknown", reason: "NoAnswer", message: `not heard of for ${silentSeconds} s; see "kubectl svr routers" and the log of its pod` };
  if (progress.done === progress.all) return { type, status: "True", reason: "Programmed", message: count };
  const more = progress.all - progress.done - progress.waiting.length;
  return { type, status: "False", reason: "Pending", message: `${count}; waiting for ${progress.waiting.join(", ")}${more > 0 ? ` and ${more} more` : ""}` };
}

function errorsOf(problems: readonly Problem[], choose: (problem: Problem) => boolean): Problem[] {
  return problems.filter((problem) => problem.severity === "error" && choose(problem));
}

function textOf(problems: readonly Problem[]): string {
  const told = problems.slice(0, mostTold).map(({ field, message, fix }) => `${field === undefined ? "" : `${field}: `}${message}; ${fix}`);
  return [...told, ...(problems.length > mostTold ? [`and ${problems.length - mostTold} more`] : [])].join(". ");
}

function warningText(problems: readonly Problem[]): string {
  const warnings = problems.filter((problem) => problem.severity === "warning");
  return warnings.length === 0 ? "" : `warning: ${textOf(warnings)}`;
}
