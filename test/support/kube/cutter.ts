// A TCP relay that does to connections what networks do: reset, close, silence, a cut after so many bytes. Between a client and the
// real API server; it sees encrypted bytes only.
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** Cutter is a running relay. */
export interface Cutter {
  readonly port: number;
  /** resets every connection */
  reset(): void;
  /** closes every connection from the server's side */
  close(): void;
  /** connections stay open and nothing passes any more; new ones pass */
  stall(): void;
  /** resets each connection after so many more bytes from the server */
  resetAfter(bytes: number): void;
  stop(): Promise<void>;
}

interface Pair { client: Socket; server: Socket; isStalled: boolean; left: number }

/** openCutter relays from a port of its own to a port of this machine. */
export async function openCutter(target: number): Promise<Cutter> {
  const pairs = new Set<Pair>();
  const listener = createServer((client) => {
    const server = connect(target, "127.0.0.1");
    const pair: Pair = { client, server, isStalled: false, left: Infinity };
    pairs.add(pair);
    client.on("data", (data) => { if (!pair.isStalled) server.write(data); });
    server.on("data", (data) => {
      if (pair.isStalled) return;
      pair.left -= data.length;
      client.write(pair.left < 0 ? data.subarray(0, data.length + pair.left) : data);
      if (pair.left <= 0) cut(pair, (socket) => { socket.resetAndDestroy(); });
    });
    for (const socket of [client, server]) {
      socket.on("error", () => { cut(pair, (one) => { one.destroy(); }); }); // the other side sees it as an end
      socket.on("close", () => { cut(pair, (one) => { one.destroy(); }); });
    }
  });
  const cut = (pair: Pair, how: (socket: Socket) => void): void => {
    pairs.delete(pair);
    how(pair.client);
    how(pair.server);
  };
  const each = (work: (pair: Pair) => void): void => { for (const pair of [...pairs]) work(pair); };
  await new Promise<void>((resolve) => { listener.listen(0, "127.0.0.1", resolve); });
  return {
    port: (listener.address() as AddressInfo).port,
    reset: () => { each((pair) => { cut(pair, (socket) => { socket.resetAndDestroy(); }); }); },
    close: () => { each((pair) => { pair.client.end(); pair.server.destroy(); pairs.delete(pair); }); },
    stall: () => { each((pair) => { pair.isStalled = true; }); },
    resetAfter: (bytes) => { each((pair) => { pair.left = bytes; }); },
    async stop() {
      each((pair) => { cut(pair, (socket) => { socket.destroy(); }); });
      await new Promise((resolve) => { listener.close(resolve); });
    },
  };
}
