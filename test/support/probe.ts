// Named probes: what a machine can do. The only place that may skip a test, and then the title says which probe failed.
// Called by tests that need root or a feature of the kernel; a probe looks, it changes nothing.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { hasNamespaces } from "./net.ts";

/** Probe is one named condition. */
export interface Probe { name: string; holds(): boolean }

/** probes lists them by what is missing when they fail. */
export const probes = {
  namespaces: { name: "no root or no network namespaces", holds: hasNamespaces },
  kernelTypes: { name: "kernel without BTF", holds: () => existsSync("/sys/kernel/btf/vmlinux") },
  tcx: { name: "kernel without tcx", holds: () => kernelIsAtLeast(6, 6) },
} as const satisfies Record<string, Probe>;

/** tshark is there, for tests that have files read by another program. */
export const tshark: Probe = { name: "no tshark", holds: () => spawnSync("tshark", ["--version"]).status === 0 };

function kernelIsAtLeast(major: number, minor: number): boolean {
  const [has = 0, hasMinor = 0] = readFileSync("/proc/sys/kernel/osrelease", "utf8").split(/[.-]/).map(Number);
  return has > major || (has === major && hasMinor >= minor);
}

/** describeWhere declares a suite that runs where all probes hold; elsewhere it is skipped under the name of the first that does not. */
export function describeWhere(needed: readonly Probe[], title: string, suite: () => void): void {
  const missing = needed.find((probe) => !probe.holds());
  if (missing === undefined) describe(title, suite);
  else describe.skip(`${title} [${missing.name}]`, suite);
}

/** describeNet declares a suite that needs what routers in namespaces need. */
export function describeNet(title: string, suite: () => void): void {
  describeWhere(Object.values(probes), title, suite);
}
