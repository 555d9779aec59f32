// A configuration directory as compiled routers and problems. Called by `config validate`; without compiling by `config diff` and `why`.
// Reads through the port; judges nothing.
import type { ParseResult } from "../api/document.ts";
import type { Problem } from "../api/problem.ts";
import { SvrError } from "../base/errors.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { compile } from "../plan/compile.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Failure } from "./failure.ts";
import type { ConfigReader } from "./surroundings.ts";

/** ReadPlan is what a directory says: the number of good objects, every problem, and the routers by name. */
export interface ReadPlan {
  objects: number;
  problems: readonly Problem[];
  routers: ReadonlyMap<string, RouterConfig>;
}

/** readPlan reads, parses and compiles; a directory that cannot be read, or says nothing, is a failure. */
export async function readPlan(reader: ConfigReader, directory: string): Promise<Result<ReadPlan, Failure>> {
  const parsed = await parsePlan(reader, directory);
  if (!parsed.ok) return parsed;
  const { routers, problems } = compile(parsed.value);
  return ok({ objects: parsed.value.objects.length, problems, routers });
}

/** parsePlan is readPlan without compiling. */
export async function parsePlan(reader: ConfigReader, directory: string): Promise<Result<ParseResult, Failure>> {
  const attempted = `cannot read the configuration in ${directory}`;
  try {
    const parsed = await reader(directory);
    if (parsed.objects.length + parsed.problems.length > 0) return ok(parsed);
    return fail({ code: "SVR_NOT_FOUND", attempted, reason: "no object stands in a file that ends in .yaml or .yml", next: "name the directory with the configuration files" });
  } catch (error) {
    if (!(error instanceof SvrError)) throw error;
    return fail(troubleFailure(attempted, error));
  }
}

function troubleFailure(attempted: string, error: SvrError): Failure {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case "ENOENT": return { code: "SVR_NOT_FOUND", attempted, reason: `there is no such directory (${code})`, next: "name a directory that exists" };
    case "ENOTDIR": return { code: "SVR_NOT_FOUND", attempted, reason: `it is no directory (${code})`, next: "name the directory that the files are in" };
    case "EACCES":
    case "EPERM": return { code: "SVR_NOT_PERMITTED", attempted, reason: `you may not read it (${code})`, next: "run svrctl as a user who may, for example with sudo" };
    default: return { code: "SVR_CONFIG_INVALID", attempted, reason: error.message, next: error.fix };
  }
}
