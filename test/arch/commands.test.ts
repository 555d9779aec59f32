// Commands in README and docs exist; the rule is seen to fail on commands that do not.
import { checkCommands, shellBlocks, simpleCommands } from "./commands.ts";
import { loadRepository, source } from "./source.ts";

const fence = "```";
const document = (command: string) => source("docs/a.md", `Text\n\n${fence}sh\n${command}\n${fence}\n`);
const around = [
  source("package.json", JSON.stringify({ scripts: { demo: "x", test: "x" } })),
  source("scripts/setup", "#!/bin/bash\n"),
  source("cmd/svrctl/main.ts", ""),
  source("pkg/cli/program.ts", 'program.command("sessions [verb]"); program.command("why").requiredOption("--tenant <name>", "x");'),
  source("cmd/router/main.ts", 'program.option("--config-dir <dir>");'),
];

describe("commands of the documents", () => {
  test("exist", () => { expect(checkCommands(loadRepository())).toEqual([]); });

  test.each([
    "npm run nothing", "npm publish", "npm run demo && npm run nothing", "bash scripts/gone", "node scripts/gone.ts", "./scripts/gone", "svrctl session", "svrctl why --tenannt a",
    "sudo node cmd/router/main.ts --config-directory x", "frobnicate", "ip link | frobnicate", "node cmd/gone/main.ts", "cat <<'EOF'\nls\nEOF\nfrobnicate",
  ])("refused: %s", (command) => {
    expect(checkCommands([...around, document(command)])).toHaveLength(1);
  });

  test.each([
    "npm run demo", "npm test", "npm ci", "$ npm test -- --watch", "bash scripts/setup", "./scripts/setup", "# just a comment", "A=1 ip link show | grep eth", "svrctl sessions list -o wide",
    "svrctl why \\\n  --tenant a", "sudo node cmd/router/main.ts --config-dir x", "node_modules/.bin/node cmd/svrctl/main.ts sessions", 'echo "a; frobnicate | b"', "cd x; ls", "A=$!", "A=$(svrctl sessions | head -n 1)", "cat <<'EOF' | xargs ls\nfrobnicate: x\nEOF\nls", "kubectl svr status", "helm uninstall a",
  ])("accepted: %s", (command) => {
    expect(checkCommands([...around, document(command)])).toEqual([]);
  });

  test("blocks and lines are found", () => {
    expect(shellBlocks(`a\n${fence}sh\nls\n${fence}\n${fence}yaml\nrm\n${fence}\n  ${fence}sh\n  ps\n  ${fence}\n`)).toEqual([{ line: 3, body: "ls\n" }, { line: 9, body: "  ps\n" }]);
    expect(simpleCommands("A=1 sudo b 'c d' | e && f # g")).toEqual([["b", "c d"], ["e"], ["f"]]);
  });
});
