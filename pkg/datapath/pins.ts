// Where the data plane of one router is pinned: a directory on a BPF file system, one file a map, ring and link. Names carry the
// layout version, so that another version never takes them for its own. Called by open.ts, adopt.ts, attach.ts; touches files only.
import { existsSync, mkdirSync, readdirSync, rmdirSync, statfsSync, statSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { SvrError } from "../base/errors.ts";
import type { Native } from "../native/binding.ts";
import { errnoText } from "./errno.ts";

/** LAYOUT_VERSION is SVR_LAYOUT_VERSION of bpf/svr_types.h. */
export const LAYOUT_VERSION = 9;

/** MAP_SUFFIX ends the name of every pinned map. */
export const MAP_SUFFIX = `_v${LAYOUT_VERSION}`;

/** BPF_ROOT is where a BPF file system usually is. */
const BPF_ROOT = "/sys/fs/bpf";

const BPF_FS_MAGIC = 0xcafe4a11;

/** defaultPinDir is the directory of a router of this name. */
export function defaultPinDir(name: string): string {
  return join(BPF_ROOT, "opensvr", name);
}

/** Pins names the files of one router. */
export interface Pins {
  readonly dir: string;
  map(name: string): string;
  ring(shard: number): string;
  /** ring of a protect worker */
  protect(worker: number): string;
  /** link of a device; per network namespace, because kernel indexes are */
  link(ifindex: number): string;
  inject(): string;
  /** names of all pins, absent directory: none */
  list(): string[];
}

/** createPins names pins below `dir`; links belong to the network namespace of this process. */
export function createPins(dir: string): Pins {
  const namespace = statSync("/proc/thread-self/ns/net").ino;
  return {
    dir, map: (name) => join(dir, `${name}${MAP_SUFFIX}`), ring: (shard) => join(dir, `ring${shard}${MAP_SUFFIX}`),
    protect: (worker) => join(dir, `protect${worker}${MAP_SUFFIX}`),
    link: (ifindex) => join(dir, `link_${namespace}_${ifindex}`), inject: () => join(dir, `inject_${namespace}`),
    list: () => (existsSync(dir) ? readdirSync(dir).sort() : []),
  };
}

/** isLinkPin tells the pin of a link, of any namespace. */
export function isLinkPin(name: string): boolean {
  return /^(link|inject)_\d+(_\d+)?$/.test(name);
}

/** versionOf is the layout version that a pinned map or ring carries in its name; absent for other files. */
export function versionOf(name: string): number | undefined {
  const found = /^[a-z]+\d*_v(\d+)$/.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

function onBpfFs(path: string): boolean {
  let at = path;
  while (!existsSync(at)) at = dirname(at);
  return statfsSync(at).type === BPF_FS_MAGIC;
}

function refuse(dir: string, attempted: string, more: { fix: string; cause?: unknown }): SvrError {
  return new SvrError("SVR_BPFFS", { object: dir, attempted, ...more });
}

/** Mounts the usual place when nobody did; another place is its owner's business. */
function mountRoot(native: Native, dir: string): void {
  const command = `mount it: "mount -t bpf bpf ${BPF_ROOT}"`;
  if (!dir.startsWith(`${BPF_ROOT}/`)) {
    throw refuse(dir, `${dir} is not on a BPF file system`, { fix: `choose a directory below ${BPF_ROOT}, or mount one first: "mount -t bpf bpf ${dir}"` });
  }
  if (!existsSync(BPF_ROOT)) throw refuse(BPF_ROOT, `${BPF_ROOT} does not exist`, { fix: "use a kernel with CONFIG_BPF_SYSCALL, and mount sysfs on /sys" });
  const status = native.probeMount(BPF_ROOT);
  if (status < 0) throw refuse(BPF_ROOT, `no BPF file system on ${BPF_ROOT}, and mounting one failed (${errnoText(status)})`, { fix: command });
}

/** preparePinDir makes the directory, with a BPF file system below it; throws SVR_BPFFS. */
export function preparePinDir(native: Native, dir: string): void {
  if (!onBpfFs(dir)) mountRoot(native, dir);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw refuse(dir, `cannot make ${dir}`, { fix: 'run as root, or as the owner of the directory above; names on a BPF file system hold no "."', cause });
  }
}

/** unpin removes one pin; one that is gone is no fault. */
export function unpin(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
    throw refuse(path, `cannot remove the pin ${path}`, { fix: `remove it: "rm ${path}"`, cause });
  }
}

/** removePinDir removes what is ours and the directory; foreign files stay and keep it. */
export function removePinDir(pins: Pins): void {
  const names = pins.list();
  for (const name of names.filter(isLinkPin)) unpin(join(pins.dir, name));
  for (const name of names.filter((one) => versionOf(one) === LAYOUT_VERSION)) unpin(join(pins.dir, name));
  if (existsSync(pins.dir) && pins.list().length === 0) rmdirSync(pins.dir);
}
