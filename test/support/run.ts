// One run of tests that touch the kernel: a temporary folder whose name is the prefix of everything the run makes, with the
// identity of the owner and of each process it started. sweep.ts reads it after a run that could not clean up. Namespaces
// and pins are named after the folder, so that no run ever touches what is not its own.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";

/** folderStart begins the name of each run folder. */
export const folderStart = "opensvr-run-";
/** namespaceFolder and pinRoot are where the kernel's names of namespaces and pinned objects are. */
export const namespaceFolder = "/run/netns", pinRoot = "/sys/fs/bpf";

const OWNER = "owner", PROCESSES = "processes";

/** Run is a run folder with the names that belong to it. */
export interface Run {
  folder: string;
  /** begins the names of all namespaces of the run; also the name of its pin folder */
  prefix: string;
  pins: string;
}

/** ProcessId is a process that cannot be mistaken for a later one with the same pid: `start` is its start in clock ticks. */
export interface ProcessId { pid: number; start: string }

/** openRun makes a run folder and writes down who owns it. */
export function openRun(): Run {
  const run = runOf(mkdtempSync(join(tmpdir(), folderStart)));
  writeFileSync(join(run.folder, OWNER), `${process.pid} ${startOf(process.pid) ?? ""}\n`);
  return run;
}

/** runOf gives the names that belong to a run folder. */
export function runOf(folder: string): Run {
  const prefix = `svr-${basename(folder).slice(folderStart.length)}`;
  return { folder, prefix, pins: join(pinRoot, prefix) };
}

/** noteProcess writes a started process down; called before anything can go wrong with it. */
export function noteProcess(run: Run, pid: number): void {
  const start = startOf(pid);
  if (start !== undefined) appendFileSync(join(run.folder, PROCESSES), `${pid} ${start}\n`);
}

/** startOf reads when a process started (proc(5), field 22), undefined when there is none or only a zombie. */
export function startOf(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // it has ended
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}

function isAlive(id: ProcessId): boolean {
  return startOf(id.pid) === id.start;
}

function idsIn(path: string): ProcessId[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8").split("\n").flatMap((line) => {
    const match = /^(\d+) (\d+)$/.exec(line);
    return match === null ? [] : [{ pid: Number(match[1]), start: match[2] ?? "" }];
  });
}

/** livingProcesses are the processes of a run that still run. */
export function livingProcesses(run: Run): ProcessId[] {
  return idsIn(join(run.folder, PROCESSES)).filter(isAlive);
}

/** isOwned tells whether the process that made the run still lives: then nobody else may touch it. */
export function isOwned(run: Run): boolean {
  return idsIn(join(run.folder, OWNER)).some(isAlive);
}

/** namespacesOf are the names of the run's namespaces that exist. */
export function namespacesOf(run: Run): string[] {
  if (!existsSync(namespaceFolder)) return [];
  return readdirSync(namespaceFolder).filter((name) => name.startsWith(`${run.prefix}-`));
}

/** leftovers lists what is still there of a run, in words; empty when nothing is. */
export function leftovers(run: Run): string[] {
  return [
    ...livingProcesses(run).map(({ pid }) => `process ${pid}`), ...namespacesOf(run).map((name) => `namespace ${name}`),
    ...[run.pins, run.folder].filter((path) => existsSync(path)).map((path) => `folder ${path}`),
  ];
}

/** removeFolders removes pins and then the run folder, which is the last that is known of a run. */
export function removeFolders(run: Run): void {
  removePins(run.pins);
  rmSync(run.folder, { recursive: true, force: true });
}

/** bpffs has no sizes to trust, but plain unlink and rmdir work. */
function removePins(folder: string): void {
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
}

/** allRuns are the runs whose folders exist, finished or not. */
export function allRuns(): Run[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(folderStart)).map((name) => runOf(join(tmpdir(), name)));
}
