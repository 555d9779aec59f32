// The commands that ask a cluster: status, check, tenants, services, routers. Called by program.ts; declares and dispatches.
import { checkCluster } from "./check.ts";
import type { CheckFlags } from "./check.ts";
import { readCount, readEndpoint } from "./optionvalues.ts";
import type { Run } from "./program.ts";
import { showRouters } from "./routers.ts";
import { showServices } from "./services.ts";
import { showStatus } from "./status.ts";
import type { StatusFlags } from "./status.ts";
import { showTenants } from "./tenants.ts";
import type { SvrCommand } from "./usage.ts";

const operatorNamespace = ["--operator-namespace <name>", "namespace of the operator (default: found by its Lease, which takes the right to list leases)"] as const;

/** addKubeCommands declares the commands. */
export function addKubeCommands(program: SvrCommand, run: Run): void {
  program.command("status").description("A cluster on one screen: API server, kinds, operator, routers, and every object that is not ready with its reason and the next command. Exit 3 when something is not as it should be.")
    .option(...operatorNamespace).option("--limit <count>", "show at most this many objects that are not ready", readCount, 20)
    .withExamples("status", "status -n shop -o json")
    .action((flags: StatusFlags, command: SvrCommand) => run(command, (context) => showStatus(context, flags)));
  program.command("check").description("Check a cluster, one line a check: API server, kinds in this version, operator, configuration of each router, versions, certificates, alarms, conditions. Exit 3 when a check fails.")
    .option(...operatorNamespace).option("--junit <file>", "write the checks as JUnit XML too")
    .option("--session <service>", "open one real session of this Service (namespace/name) from here, and wait until two routers report it")
    .option("--to <address:port>", "with --session: a TCP port of the Service", readEndpoint)
    .withExamples("check --junit build/check.xml --context lab", "check --session shop/web --to 10.9.0.10:443")
    .action((flags: CheckFlags, command: SvrCommand) => run(command, (context) => checkCluster(context, flags)));
  addTable(program, run, { name: "tenants", what: "Tenants of a cluster; a named one with its members, children and the services that it may reach.", examples: ["tenants", "tenants engineering.acme -o yaml"], show: showTenants });
  addTable(program, run, { name: "services", what: "Services of a namespace of a cluster; a named one with its addresses, who may reach it and by which routes.", examples: ["services -A -o wide", "services web -n shop"], show: showServices });
  addTable(program, run, { name: "routers", what: "Routers of a cluster, and whether each has programmed the configuration that it should have; a named one with its interfaces and peers.", examples: ["routers -o wide", "routers branch cloud"], show: showRouters });
}

interface TableParts { name: string; what: string; examples: [string, string]; show: typeof showTenants }

function addTable(program: SvrCommand, run: Run, { name, what, examples, show }: TableParts): void {
  program.command(name).argument("[names...]", "show these in detail").description(what).withNames().withExamples(...examples)
    .action((names: string[], _flags: unknown, command: SvrCommand) => run(command, (context) => show(context, names)));
}
