// What a router reports of itself. Called by the app every second.
import type { Datapath } from "../ports/datapath.ts";
import type { Census } from "./census.ts";
import type { RouterFacts } from "./clusterreport.ts";
import type { Intake } from "./intake.ts";
import type { Keying } from "./keying.ts";
import type { PathMtus } from "./pathmtus.ts";
import { silentPeersOf } from "./silentpeers.ts";
import type { PeerKeyPair } from "./tables.ts";

interface Parts { datapath: Pick<Datapath, "gauges">; intake: Pick<Intake, "current">; mtus: Pick<PathMtus, "verdictOf">; census: Pick<Census, "latest">; keying: Pick<Keying, "keys"> }

/** factsOf reads them. */
export function factsOf({ datapath, intake, mtus, census, keying }: Parts): RouterFacts {
  const { config } = intake.current();
  const silentPeers = silentPeersOf(config, { keys: usable(keying.keys()), verdictOf: (path) => mtus.verdictOf(path) }), all = config.peers.length, busiest = census.latest();
  return { sessions: datapath.gauges().live, peers: { up: all - silentPeers.length, all }, silentPeers, ...(busiest !== undefined && { busiest }) };
}

function usable(keys: Readonly<Record<string, PeerKeyPair>>): Record<string, PeerKeyPair> {
  return Object.fromEntries(Object.entries(keys).filter(([, { send }]) => send !== undefined));
}
