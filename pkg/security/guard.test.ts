// A process that is guarded makes no core dump, and its memory belongs to root: nobody of the same user may look into it.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";

const program = `
import { readFileSync, statSync } from "node:fs";
import { guardMemory } from ${JSON.stringify(join(import.meta.dirname, "guard.ts"))};
const owner = () => statSync("/proc/self/environ").uid;
const before = owner();
guardMemory();
console.log(JSON.stringify([before, owner(), /^Max core file size +0 +0 /m.test(readFileSync("/proc/self/limits", "utf8"))]));
`;

test("core dumps are off and the memory is closed", () => {
  const uid = process.getuid?.() === 0 ? 65_534 : process.getuid?.() ?? 0;
  const { stdout, stderr } = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program], { encoding: "utf8", uid, cwd: "/" });
  expect([stdout, stderr]).toEqual([`[${uid},0,true]\n`, ""]);
});
