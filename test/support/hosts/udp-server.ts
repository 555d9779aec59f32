// UDP server of a host: echoes each datagram, as a DNS server answers, or only counts them. Run by test/support/traffic.ts
// inside a namespace: `udp-server.ts ADDRESS PORT [echo|sink]`. `report` on standard input prints what came: count, bytes, and
// the last datagrams with their senders; `push` sends one more datagram to the last sender.
import { createSocket } from "node:dgram";
import process from "node:process";
import { createInterface } from "node:readline";
import type { UdpServerReport } from "../traffic.ts";

const [address = "", port = "", mode = "echo"] = process.argv.slice(2);
const KEPT = 1000;
const report: UdpServerReport = { received: 0, bytes: 0, last: [] };

const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4", recvBufferSize: 1 << 22 }, (data, from) => {
  report.received++;
  report.bytes += data.length;
  report.last.push({ from: from.address, port: from.port, data: data.toString("hex") });
  if (report.last.length > KEPT) report.last.shift();
  if (mode === "echo") socket.send(data, from.port, from.address);
});
socket.bind(Number(port), address, () => { console.log("listening"); });
createInterface({ input: process.stdin }).on("line", (line) => {
  const { from, port: to } = report.last.at(-1) ?? {};
  if (line === "push" && from !== undefined) socket.send("pushed", to, from);
  console.log(JSON.stringify(report));
});
process.once("SIGTERM", () => { process.exit(0); });
