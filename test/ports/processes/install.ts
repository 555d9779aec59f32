// Installs, moves and ends sessions as fast as it can until somebody kills it: what it leaves behind is half done. Started by
// restart.test.ts with the ShardSpec as JSON; prints a line when it is at work.
import { openShardPort } from "../../../pkg/datapath/shardport.ts";
import type { ShardSpec } from "../../../pkg/datapath/shardport.ts";
import type { SessionOp } from "../../../pkg/ports/datapath.ts";
import { flowSession } from "../../support/flows.ts";
import type { FlowKind } from "../../support/flows.ts";

const spec = JSON.parse(process.argv[2] ?? "{}") as Omit<ShardSpec, "injectMac"> & { injectMac: number[] };
const port = openShardPort({ ...spec, injectMac: Uint8Array.from(spec.injectMac), wakeFd: -1 });
const kind: FlowKind = { family: 4, proto: "tcp", role: "single" };
const NUMBERS = 2_000, ROUNDS = 1_000_000;
const ENDS = 250; // rounds. Nobody sweeps what ended, so it keeps its slot: three processes end 3,000 sessions at most, of 4,096 that find one

for (let round = 0; round < ROUNDS; round++) {
  const now = Number(process.hrtime.bigint() / 1_000_000n);
  const low = now >>> 0;
  const ops: SessionOp[] = [];
  for (let i = 0; i < 64; i++) {
    const session = flowSession(kind, 1 + ((round * 64 + i) % NUMBERS), { seenMs: [low, low], sinceMs: low, createdMs: now, interimMs: low, flags: 0 });
    const found = port.findUuid(session.uuid);
    if (found === undefined) ops.push({ kind: "install", session });
    else if (i % 16 === 0 && round < ENDS) ops.push({ kind: "end", ref: { index: found.index, uuid: session.uuid }, reason: 100, now: true });
    else ops.push({ kind: "replaceSide", ref: { index: found.index, uuid: session.uuid }, side: 1, to: { ...session.side[1], localPort: 30_000 + (round % 1000) } });
  }
  port.apply(ops);
  if (round === 100) console.log("at work");
}
