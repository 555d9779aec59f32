// What `svrctl verify` says of a fault: its kind, the object, a sentence. Called by verify.ts and verifypools.ts; pure.
import type { VerifyView } from "../api/view.ts";
import type { TableFault } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";

/** VerifyFault is one line of the answer. */
export type VerifyFault = VerifyView["faults"][number];

const LIVES = new Map<number, string>(Object.entries(Life).map(([name, number]) => [number, name]));
const gaugeNames: Readonly<Record<string, string>> = { slotsUsed: "slots in use", live: "live sessions", halfOpen: "half-open sessions", quarantined: "sessions at rest" };

/** faultText says what is wrong with a slot or a place of the index. */
export function faultText(fault: TableFault): VerifyFault {
  const object = fault.slot === undefined ? `place ${fault.at} of the flow index` : `slot ${fault.slot}`;
  const life = LIVES.get(fault.life) ?? `state ${fault.life}`;
  return { kind: fault.kind, object, text: sentence(fault, life) };
}

function sentence({ kind, key: name, slot }: TableFault, life: string): string {
  const key = name ?? "flow";
  switch (kind) {
    case "stale-entry": return slot === undefined ? "an entry names a slot that there is not" : `an entry of the flow index names a slot (${life}) that does not want it`;
    case "unfinished-entry": return "a place was reserved and never filled";
    case "double-entry": return `the ${key} key of a session (${life}) stands more than once`;
    case "missing-entry": return `the ${key} key of a session (${life}) is not in the flow index`;
    case "shadowed": return `packets of its ${key} key reach another session`;
    case "stuck": return `it is ${life}, and its timer is over for more than 5 s`;
    case "life": return `it has no state that there is (${life})`;
    case "unswept": return `it is ${life} beyond the slots that the sweeper visits`;
  }
}

/** gaugeText says by how much a gauge is wrong. */
export function gaugeText(name: string, by: number): VerifyFault {
  return { kind: "gauge", object: gaugeNames[name] ?? name, text: `${Math.abs(by)} too ${by > 0 ? "many" : "few"} are told` };
}

/** sweeperFault says that nothing ages. */
export function sweeperFault(): VerifyFault {
  return { kind: "sweeper", object: "the sweeper", text: "it finished no walk in 2 s: sessions do not age" };
}

/** leakedPair is a pair that is used and that no session has; unownedPair one that a session has and that is free. */
export function leakedPair(path: string, pair: { local: number; remote: number }): VerifyFault {
  return { kind: "leaked-pair", object: `${path} ${pair.local}/${pair.remote}`, text: "the waypoint pair is in use, and no session holds it or rests with it" };
}

/** unownedPair is a pair that a session holds although it counts as free. */
export function unownedPair(path: string, pair: { local: number; remote: number }): VerifyFault {
  return { kind: "unowned-pair", object: `${path} ${pair.local}/${pair.remote}`, text: "a session holds the waypoint pair, and it counts as free" };
}
