// The commands below `svrctl capture` with their options and help. Called by program.ts; declares and dispatches.
import { Option } from "commander";
import type { Command } from "commander";
import { parseDuration } from "../api/duration.ts";
import { CAPTURE_PACKETS, CAPTURE_PACKETS_MOST, CAPTURE_SESSIONS, CAPTURE_SESSIONS_MOST, isCaptureId } from "../svr/capturetag.ts";
import { runCapture } from "./capture.ts";
import { actOnCapture, fetchCapture, listCaptures } from "./captures.ts";
import { readNumber, refuse } from "./optionvalues.ts";
import type { Run } from "./program.ts";
import { addSessionMatch, matchOf } from "./sessionfilter.ts";
import type { MatchFlags } from "./sessionfilter.ts";
import type { SvrCommand } from "./usage.ts";

interface CaptureFlags extends MatchFlags { packets: number; sessions: number; for: number; local?: boolean; write?: string }

const USUAL = "30s", LONGEST_MS = 3_600_000;

/** addCapture declares them. */
export function addCapture(program: SvrCommand, run: Run): void {
  const capture = program.command("capture").description("Packets of sessions, at four points of every router of their path; without a verb a capture is run.")
    .withExamples("capture --service shop/web --write web.pcapng", "capture list");
  addRun(capture, run);
  addKept(capture, run);
}

function addRun(capture: SvrCommand, run: Run): void {
  const command = capture.command("run", { isDefault: true })
    .description("Capture sessions that live or begin now on the routers asked, and, where they begin, on every router behind. Packets are as they were on the wire; payload keys become zeros.");
  addSessionMatch(command);
  command
    .option("--packets <count>", `at most this many packets at each point of a session, 1-${CAPTURE_PACKETS_MOST}`, readNumber(1, CAPTURE_PACKETS_MOST), CAPTURE_PACKETS)
    .option("--sessions <count>", `at most this many sessions, 1-${CAPTURE_SESSIONS_MOST}`, readNumber(1, CAPTURE_SESSIONS_MOST), CAPTURE_SESSIONS)
    .addOption(new Option("--for <duration>", "how long, 1s-1h; it ends earlier when it has all it may have").default(parseDuration(USUAL), USUAL).argParser(readSpan))
    .option("--local", "on the routers asked only: sessions say nothing of it to others")
    .option("--write <file>", "write what the routers asked captured to this file, as pcapng; else it stays with them for an hour")
    .withExamples("capture --tenant engineering.acme --to 10.9.0.10:443 --for 10s --write web.pcapng", "capture run --service shop/dns --packets 10 --local --router branch")
    .action((flags: CaptureFlags, which: Command) => run(which, (context) => runCapture(context, {
      filter: Object.fromEntries(matchOf(flags)), packets: flags.packets, sessions: flags.sessions, seconds: Math.round(flags.for / 1000), isLocal: flags.local === true,
      ...(flags.write === undefined ? {} : { file: flags.write }),
    })));
}

function addKept(capture: SvrCommand, run: Run): void {
  capture.command("list").withNames().description("List the captures that the routers keep: of users, and those that came with sessions of other routers.")
    .withExamples("capture list", "capture list -o json")
    .action((_flags: unknown, command: Command) => run(command, listCaptures));
  const named = (verb: string): SvrCommand => capture.command(verb).argument("<id>", "id of the capture, as list shows it", readId);
  named("show").description("Show the sessions of a capture with their packets at each point.")
    .withExamples("capture show 0f3a5c9e1b2d", "capture show 0f3a5c9e1b2d --router cloud")
    .action((id: string, _flags: unknown, command: Command) => run(command, (context) => actOnCapture(context, id, "show")));
  named("fetch").description("Write the packets of a capture, of all routers that were asked, to one file in the order of time.")
    .requiredOption("--write <file>", "the file, as pcapng")
    .withExamples("capture fetch 0f3a5c9e1b2d --write all.pcapng", "capture fetch 0f3a5c9e1b2d --write cloud.pcapng --router cloud")
    .action((id: string, { write }: { write: string }, command: Command) => run(command, (context) => fetchCapture(context, id, write)));
  named("stop").description("End a capture before its time; its packets stay.")
    .withExamples("capture stop 0f3a5c9e1b2d", "capture stop 0f3a5c9e1b2d --router branch")
    .action((id: string, _flags: unknown, command: Command) => run(command, (context) => actOnCapture(context, id, "stop")));
  named("delete").description("End a capture if it runs, and forget its packets.")
    .withExamples("capture delete 0f3a5c9e1b2d", "capture delete 0f3a5c9e1b2d --router branch")
    .action((id: string, _flags: unknown, command: Command) => run(command, (context) => actOnCapture(context, id, "delete")));
}

function readId(text: string): string {
  return isCaptureId(text) ? text : refuse("an id is small letters, digits and hyphens");
}

function readSpan(text: string): number {
  const ms = parseDuration(text);
  return ms !== undefined && ms >= 1000 && ms <= LONGEST_MS ? ms : refuse("write a duration from 1s to 1h");
}
