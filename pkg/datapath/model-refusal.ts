// What the data plane tells of a packet that it refused, as the eBPF programs do: a tuple once in ten seconds and reason, so many
// packets a second. Called by model.ts.
import type { DatapathRefusal } from "../ports/datapath.ts";
import { refusalReasons } from "../svr/reasons.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { Judged } from "./model-forward.ts";
import type { PacketIn } from "./model-parse.ts";
import { flowKeyText, memberOf } from "./model-state.ts";
import type { Model, Refusals } from "./model-state.ts";

const SECOND_MS = 2 ** 30 / 1e6; // of svr_refusal.h
const WINDOW = 10;
const LOOKS = 256;

/** tellRefusal takes a packet that was dropped. */
export function tellRefusal(model: Model, packet: PacketIn, of: { judged: Judged; reason: DropReason; nowMs: number }): void {
  const { judged, reason } = of;
  if (!refusalReasons.some((one) => one.name === reason)) return;
  const { refusals } = model, second = Math.floor(of.nowMs / SECOND_MS);
  const name = `${reason} ${flowKeyText({ ...judged.parsed, ifnum: packet.ifnum, vlan: packet.vlan })}`;
  if (!pay(refusals, reason, second) || isShort(packet, judged) || second - (refusals.told.get(name) ?? -WINDOW) < WINDOW) {
    refusals.untold.set(reason, (refusals.untold.get(reason) ?? 0) + 1);
    return;
  }
  refusals.told.set(name, second);
  refusals.waiting.push(refusalOf(model, packet, of));
}

function pay(refusals: Refusals, reason: string, second: number): boolean {
  const last = refusals.looks.get(reason);
  const looks = last?.second === second ? last : { second, count: 0 };
  refusals.looks.set(reason, looks);
  return looks.count++ < LOOKS;
}

/** Too short for the addresses of an IP header. */
function isShort(packet: PacketIn, { parsed }: Judged): boolean {
  return packet.data.length < (parsed.family === 4 ? 20 : 40);
}

function refusalOf(model: Model, { ifnum, vlan }: PacketIn, { judged: { parsed, flow }, reason }: { judged: Judged; reason: DropReason }): DatapathRefusal {
  if (flow === undefined || !parsed.keyed) {
    const { source, destination, sourcePort, destinationPort, proto } = parsed;
    return { reason, tenant: memberOf(model, { ifnum, vlan, source })?.tenant ?? 0, service: 0, path: 0, source, destination, sourcePort, destinationPort, ifnum, vlan, proto };
  }
  const { context, tenant, service, side } = flow.session;
  const forward = flow.side === 0;
  return {
    reason, tenant, service, path: side[flow.side].path, ifnum, vlan, proto: context.proto,
    source: forward ? context.source : context.destination, destination: forward ? context.destination : context.source,
    sourcePort: forward ? context.sourcePort : context.destinationPort, destinationPort: forward ? context.destinationPort : context.sourcePort,
  };
}
