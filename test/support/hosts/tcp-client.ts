// TCP client of a host: many sessions to an echo server, each with numbered messages whose echo is checked byte by byte, or
// one download of a known pattern. Run by test/support/traffic.ts inside a namespace with its settings as JSON; `report` on
// standard input prints a report, `rest` says nothing more and hears on, `stop` closes all sessions with FIN and ends with a last report.
import { connect } from "node:net";
import type { Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import type { TcpClientSettings, TcpReport } from "../traffic.ts";
import { patternOf } from "./pattern.ts";

const settings = JSON.parse(process.argv[2] ?? "{}") as TcpClientSettings;
const MESSAGE = settings.messageBytes ?? 64;
const pattern = patternOf(settings.pattern);

interface Session { socket: Socket; sent: number; received: number; connected: boolean; ended: boolean; wrongAt: number; waitingSince: number; blackoutMs: number; fault?: string }

const sessions: Session[] = [];
let stopping = false, resting = false;

function openSession(localPort: number | undefined): void {
  const session: Session = {
    socket: connect({ host: settings.to, port: settings.port, noDelay: true, ...(localPort !== undefined && { localPort }), ...(settings.from && { localAddress: settings.from }) }),
    sent: 0, received: 0, connected: false, ended: false, wrongAt: -1, waitingSince: 0, blackoutMs: 0,
  };
  sessions.push(session);
  session.socket.once("connect", () => { session.connected = true; if (settings.everyMs === undefined) speak(session); });
  session.socket.on("data", (data) => { hear(session, data); });
  session.socket.on("error", (error: NodeJS.ErrnoException) => { session.fault = error.code ?? String(error); });
  session.socket.once("close", () => { session.ended = true; });
}

function speak(session: Session): void {
  if (!session.connected || session.ended || stopping || resting || session.fault !== undefined) return;
  if (session.waitingSince === 0) session.waitingSince = performance.now();
  session.socket.write(pattern.bytes(session.sent, MESSAGE));
  session.sent += MESSAGE;
}

function hear(session: Session, data: Buffer): void {
  const wrong = pattern.firstWrong(session.received, data);
  if (wrong >= 0 && session.wrongAt < 0) session.wrongAt = wrong;
  session.received += data.length;
  if (session.waitingSince !== 0) session.blackoutMs = Math.max(session.blackoutMs, performance.now() - session.waitingSince);
  session.waitingSince = session.received < session.sent ? performance.now() : 0;
}

/** The longest silence while an answer was due, the one that still lasts included. */
function blackoutOf(session: Session): number {
  return Math.max(session.blackoutMs, session.waitingSince === 0 ? 0 : performance.now() - session.waitingSince);
}

function report(): TcpReport {
  const faults: Record<string, number> = {};
  for (const { fault } of sessions) if (fault !== undefined) faults[fault] = (faults[fault] ?? 0) + 1;
  return {
    sessions: sessions.length, connected: sessions.filter((one) => one.connected).length, live: sessions.filter((one) => one.connected && !one.ended).length,
    answered: sessions.filter((one) => one.sent > 0 && one.received === one.sent).length, wrong: sessions.filter((one) => one.wrongAt >= 0).length,
    sentBytes: sessions.reduce((sum, one) => sum + one.sent, 0), receivedBytes: sessions.reduce((sum, one) => sum + one.received, 0),
    blackoutMs: Math.round(Math.max(0, ...sessions.map(blackoutOf))), faults,
  };
}

function resetBlackouts(): void {
  for (const session of sessions) session.blackoutMs = 0;
}

function stop(): void {
  stopping = true;
  let open = sessions.filter((one) => !one.ended).length;
  const finish = (): void => { console.log(JSON.stringify(report())); process.exit(0); };
  if (open === 0) return finish();
  for (const session of sessions) if (!session.ended) session.socket.once("close", () => { if (--open === 0) finish(); }).end();
}

for (let index = 0; index < settings.sessions; index++) openSession(settings.firstPort === undefined ? undefined : settings.firstPort + index);
if (settings.everyMs !== undefined) {
  let next = 0;
  const slots = Math.max(1, Math.round(settings.everyMs / 10));
  setInterval(() => { for (let index = next++ % slots; index < sessions.length; index += slots) speak(sessions[index]!); }, 10);
}
createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "report") console.log(JSON.stringify(report()));
  else if (line === "forget") { resetBlackouts(); console.log("forgotten"); }
  else if (line === "rest") { resting = true; console.log("rests"); }
  else if (line === "say") { for (const session of sessions) speak(session); console.log("said"); }
  else if (line === "stop") stop();
}).once("close", () => { process.exit(0); });
