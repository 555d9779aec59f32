// TCP server of a host: echoes what it gets, or streams a known pattern and sinks what it gets. Run by test/support/traffic.ts
// inside a namespace: `tcp-server.ts ADDRESS PORT [echo|stream BYTES]`. Prints `listening`; what was
// carried is reported by the clients.
import { createServer } from "node:net";
import type { Socket } from "node:net";
import process from "node:process";
import { patternOf } from "./pattern.ts";

const [address = "", port = "", mode = "echo", bytes = "0"] = process.argv.slice(2);
const CHUNK = 65_536;
const pattern = patternOf();

function stream(socket: Socket, total: number): void {
  let sent = 0;
  const push = (): void => {
    while (sent < total) {
      const chunk = pattern.bytes(sent, Math.min(CHUNK, total - sent));
      sent += chunk.length;
      if (!socket.write(chunk)) return void socket.once("drain", push);
    }
    socket.end();
  };
  socket.resume();
  push();
}

const server = createServer({ allowHalfOpen: mode === "stream", noDelay: true }, (socket) => {
  socket.on("error", (error) => { console.log(JSON.stringify({ error: String(error) })); });
  if (mode === "stream") stream(socket, Number(bytes));
  else socket.pipe(socket);
});
server.listen({ host: address, port: Number(port), backlog: 4096 }, () => { console.log("listening"); });
process.once("SIGTERM", () => { process.exit(0); });
