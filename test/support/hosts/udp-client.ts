// UDP client of a host: sockets that each send numbered datagrams and check what comes back. Run by test/support/traffic.ts
// inside a namespace with its settings as JSON; each line on standard input (an UdpRound as JSON) sends datagrams from every
// socket, waits for the answers, and prints a report.
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import process from "node:process";
import { createInterface } from "node:readline";
import type { UdpClientSettings, UdpReport, UdpRound } from "../traffic.ts";

const settings = JSON.parse(process.argv[2] ?? "{}") as UdpClientSettings;
const WAIT_MS = 4000;

interface Speaker { socket: Socket; waiting: Map<string, number>; answered: number; wrong: number; longestMs: number; faults: number; onAnswer: () => void }

async function openSpeaker(port: number | undefined): Promise<Speaker> {
  const socket = createSocket(settings.to.includes(":") ? "udp6" : "udp4");
  const speaker: Speaker = { socket, waiting: new Map(), answered: 0, wrong: 0, longestMs: 0, faults: 0, onAnswer: () => undefined };
  socket.on("message", (data) => {
    const since = speaker.waiting.get(data.toString("hex"));
    if (since === undefined) speaker.wrong++;
    else speaker.answered++;
    speaker.waiting.delete(data.toString("hex"));
    speaker.longestMs = Math.max(speaker.longestMs, performance.now() - (since ?? performance.now()));
    speaker.onAnswer();
  });
  socket.on("error", () => { speaker.faults++; });
  await new Promise<void>((resolve) => { socket.bind(port, settings.from, resolve); });
  await new Promise<void>((resolve) => { socket.connect(settings.port, settings.to, resolve); });
  return speaker;
}

let sequence = 0;

/** The body, or 16 bytes that nobody sent before; a number behind it makes equal bodies different answers. */
function bodyOf(given: string | undefined): Buffer {
  if (given !== undefined) return Buffer.from(given, "hex");
  const body = Buffer.alloc(settings.bytes ?? 16, 0x71);
  body.writeUInt32BE(sequence++, 0);
  return body;
}

async function round(speakers: readonly Speaker[], { count, body, waitMs = settings.waitMs ?? WAIT_MS }: UdpRound): Promise<UdpReport> {
  for (const one of speakers) Object.assign(one, { answered: 0, wrong: 0, longestMs: 0, faults: 0 }).waiting.clear();
  for (let index = 0; index < count; index++) for (const one of speakers) {
    const data = bodyOf(body);
    one.waiting.set(data.toString("hex"), performance.now());
    one.socket.send(data, (error) => { if (error !== null) one.faults++; });
  }
  await Promise.race([
    Promise.all(speakers.map((one) => new Promise<void>((resolve) => { one.onAnswer = () => { if (one.waiting.size === 0) resolve(); }; }))),
    new Promise((resolve) => setTimeout(resolve, waitMs)),
  ]);
  const sum = (of: (one: Speaker) => number): number => speakers.reduce((total, one) => total + of(one), 0);
  return { sent: count * speakers.length, answered: sum((one) => one.answered), wrong: sum((one) => one.wrong), faults: sum((one) => one.faults), longestMs: Math.round(Math.max(...speakers.map((one) => one.longestMs))) };
}

const speakers = await Promise.all(Array.from({ length: settings.sockets ?? 1 }, (_, index) => openSpeaker(settings.firstPort === undefined ? undefined : settings.firstPort + index)));
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await round(speakers, JSON.parse(line) as UdpRound)));
}
process.exit(0);
