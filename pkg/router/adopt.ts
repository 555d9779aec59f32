// Waypoint pairs that sessions of an earlier process hold or rest with, read from the data plane at start. Called by the
// app before the shards get their configuration.
import type { Datapath } from "../ports/datapath.ts";
import type { Session } from "../svr/session.ts";
import type { PairUse } from "./ports.ts";

const PAGE = 4096;

/** adoptedPairs lists the pairs in use or at rest; only side 1 toward a peer was allocated here. */
export function adoptedPairs(datapath: Datapath): PairUse[] {
  const uses: PairUse[] = [];
  for (const list of [datapath.sessions.bind(datapath), datapath.resting.bind(datapath)]) collect(list, uses);
  return uses;
}

type Lister = Datapath["sessions"];

function collect(list: Lister, uses: PairUse[]): void {
  let cursor: number | undefined = 0;
  while (cursor !== undefined) {
    const page: ReturnType<Lister> = list(cursor, PAGE);
    for (const { state } of page.sessions) {
      const use = pairOf(state);
      if (use !== undefined) uses.push(use);
    }
    cursor = page.next;
  }
}

/** pairOf is the waypoint pair that a session holds; undefined when its way out is a host side. */
export function pairOf(session: Session): PairUse | undefined {
  const side = session.side[1];
  return side.path === 0 ? undefined : { path: side.path, local: side.localPort, remote: side.remotePort };
}
