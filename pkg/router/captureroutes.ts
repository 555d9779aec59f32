// Captures in the admin API (behaviour 13.5 and 14): looked at on the admin socket, begun, ended, fetched and deleted on the control socket,
// because what hosts say to each other is in them (decision 014). Each use leaves an audit line. Called by adminroutes.ts and controlroutes.ts.
import type { AuditLog } from "../ports/audit.ts";
import type { CaptureView } from "../api/view.ts";
import { uuidHex } from "../base/ids.ts";
import type { CaptureFile, FilePacket, WriteCapture } from "../ports/capture.ts";
import type { RandomSource } from "../ports/clock.ts";
import type { CopiedPacket, Datapath } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import { CAPTURE_PACKETS, CAPTURE_PACKETS_MOST, CAPTURE_SESSIONS, CAPTURE_SESSIONS_MOST, isCaptureId } from "../svr/capturetag.ts";
import { Life } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { AdminFault } from "./admin.ts";
import type { AdminRoute } from "./admin.ts";
import { CAPTURES_MOST, captureView } from "./captures.ts";
import type { CaptureAsk, Captures, Kept } from "./captures.ts";
import type { Pace } from "./pace.ts";
import type { RecordPump } from "./pump.ts";
import { sessionTest } from "./sessionquery.ts";
import type { SessionTest } from "./sessionquery.ts";

/** CaptureRouteParts is what these resources work on. */
export interface CaptureRouteParts {
  audit: Pick<AuditLog, "write">;
  options: { name: string; version: string; log: Log };
  captures: Captures;
  datapath: Pick<Datapath, "sessions">;
  pump: Pick<RecordPump, "source">;
  random: RandomSource;
  write: WriteCapture;
  pace: Pace;
}

const PATH = "/api/v1/captures";
const PAGE = 1000;
const SNAP = 2048;
const SECONDS = 30, SECONDS_MOST = 3600;
const POINTS = ["forward in", "forward out", "reverse in", "reverse out"] as const;

/** captureReads are the resources that only look. */
export function captureReads({ captures, options }: { captures: Captures; options: { name: string } }): AdminRoute[] {
  return [
    { method: "GET", pattern: PATH, answer: () => ({ items: captures.list().map(captureView) }) },
    { method: "GET", pattern: `${PATH}/:id`, answer: (_request, [id = ""]) => captureView(known(captures, options.name, id)) },
  ];
}

/** captureControls are those that do something, or show packets. */
export function captureControls(parts: CaptureRouteParts): AdminRoute[] {
  const { captures, options } = parts;
  const audit = (action: string, id: string): void => {
    options.log.info({ audit: true, action: `capture.${action}`, capture: id }, "asked for by an administrator");
    parts.audit.write({ kind: "access", action: "capture", object: `capture ${id}`, detail: { action } });
  };
  const on = (action: string, work: (kept: Kept) => unknown, method: "GET" | "POST" = "POST"): AdminRoute => ({
    method, pattern: `${PATH}/:id/${action}`,
    answer: (_request, [id = ""]) => {
      const kept = known(captures, options.name, id);
      audit(action, id);
      return work(kept);
    },
  });
  return [
    { method: "POST", pattern: PATH, answer: async ({ body }) => {
      const view = await begin(parts, askOf(body, parts.random));
      audit("begin", view.id);
      return view;
    } },
    on("stop", (kept) => {
      captures.stop(kept.ask.id);
      return captureView(kept);
    }),
    on("delete", (kept) => {
      captures.remove(kept.ask.id);
      return captureView(kept);
    }),
    on("pcap", (kept) => parts.write(fileOf(parts, kept)), "GET"),
  ];
}

function known(captures: Captures, router: string, id: string): Kept {
  const kept = captures.get(id);
  if (kept === undefined) throw new AdminFault(404, "SVR_NOT_FOUND", `router ${router} has no capture ${id}`);
  return kept;
}

function wrong(text: string): never {
  throw new AdminFault(400, "SVR_USAGE", text);
}

function numberIn(body: Record<string, unknown>, name: string, bound: { fallback: number; max: number }): number {
  const value = body[name] ?? bound.fallback;
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= bound.max ? value : wrong(`${name} is not a whole number from 1 to ${bound.max}`);
}

/** askOf reads what a user asks for; what is not said has its usual value. */
function askOf(given: unknown, random: RandomSource): CaptureAsk {
  const body = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
  const filter = (body["filter"] ?? {}) as Record<string, string>;
  if (typeof filter !== "object" || Object.values(filter).some((value) => typeof value !== "string")) wrong("filter is not an object of texts");
  const id = body["id"] ?? uuidHex(random.bytes(16)).slice(0, 12);
  if (typeof id !== "string" || !isCaptureId(id)) return wrong("id is not 1-40 small letters, digits and hyphens");
  return {
    id, filter, query: new URLSearchParams(filter).toString(), isLocal: body["local"] === true,
    packets: numberIn(body, "packets", { fallback: CAPTURE_PACKETS, max: CAPTURE_PACKETS_MOST }), sessions: numberIn(body, "sessions", { fallback: CAPTURE_SESSIONS, max: CAPTURE_SESSIONS_MOST }),
    lastsMs: numberIn(body, "seconds", { fallback: SECONDS, max: SECONDS_MOST }) * 1000,
  };
}

async function begin(parts: CaptureRouteParts, ask: CaptureAsk): Promise<CaptureView> {
  const { captures, options } = parts;
  const passes = sessionTest(new URLSearchParams(ask.query), parts.pump.source);
  const live = await liveOnes(parts, passes, ask.sessions);
  if (!captures.start(ask, live)) wrong(captures.get(ask.id) === undefined ? `${CAPTURES_MOST} captures run at router ${options.name}: stop one` : `router ${options.name} has a capture ${ask.id} already`);
  return captureView(known(captures, options.name, ask.id));
}

/** Live sessions that pass, page by page, so that a long table holds nobody up. */
async function liveOnes({ datapath, pace }: CaptureRouteParts, passes: SessionTest, most: number): Promise<{ index: number; state: Session }[]> {
  const found: { index: number; state: Session }[] = [];
  let cursor: number | undefined = 0;
  const look = (): void => {
    const page: ReturnType<Datapath["sessions"]> = datapath.sessions(cursor ?? 0, PAGE);
    found.push(...page.sessions.filter(({ state }) => state.life === Life.live && passes(state)).slice(0, most - found.length));
    cursor = page.next;
  };
  while (cursor !== undefined && found.length < most) await pace.piece(look);
  return found;
}

function fileOf(parts: CaptureRouteParts, kept: Kept): CaptureFile {
  const { options, pump } = parts;
  const { id, filter, origin, limits, begun, ends, sessions, lost } = captureView(kept);
  const which = origin === "peer" ? "sessions with its tag" : Object.entries(filter).map(([name, value]) => `${name}=${value}`).join(" ") || "all sessions";
  return {
    program: `OpenSVR ${options.version}`, snapLength: SNAP, packets: kept.packets.map((copy) => packetOf(options.name, pump.source.interfaceName(copy.ifnum), copy)),
    whole: { interface: `${options.name} all points`, lost, timeNs: BigInt(Date.parse(ends)) * 1_000_000n },
    comments: [`capture ${id} at router ${options.name}: ${which}, at most ${limits.packets} packets a point of ${limits.sessions} sessions, ${begun} to ${ends}: ${sessions.length} sessions, ${lost} packets lost`],
  };
}

function packetOf(router: string, device: string, { point, vlan, timeNs, length, data, uuid, gsoSize }: CopiedPacket): FilePacket {
  const joined = gsoSize === 0 ? "" : `, segments of ${gsoSize} bytes joined`;
  return {
    interface: `${router} ${device}${vlan === 0 ? "" : `.${vlan}`} ${POINTS[point]}`, direction: point % 2 === 0 ? "in" : "out", timeNs, length, data,
    comment: `session ${uuidHex(uuid)}, ${POINTS[point]} at ${router}${joined}`,
  };
}
