// Traffic between real hosts: TCP and UDP servers and clients of test/support/hosts, HTTP downloads, ping, iperf3. Each runs
// as a process in a namespace and reports what it saw. Called by tests; bounded in count and time.
import { join } from "node:path";
import process from "node:process";
import type { Net } from "./net.ts";
import type { TestProcess } from "./process.ts";

/** TcpClientSettings of tcp-client.ts; without everyMs each session sends one message when it is connected and when told `say`. */
export interface TcpClientSettings { to: string; port: number; sessions: number; messageBytes?: number; everyMs?: number; from?: string; firstPort?: number; pattern?: "numbers" | "cookies" }

/** TcpReport counts sessions; `wrong` had a byte that did not belong, blackoutMs is the longest wait for an answer. */
export interface TcpReport {
  sessions: number; connected: number; live: number; answered: number; wrong: number; sentBytes: number; receivedBytes: number; blackoutMs: number;
  /** sessions by error code, such as ECONNRESET */
  faults: Record<string, number>;
}

/** UdpServerReport is what came, with the last 1,000 datagrams in hex. */
export interface UdpServerReport { received: number; bytes: number; last: { from: string; port: number; data: string }[] }

/** UdpClientSettings of udp-client.ts. */
export interface UdpClientSettings { to: string; port: number; sockets?: number; bytes?: number; waitMs?: number; from?: string; firstPort?: number }

/** UdpRound is what a client is told to send: so many datagrams from each socket, with this body (hex) or numbered ones, and how long answers are waited for. */
export interface UdpRound { count: number; body?: string; waitMs?: number }

/** UdpReport is one round: each answer must equal what its socket sent. */
export interface UdpReport { sent: number; answered: number; wrong: number; faults: number; longestMs: number }

const hosts = join(import.meta.dirname, "hosts");

function program(net: Net, node: string, name: string, ...words: string[]): TestProcess {
  return net.start(node, [process.execPath, "--disable-warning=ExperimentalWarning", join(hosts, name), ...words]);
}

/** startTcpServer listens in a node: echo, or a stream of so many bytes. */
export async function startTcpServer(net: Net, node: string, at: { address: string; port: number; stream?: number }): Promise<TestProcess> {
  const server = program(net, node, "tcp-server.ts", at.address, String(at.port), ...(at.stream === undefined ? ["echo"] : ["stream", String(at.stream)]));
  await server.line(/^listening$/);
  return server;
}

/** startUdpServer listens in a node. */
export async function startUdpServer(net: Net, node: string, at: { address: string; port: number; mode?: "echo" | "sink" }): Promise<UdpServer> {
  const server = program(net, node, "udp-server.ts", at.address, String(at.port), at.mode ?? "echo");
  await server.line(/^listening$/);
  return new UdpServer(server);
}

/** startHttpServer listens in a node. */
export async function startHttpServer(net: Net, node: string, at: { address: string; port: number }): Promise<TestProcess> {
  const server = program(net, node, "http-server.ts", at.address, String(at.port));
  await server.line(/^listening$/);
  return server;
}

/** asked sends a line and gives the JSON line that answers it. */
async function asked<T>(to: TestProcess, line: string, deadlineMs?: number): Promise<T> {
  const from = to.lines.length;
  to.write(line);
  return JSON.parse(await to.line(/^\{/, { from, ...(deadlineMs !== undefined && { deadlineMs }) })) as T;
}

/** UdpServer is a started UDP server. */
export class UdpServer {
  readonly process: TestProcess;
  constructor(started: TestProcess) { this.process = started; }

  /** report gives what came until now. */
  async report(): Promise<UdpServerReport> { return asked(this.process, "report"); }

  /** push sends a datagram to the last sender without being asked. */
  async push(): Promise<void> { await asked(this.process, "push"); }
}

/** TcpClient is a started TCP client. */
export class TcpClient {
  readonly process: TestProcess;
  constructor(started: TestProcess) { this.process = started; }

  /** report gives the counts until now. */
  async report(): Promise<TcpReport> { return asked(this.process, "report"); }

  /** say sends one message on each session. */
  async say(): Promise<void> { await this.#told("say", /^said$/); }

  /** rest says nothing more: what is on its way is answered and nothing follows. */
  async rest(): Promise<void> { await this.#told("rest", /^rests$/); }

  /** forget starts the measurement of blackouts anew. */
  async forget(): Promise<void> { await this.#told("forget", /^forgotten$/); }

  /** stop closes all sessions in order and gives the last report. */
  async stop(): Promise<TcpReport> { return asked(this.process, "stop", 30_000); }

  async #told(word: string, answer: RegExp): Promise<void> {
    const from = this.process.lines.length;
    this.process.write(word);
    await this.process.line(answer, { from });
  }
}

/** startTcpClient opens sessions from a node. */
export function startTcpClient(net: Net, node: string, settings: TcpClientSettings): TcpClient {
  return new TcpClient(program(net, node, "tcp-client.ts", JSON.stringify(settings)));
}

/** UdpClient is a started UDP client. */
export class UdpClient {
  readonly process: TestProcess;
  constructor(started: TestProcess) { this.process = started; }

  /** send sends datagrams from every socket and reports the answers; it returns as soon as all are there. */
  async send(count = 1, how: Omit<UdpRound, "count"> = {}): Promise<UdpReport> { return asked(this.process, JSON.stringify({ count, ...how }), 30_000); }
}

/** startUdpClient opens sockets in a node. */
export async function startUdpClient(net: Net, node: string, settings: UdpClientSettings): Promise<UdpClient> {
  const client = program(net, node, "udp-client.ts", JSON.stringify(settings));
  await client.line(/^ready$/);
  return new UdpClient(client);
}

/** ping sends echo requests 100 ms apart and gives how many were answered. */
export async function ping(net: Net, node: string, to: string, options: { count?: number; bytes?: number; identifier?: number } = {}): Promise<{ sent: number; answered: number }> {
  const { count = 3, bytes = 56, identifier } = options;
  const words = ["ping", "-n", "-c", String(count), "-i", "0.1", "-W", "1", "-s", String(bytes), ...(identifier === undefined ? [] : ["-e", String(identifier)]), to];
  const { stdout } = await net.exec(node, words);
  const match = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
  return { sent: Number(match?.[1] ?? 0), answered: Number(match?.[2] ?? 0) };
}

/** download fetches bytes with curl and gives its exit code and how many came. */
export async function download(net: Net, node: string, at: { address: string; port: number; bytes: number; seconds?: number }): Promise<{ code: number; bytes: number; error: string }> {
  const host = at.address.includes(":") ? `[${at.address}]` : at.address;
  const words = ["curl", "--silent", "--show-error", "--globoff", "--max-time", String(at.seconds ?? 20), "--output", "/dev/null", "--write-out", "%{size_download}", `http://${host}:${at.port}/${at.bytes}`];
  const { code, stdout, stderr } = await net.exec(node, words);
  return { code, bytes: Number(stdout), error: stderr.trim() };
}

/** runIperf runs iperf3 from one node to another and gives bits per second as received. */
export async function runIperf(net: Net, from: string, to: { node: string; address: string }, options: { seconds?: number; port?: number } = {}): Promise<number> {
  const { seconds = 1, port = 5201 } = options;
  const server = net.start(to.node, ["iperf3", "--server", "--one-off", "--bind", to.address, "--port", String(port), "--forceflush"]);
  await server.line(/listening/i);
  const { code, stdout, stderr } = await net.exec(from, ["iperf3", "--client", to.address, "--port", String(port), "--time", String(seconds), "--json"]);
  await server.stop();
  if (code !== 0) throw new Error(`iperf3: ${code} ${stdout} ${stderr}`);
  return (JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second;
}
