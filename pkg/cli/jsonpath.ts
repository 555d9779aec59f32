// Templates of `-o jsonpath=`, in the form that kubectl knows: `{.items[*].name}`, `{range .items[*]}{.name}{"\n"}{end}`. Called by
// globaloptions.ts (reading) and context.ts (writing). Pure; nothing of a template is run as a program.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";

/** Template is a template that has been read. */
export type Template = readonly Part[];

type Part = { text: string } | { path: readonly Step[] } | { range: readonly Step[]; body: Template };
type Step = { field: string } | { index: number } | { slice: readonly [number | undefined, number | undefined] } | { all: true } | { deep: string }
  | { filter: { path: readonly Step[]; equal: boolean; value: unknown } | { path: readonly Step[] } };

const longestTemplate = 4_096;
const mostNested = 8;

/** parseTemplate reads a template; the error says what is wrong. */
export function parseTemplate(text: string): Result<Template, string> {
  if (text.length > longestTemplate) return fail(`has more than ${longestTemplate} characters`);
  const tokens = text.match(/\{(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^{}"'])*\}|[^{}]+|[{}]/g) ?? [];
  const stack: { path: readonly Step[]; body: Part[] }[] = [{ path: [], body: [] }];
  for (const token of tokens) {
    const why = takeToken(token, stack);
    if (why !== undefined) return fail(why);
  }
  return stack.length === 1 ? ok(stack[0]?.body ?? []) : fail("has a {range} without {end}");
}

/** evaluateTemplate writes what a template says of data; values of one path are separated by spaces, what is not there is left out. */
export function evaluateTemplate(template: Template, data: unknown): string {
  return template.map((part) => {
    if ("text" in part) return part.text;
    if ("range" in part) return walk([data], part.range).map((one) => evaluateTemplate(part.body, one)).join("");
    return walk([data], part.path).map(valueText).join(" ");
  }).join("");
}

function takeToken(token: string, stack: { path: readonly Step[]; body: Part[] }[]): string | undefined {
  const body = stack.at(-1)?.body ?? [];
  if (!token.startsWith("{") && !token.startsWith("}")) return void body.push({ text: token });
  const inner = /^\{(.*)\}$/s.exec(token)?.[1]?.trim();
  if (inner === undefined) return `has a ${token} without its partner`;
  if (inner === "end") return closeRange(stack);
  if (/^["']/.test(inner)) return takeLiteral(inner, body);
  const range = /^range\s+(.*)$/s.exec(inner)?.[1];
  const path = parsePath(range ?? inner);
  if (!path.ok) return path.error;
  if (range === undefined) body.push({ path: path.value });
  else if (stack.length > mostNested) return `has more than ${mostNested} ranges inside each other`;
  else stack.push({ path: path.value, body: [] });
  return undefined;
}

function closeRange(stack: { path: readonly Step[]; body: Part[] }[]): string | undefined {
  if (stack.length < 2) return "has an {end} without {range}";
  const closed = stack.pop();
  if (closed !== undefined) stack.at(-1)?.body.push({ range: closed.path, body: closed.body });
  return undefined;
}

function takeLiteral(text: string, body: Part[]): string | undefined {
  const literal = literalOf(text);
  if (!literal.ok) return literal.error;
  body.push({ text: String(literal.value) });
  return undefined;
}

function literalOf(text: string): Result<unknown, string> {
  const single = /^'((?:[^'\\]|\\.)*)'$/s.exec(text)?.[1];
  try {
    return ok(JSON.parse(single === undefined ? text : `"${single.replaceAll("\\'", "'").replaceAll('"', '\\"')}"`));
  } catch {
    return fail(`has ${text}, which is no text, number, true or false`); // the caller tells it
  }
}

const stepPattern = /^(?:\.\.([A-Za-z_][-\w]*)|\.\*|\.((?:[A-Za-z_$]|\\.)(?:[-\w/]|\\.)*)|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\[\s*(\*)\s*\]|\[\s*(-?\d{1,9})\s*\]|\[\s*(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*\]|\[\s*\?\(\s*(@[^=!<>]*?)\s*(?:(==|!=)\s*([^)]*?)\s*)?\)\s*\])/;

function parsePath(text: string): Result<readonly Step[], string> {
  let rest = text.trim().replace(/^[$@]/, "");
  if (rest !== "" && !/^[.[]/.test(rest)) rest = `.${rest}`;
  const steps: Step[] = [];
  while (rest !== "" && rest !== ".") {
    const match = stepPattern.exec(rest);
    if (match === null) return fail(`cannot be read from "${rest.slice(0, 32)}" on`);
    const step = stepOf(match);
    if (!step.ok) return step;
    steps.push(step.value);
    rest = rest.slice(match[0].length);
  }
  return ok(steps);
}

function stepOf(match: RegExpExecArray): Result<Step, string> {
  const [whole, deep, plain, single, double, star, index, from, to, path, operator, value] = match;
  const field = plain ?? single ?? double;
  if (deep !== undefined) return ok({ deep });
  if (field !== undefined) return ok({ field: field.replaceAll(/\\(.)/g, "$1") });
  if (star !== undefined || whole === ".*") return ok({ all: true });
  if (index !== undefined) return ok({ index: Number(index) });
  if (path !== undefined) return filterOf(path, operator, value);
  return ok({ slice: [from === undefined ? undefined : Number(from), to === undefined ? undefined : Number(to)] });
}

function filterOf(text: string, operator: string | undefined, value: string | undefined): Result<Step, string> {
  const path = parsePath(text);
  if (!path.ok || operator === undefined) return path.ok ? ok({ filter: { path: path.value } }) : path;
  const literal = literalOf(value ?? "");
  return literal.ok ? ok({ filter: { path: path.value, equal: operator === "==", value: literal.value } }) : literal;
}

function walk(from: readonly unknown[], steps: readonly Step[]): unknown[] {
  return steps.reduce<unknown[]>((values, step) => values.flatMap((value) => take(value, step)), [...from]);
}

function take(value: unknown, step: Step): unknown[] {
  if ("field" in step) return isRecord(value) && Object.hasOwn(value, step.field) ? [value[step.field]] : [];
  if ("all" in step) return childrenOf(value);
  if ("deep" in step) return deepOf(value, step.deep);
  if (!Array.isArray(value)) return [];
  if ("index" in step) return value.slice(step.index, step.index === -1 ? undefined : step.index + 1) as unknown[];
  if ("slice" in step) return value.slice(step.slice[0], step.slice[1]) as unknown[];
  const { filter } = step;
  return value.filter((one) => {
    const found = walk([one], filter.path);
    return "value" in filter ? (found.length > 0 && found.every((other) => other === filter.value)) === filter.equal : found.length > 0;
  });
}

function childrenOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value as unknown[] : isRecord(value) ? Object.values(value) : [];
}

/** Data comes from JSON, so its depth is bounded. */
function deepOf(value: unknown, name: string): unknown[] {
  return [...(isRecord(value) && Object.hasOwn(value, name) ? [value[name]] : []), ...childrenOf(value).flatMap((one) => deepOf(one, name))];
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
