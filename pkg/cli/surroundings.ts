// What the command line needs from the world, as small ports: cmd/svrctl constructs them, tests bring their own.
// Types only; commands get nothing else to touch the outside with.
import type { ParseResult } from "../api/document.ts";
import type { Result } from "../base/result.ts";
import type { ReadAudit } from "../ports/audit.ts";
import type { AuthorityPort } from "../ports/authority.ts";
import type { SiteToken } from "../api/sitetoken.ts";
import type { EnrollmentPort } from "../ports/enrollment.ts";
import type { JoinCaptures } from "../ports/capture.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubePort } from "../ports/kube.ts";

/** AdminLimits bound one request: `timeoutMs` from connect to the last byte, and a signal that ends it. */
export interface AdminLimits {
  timeoutMs: number;
  signal: AbortSignal;
}

/** AdminReply is what came back: an HTTP status and the body: of JSON, bytes as they are, or undefined when it is neither. */
export interface AdminReply {
  status: number;
  body: unknown;
}

/** AdminTrouble is why nothing came back; `detail` is the system's own word. */
export interface AdminTrouble {
  kind: "absent" | "refused" | "forbidden" | "timeout" | "interrupted" | "broken";
  detail: string;
}

/** AdminPort asks one router's admin API; expected failures are values. */
export interface AdminPort {
  /** GET, or POST of a body as JSON when there is one. */
  ask(path: string, limits: AdminLimits, body?: unknown): Promise<Result<AdminReply, AdminTrouble>>;
}

/** FoundSockets are the sockets of this machine, sorted, and the places that this user may not look into. */
export interface FoundSockets {
  sockets: readonly string[];
  forbidden: readonly string[];
}

/** SocketFinder knows where routers keep their admin sockets. */
export interface SocketFinder {
  /** Folders that are searched. */
  readonly roots: readonly string[];
  list(): Promise<FoundSockets>;
  /** The socket of a named router: the first that exists or may not be looked at, else where it would be. */
  of(router: string): Promise<string>;
}

/** ConfigReader reads the configuration of a directory; rejects with a SvrError, whose cause is the system's, when it cannot be read. */
export type ConfigReader = (directory: string) => Promise<ParseResult>;

/** ClusterOptions say which API server, as whom, and how long one call may take; nothing given: the usual kubeconfig with its context. */
export interface ClusterOptions {
  kubeconfig?: string;
  context?: string;
  /** user and groups to act for */
  as?: string;
  asGroups: readonly string[];
  timeoutMs: number;
}

/** Cluster is an API server, and the namespace that its context names. */
export interface Cluster extends KubePort {
  /** its address */
  readonly server: string;
  readonly namespace: string;
  /** ends what it still waits for */
  close(): void;
}

/** OpenCluster makes a Cluster; rejects with SVR_KUBE_CONFIG when no kubeconfig can be used. Nothing is asked before the first call. */
export type OpenCluster = (options: ClusterOptions) => Promise<Cluster>;

/** ProgramName is how the program was called: it names itself so in help and hints. */
export type ProgramName = "svrctl" | "kubectl svr";

/** TextSink takes text in order; it resolves when the text is handed over and never throws because a reader went away. */
export interface TextSink {
  write(text: string): Promise<void>;
  /** the reader went away: what is written goes nowhere */
  isGone(): boolean;
}

/** Terminal is what the standard output is; `columns` is absent when it is no terminal. */
export interface Terminal {
  columns?: number;
  colour: boolean;
}

/** Connection is an open TCP connection; what comes on it is not read by anybody. */
export interface Connection { isOpen(): boolean; close(): void }

/** Surroundings is everything a command may use. */
export interface Surroundings {
  called: ProgramName;
  /** opens the API server of a cluster; what it takes is not loaded before */
  cluster: OpenCluster;
  admin(socketPath: string): AdminPort;
  sockets: SocketFinder;
  readConfig: ConfigReader;
  readAudit: ReadAudit;
  /** the authority of a folder, which may not be there yet; what it takes is not loaded before */
  authority(folder: string): Promise<AuthorityPort>;
  /** an identity for a router in its state directory; what it takes is not loaded before */
  enrollment(of: { stateDir: string; router: string }): Promise<EnrollmentPort>;
  /** a new one-time token for the authority with this pin, and the hash to keep; what it takes is not loaded before */
  siteToken(pin: string): Promise<{ token: SiteToken; hash: string }>;
  /** a small text file; the system's word for what kept it from being read */
  readText(path: string): Promise<Result<string, string>>;
  /** waits; an interrupt ends the wait that it falls into */
  pause(ms: number): Promise<void>;
  /** opens a TCP connection; the system's word for what kept it from that */
  connect(to: { host: string; port: number; timeoutMs: number }): Promise<Connection | string>;
  /** writes a file anew; the system's word for what kept it from that */
  writeFile(path: string, bytes: Uint8Array): Promise<string | undefined>;
  joinCaptures: JoinCaptures;
  clock: Clock;
  out: TextSink;
  err: TextSink;
  terminal: Terminal;
  /** version of this program */
  version: string;
  /** aborted when the user interrupts */
  signal: AbortSignal;
}
