// The API server of a test inside the namespaces of a test network: a Unix socket that leads to it, which can be taken away and
// brought back, and in each namespace a process that listens where kubeconfigs and pods look. Called by tests with router processes.
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { Net } from "../net.ts";
import { waitFor } from "../wait.ts";
import { slow } from "./patience.ts";
import type { Kube } from "./server.ts";

/** insideAddress is where the API server is in each namespace that the relay entered. */
export const insideAddress = "127.0.0.1", insidePort = 6443;

const program = "const net = require('node:net'); net.createServer((one) => { const two = net.connect(process.argv[1]); one.pipe(two).pipe(one); for (const end of [one, two]) end.on('error', () => { one.destroy(); two.destroy(); }); }).listen(Number(process.argv[2]), process.argv[3], () => console.log('up'));";

/** ApiRelay leads from namespaces to the API server while it is connected. */
export class ApiRelay {
  readonly #kube: Kube;
  readonly #net: Net;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();
  #listener: Server | undefined;

  constructor(kube: Kube, net: Net) {
    [this.#kube, this.#net, this.#path] = [kube, net, join(net.folder, "api.sock")];
  }

  /** enter lets the processes of a node reach the API server. */
  async enter(node: string): Promise<void> {
    const inside = this.#net.start(node, [process.execPath, "-e", program, this.#path, String(insidePort), insideAddress]);
    await waitFor(`the relay listens in ${node}`, () => inside.lines.includes("up"), slow);
  }

  /** connect lets connections pass from now on. */
  async connect(): Promise<void> {
    const listener = this.#listener = createServer((one) => {
      const two = connect(this.#kube.port, "127.0.0.1");
      for (const end of [one, two]) {
        this.#sockets.add(end);
        end.on("error", () => { one.destroy(); two.destroy(); }).on("close", () => { one.destroy(); two.destroy(); this.#sockets.delete(end); });
      }
      one.pipe(two).pipe(one);
    });
    await new Promise<void>((resolve) => { listener.listen(this.#path, resolve); });
  }

  /** cut ends all connections, and lets none pass. */
  async cut(): Promise<void> {
    const closed = new Promise((resolve) => { if (this.#listener === undefined) resolve(undefined); else this.#listener.close(resolve); });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#listener = undefined;
  }
}
