// What the data plane needs of the machine: capabilities and kernel features, checked by name before anything is loaded, so that
// the reader learns what is missing instead of seeing a verifier log. Called by open.ts once. Changes nothing.
import { readFileSync } from "node:fs";
import { SvrError } from "../base/errors.ts";
import type { Native } from "../native/binding.ts";
import { errno, errnoText } from "./errno.ts";

const CAPABILITIES: readonly (readonly [name: string, bit: number])[] = [["NET_ADMIN", 12], ["NET_RAW", 13], ["PERFMON", 38], ["BPF", 39]];

/** KernelFeature is one thing that the kernel must have, by its number in enum svr_feature. */
export interface KernelFeature { readonly number: number; readonly name: string; readonly since: string }

/** kernelFeatures lists them, oldest first. */
export const kernelFeatures: readonly KernelFeature[] = [
  { number: 1, name: "type information of the kernel (CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux)", since: "5.4" },
  { number: 2, name: "memory-mapped array maps", since: "5.5" },
  { number: 3, name: "BPF ring buffers", since: "5.8" },
  { number: 4, name: "bpf_redirect_neigh", since: "5.10" },
  { number: 5, name: "bpf_timer", since: "5.15" },
  { number: 6, name: "bpf_loop", since: "5.17" },
  { number: 7, name: "tcx links (BPF_TCX_INGRESS)", since: "6.6" },
];

/** missingCapabilities lists what the effective set of /proc/self/status lacks. */
function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return CAPABILITIES.filter(([, bit]) => (effective >> BigInt(bit) & 1n) === 0n).map(([name]) => name);
}

/** notPermitted is the fault of a process that lacks capabilities. */
export function notPermitted(attempted: string): SvrError {
  return new SvrError("SVR_NOT_ROOT", { object: "process", attempted, fix: "run it as root, or with the capabilities NET_ADMIN, NET_RAW, BPF and PERFMON" });
}

function release(): string {
  return readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
}

function checkFeature(native: Native, feature: KernelFeature): void {
  const status = native.probeFeature(feature.number);
  if (status > 0) return;
  if (status === errno.EPERM) throw notPermitted(`the kernel refuses bpf(2) to this process, asked about ${feature.name}`);
  const why = status === 0 ? "lacks" : `cannot tell (${errnoText(status)}) about`;
  throw new SvrError("SVR_KERNEL_FEATURE", {
    object: feature.name, attempted: `kernel ${release()} ${why} ${feature.name}`, fix: `run a kernel that has it, Linux ${feature.since} or newer; all that is needed is in 6.6`,
  });
}

/** checkRequirements throws SVR_NOT_ROOT or SVR_KERNEL_FEATURE, naming what is missing. */
export function checkRequirements(native: Native): void {
  const missing = missingCapabilities(readFileSync("/proc/self/status", "utf8"));
  if (missing.length > 0) throw notPermitted(`the data plane needs capabilities that this process lacks: ${missing.join(", ")}`);
  for (const feature of kernelFeatures) checkFeature(native, feature);
}
