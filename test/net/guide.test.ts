// docs/guide, as a reader types it: every `sh` block in order, in one shell, in an environment that is thrown away (own mounts,
// network, processes and BPF file system), and the outputs that the pages show are those that come.
import { join } from "node:path";
import { guideScript, missingWords, outputsOf, readGuide } from "../support/guide.ts";
import { describeNet } from "../support/probe.ts";
import { TestProcess } from "../support/process.ts";

const root = join(import.meta.dirname, "../..");
const RUN_MS = 300_000;

/** Everything the guide makes is below these mounts or in namespaces of this process tree, and goes with it. */
const throwAway = ["mount --make-rprivate /", "mount -t tmpfs none /run", "mkdir /run/netns", "mount -t bpf bpf /sys/fs/bpf", "ip link set lo up"].join(" && ");

describeNet("the guide", () => {
  const blocks = readGuide(join(root, "docs/guide"));
  let ran: ReturnType<typeof outputsOf>;
  beforeAll(async () => {
    const shell = new TestProcess(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", `${throwAway} && exec bash -c "$0"`, guideScript(blocks)], { cwd: root });
    try {
      await shell.end(RUN_MS);
    } finally {
      if (shell.exit === undefined) await shell.kill();
    }
    ran = outputsOf(shell.lines);
  }, RUN_MS + 10_000);

  test.each(blocks.map((block, index) => ({ ...block, index })))("$title runs and shows what the page shows", ({ index, shows }) => {
    if (ran.done <= index) throw new Error(ran.done === index ? `this block failed: ${ran.outputs[index] ?? ""}` : `not run, because ${blocks[ran.done]?.title ?? "the start"} failed`);
    expect(missingWords(shows ?? "", ran.outputs[index] ?? "")).toEqual([]);
  });

  test("the pages have blocks, and some show output", () => {
    expect(blocks.length).toBeGreaterThan(20);
    expect(blocks.filter((block) => block.shows !== undefined).length).toBeGreaterThan(5);
  });
});
