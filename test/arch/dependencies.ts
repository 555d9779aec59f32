// Packages are few, pinned, recorded and declared: package.json against docs/decisions/002-dependencies.md and against the
// imports. Pure functions over sources; dependencies.test.ts runs them on the repository and on samples.
import { importsOf } from "./layers.ts";
import { isTest } from "./source.ts";
import type { Source } from "./source.ts";

/** recordPath is the decision record with one table row `| package | version | ... |` for each dependency. */
export const recordPath = "docs/decisions/002-dependencies.md";

interface Manifest { dependencies?: Record<string, string>; devDependencies?: Record<string, string> }

function manifestOf(sources: readonly Source[]): Required<Manifest> {
  const text = sources.find((file) => file.path === "package.json")?.text ?? "{}";
  return { dependencies: {}, devDependencies: {}, ...(JSON.parse(text) as Manifest) };
}

/** recordedPackages reads name and version of each row of the record. */
export function recordedPackages(record: string): Map<string, string> {
  return new Map([...record.matchAll(/^\| `([^`]+)` \| ([^ |]+) \|/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

/** checkRecord lists dependencies that are not pinned, not recorded, recorded with another version, or recorded but gone. */
export function checkRecord(sources: readonly Source[]): string[] {
  const { dependencies, devDependencies } = manifestOf(sources);
  const recorded = recordedPackages(sources.find((file) => file.path === recordPath)?.text ?? "");
  const all = Object.entries({ ...dependencies, ...devDependencies });
  return [
    ...all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)).map(([name, version]) => `package.json: ${name} ${version} is not one version`),
    ...all.filter(([name, version]) => recorded.get(name) !== version).map(([name, version]) => `${recordPath}: ${name} ${version} has no row with this version`),
    ...[...recorded.keys()].filter((name) => !all.some(([known]) => known === name)).map((name) => `${recordPath}: ${name} is not a dependency`),
  ];
}

/** packageOf is the package of a bare module name. */
function packageOf(name: string): string {
  return name.split("/", name.startsWith("@") ? 2 : 1).join("/");
}

/** checkDeclared lists packages that are imported but not declared: products need `dependencies`, tests and tools may use both. */
export function checkDeclared(sources: readonly Source[]): string[] {
  const { dependencies, devDependencies } = manifestOf(sources);
  return sources.flatMap((file) => importsOf(file).filter(({ name }) => !/^(\.|node:)/.test(name)).flatMap(({ name, where }) => {
    const wanted = packageOf(name), tool = isTest(file.path) || /^(scripts|deploy)\//.test(file.path);
    if (wanted in dependencies || tool && wanted in devDependencies) return [];
    return [`${where}: ${wanted} is not declared in ${tool ? "package.json" : "dependencies"}`];
  }));
}
