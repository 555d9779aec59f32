// The model's tables looked over: every key has its session and every session its keys. Called by model.ts; the native library
// does the same on the pinned maps. Changes nothing.
import { toHex } from "../base/bytes.ts";
import type { PortHold, TableFault, TableLook } from "../ports/datapath.ts";
import { Flag, Life, TcpState } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { restsAfterEnd } from "./model-apply.ts";
import { flowKeyText, isKnown, sideKey } from "./model-state.ts";
import type { Model } from "./model-state.ts";

/** lookModel looks at the whole model at once, whatever the steps: it is small. Entries are told at the cursor behind the slots. */
export function lookModel(model: Model): TableLook {
  const used = model.slots.flatMap((session, index) => (session === undefined ? [] : [{ session, index }]));
  const live = used.filter(({ session }) => session.life === Life.live);
  return {
    faults: [...used.flatMap(({ session, index }) => missingKeys(model, session, index)), ...staleEntries(model)],
    holds: used.flatMap(({ session }) => holdOf(session)), entries: model.flows.size + model.uuids.size,
    found: {
      slotsUsed: used.length, live: live.length, quarantined: used.filter(({ session }) => session.life === Life.quarantine).length,
      halfOpen: live.filter(({ session }) => session.tcpState === TcpState.synSent || session.tcpState === TcpState.synRcvd).length,
    },
  };
}

function holdOf(session: Session): PortHold[] {
  const { path, localPort, remotePort } = session.side[1];
  return restsAfterEnd(session) ? [{ path, local: localPort, remote: remotePort, resting: session.life === Life.quarantine }] : [];
}

function missingKeys(model: Model, session: Session, index: number): TableFault[] {
  const isRemoved = session.life === Life.guard && (session.flags & Flag.delete) !== 0;
  const told = (key: "forward" | "reverse" | "uuid"): TableFault => ({ kind: "missing-entry", at: index, slot: index, key, life: session.life, mark: `${key} ${toHex(session.uuid)}` });
  const stands = (side: SideIndex): boolean => {
    const entry = model.flows.get(flowKeyText(sideKey(session.side[side])));
    return entry?.index === index && entry.side === side;
  };
  return [
    ...((!isRemoved || restsAfterEnd(session)) && !stands(1) ? [told("reverse")] : []),
    ...(!isRemoved && isKnown(session) && !stands(0) ? [told("forward")] : []),
    ...(!isRemoved && isKnown(session) && model.uuids.get(toHex(session.uuid)) !== index ? [told("uuid")] : []),
  ];
}

function staleEntries(model: Model): TableFault[] {
  const stale = (slot: number, mark: string): TableFault => ({ kind: "stale-entry", at: model.slots.length, slot, life: model.slots[slot]?.life ?? Life.free, mark });
  return [
    ...[...model.flows].flatMap(([text, { index, side }]) => {
      const session = model.slots[index];
      return session !== undefined && flowKeyText(sideKey(session.side[side])) === text ? [] : [stale(index, text)];
    }),
    ...[...model.uuids].flatMap(([text, index]) => {
      const session = model.slots[index];
      return session !== undefined && toHex(session.uuid) === text ? [] : [stale(index, text)];
    }),
  ];
}
