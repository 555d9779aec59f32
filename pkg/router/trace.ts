// What would become of the first packet of a host: the decision of a shard on a dry turn. Nothing is installed or sent, no port is
// taken, nothing is counted. Called by shard.ts with its own tables, so that the answer is that of the next real packet.
import type { OpResult, Punt, SessionOp, ShardPort } from "../ports/datapath.ts";
import type { DropReason } from "../svr/reasons.ts";
import { ExtIds } from "../svr/fragment.ts";
import type { SealEngine } from "../svr/seal.ts";
import type { Session } from "../svr/session.ts";
import { newBatch, settle } from "./batch.ts";
import type { Batch } from "./batch.ts";
import { Cause, decide } from "./decide.ts";
import { dryProtection } from "./dryprotection.ts";
import { openArrivals } from "./opening.ts";
import { createFragmentJoiner } from "./reassemble.ts";
import { createSealSource } from "./sealing.ts";
import type { PortSource, Turn } from "./turn.ts";

/** Traced is the outcome: the session that would begin, or the reason why none does; `insane`: it is dropped before anything is looked up. */
export interface Traced {
  /** tenant of the host */
  tenant: string;
  session?: Session;
  reason?: DropReason;
  /** service that was found, also when it refuses */
  service?: string;
  insane?: true;
  /** said instead of the meaning of the reason */
  why?: string;
  /** packets that would leave: bytes of each */
  sends: number[];
}

/** TraceParts is what a dry turn borrows of its shard. */
export interface TraceParts { turn: Turn; ports: PortSource; port: Pick<ShardPort, "apply">; engine: SealEngine }

const MAX_ROUNDS = 32; // as of a real turn
const PERMITS = { permits: () => true, held: () => [] };

/** traceFirst decides one packet on a dry turn. */
export function traceFirst(parts: TraceParts, at: { ifnum: number; vlan: number; data: Uint8Array }): Traced {
  const found: Traced = { tenant: "", sends: [] };
  const turn = dryTurn(parts, found);
  const punt: Punt = { cause: Cause.miss, ifnum: at.ifnum, vlan: at.vlan, gsoSize: 0, toWaypoint: false, data: at.data };
  const [arrival] = openArrivals(turn, [punt], parts.engine);
  if (arrival === undefined) return { ...found, insane: true };
  found.tenant = turn.tables.tenantOf(at.ifnum, at.vlan, arrival.packet.source).name;
  decide(turn, arrival);
  for (let round = 0; round < MAX_ROUNDS && turn.batch.ops.length > 0; round++) applyDry(parts, turn.batch, found);
  found.sends.push(...turn.batch.outputs.map((output) => output.frame.data.length));
  return found;
}

function dryTurn({ turn, ports }: TraceParts, found: Traced): Turn {
  return {
    ...turn, protection: dryProtection(turn.protection), batch: newBatch(1), ports, enableGate: PERMITS, skewGate: PERMITS, errorGate: PERMITS, sessionErrors: PERMITS,
    fragments: createFragmentJoiner(1), ids: new ExtIds(0, { number: 0, count: 1 }), seals: createSealSource({ shard: 0, counterSecond: 0 }), take: (length) => new Uint8Array(length),
    count: (reason) => void (found.reason ??= reason),
    deny: (denial) => { if (denial.service !== undefined) found.service = denial.service; },
  };
}

/** Installs are asked about; everything else is taken as done, so that what makes way for the new session is out of its way. */
function applyDry({ port }: TraceParts, batch: Batch, found: Traced): void {
  const gone = new Set(batch.ops.flatMap((op) => (op.kind === "end" && op.now ? [op.ref.index] : [])));
  const results = batch.ops.map((op): OpResult => {
    if (op.kind !== "install") return { ok: true, index: op.ref.index, localPort: 0 };
    const [result] = port.apply([{ ...op, dry: true } satisfies SessionOp]);
    const told = result?.ok === false && result.why === "exists" && gone.has(result.other.index) ? { ok: true as const, index: result.other.index, localPort: op.session.side[1].localPort } : result;
    if (told?.ok === true) found.session = { ...op.session, side: [op.session.side[0], { ...op.session.side[1], localPort: told.localPort }] };
    return told ?? { ok: false, why: "gone" };
  });
  settle(batch, results, (work) => { work(); });
}
