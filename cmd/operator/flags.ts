// The command line of the operator: what each flag is and its default. Called by main.ts; starts nothing.
import { Command, InvalidArgumentError, Option } from "commander";

/** Flags are the options of one operator process. */
export interface Flags {
  namespace: string;
  /** absent: the account of the pod, or the usual places of a kubeconfig */
  kubeconfig?: string;
  context?: string;
  leaseName: string;
  /** identity in the Lease */
  identity: string;
  /** 0: none */
  healthPort: number;
  routerImage: string;
  routerNamespace: string;
  routerRole: string;
  defaultClass: boolean;
  /** signs certificates of routers */
  signRouters: boolean;
  /** port of the site endpoint; 0: none */
  sitePort: number;
  logLevel: string;
}

const help = `
Examples:
  operator --namespace opensvr
  operator --kubeconfig ~/.kube/config --namespace opensvr --health-port 0 --log-level debug

Of several operators one writes, the others are warm. SIGTERM gives the lease back before the process ends.`;

/** readFlags parses the arguments (without program and script); commander prints help and errors, and ends the process. */
export function readFlags(args: readonly string[], surroundings: { version: string; hostname: string }): Flags {
  const command = new Command("operator")
    .description("Reconciles OpenSVR objects of a Kubernetes API server into RouterConfigs, routers and conditions.")
    .requiredOption("--namespace <name>", "namespace of the operator itself: its Lease and the list of objects in force are there")
    .option("--kubeconfig <file>", "kubeconfig (default: the account of the pod, else the usual places)")
    .option("--context <name>", "context of the kubeconfig (default: its current one)")
    .option("--lease-name <name>", "Lease by which one of several operators leads", "opensvr-operator")
    .option("--identity <name>", "name of this operator in the Lease (default: host name and process id)")
    .option("--health-port <port>", "port of /healthz and /readyz, 0 for none", readPort, 9280)
    .option("--router-image <image>", "image of the router pods", "opensvr/router:latest")
    .option("--router-namespace <name>", "namespace of the router pods (default: that of the operator)")
    .option("--router-role <name>", "ClusterRole of the router pods' accounts", "opensvr-router")
    .option("--no-default-class", "make no RouterClass \"default\" when there is none")
    .option("--sign-routers", "approve and sign certificates of router pods (signer opensvr.io/router) with the authority in Secret opensvr-authority", false)
    .option("--site-port <port>", "with --sign-routers: port of the site endpoint, where routers outside of the cluster enroll; 0 for none", readPort, 0)
    .addOption(new Option("--log-level <level>", "least severe messages of the JSON log on the standard output").choices(["error", "warn", "info", "debug"]).default("info"))
    .version(surroundings.version, "--version", "print the version and end")
    .addHelpText("after", help)
    .showHelpAfterError('run "operator --help"')
    .exitOverride((error) => { process.exit(error.exitCode === 0 ? 0 : 2); })
    .parse(args, { from: "user" });
  const given = command.opts<Omit<Flags, "identity" | "routerNamespace"> & Partial<Flags>>();
  return { ...given, identity: given.identity ?? `${surroundings.hostname}-${process.pid}`, routerNamespace: given.routerNamespace ?? given.namespace };
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError("write a port from 0 to 65535");
  return port;
}
