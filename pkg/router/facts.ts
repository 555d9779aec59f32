// What a router reports of itself. Called by the app every second.
import type { AlarmView } from "../api/view.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Identity } from "../ports/identity.ts";
import type { Alarms } from "./alarms.ts";
import type { Census } from "./census.ts";
import type { CertificateFacts, RouterFacts } from "./clusterreport.ts";
import type { Intake } from "./intake.ts";
import type { Keying } from "./keying.ts";
import type { PathMtus } from "./pathmtus.ts";
import { silentPeersOf } from "./silentpeers.ts";
import type { PeerKeyPair } from "./tables.ts";

const ALARMS_MOST = 16; // of a report; `svrctl alarms` has all of them
const NAME_MOST = 1_024, KEY_MOST = 128, TEXT_MOST = 1_024; // of the schema
const severities = ["critical", "major", "minor"];

interface Parts { datapath: Pick<Datapath, "gauges">; intake: Pick<Intake, "current">; mtus: Pick<PathMtus, "verdictOf">; census: Pick<Census, "latest">; keying: Pick<Keying, "keys" | "identity">; alarms: Pick<Alarms, "list"> }

/** factsOf reads them. */
export function factsOf({ datapath, intake, mtus, census, keying, alarms }: Parts): RouterFacts {
  const { config } = intake.current();
  const silentPeers = silentPeersOf(config, { keys: usable(keying.keys()), verdictOf: (path) => mtus.verdictOf(path) }), all = config.peers.length, busiest = census.latest();
  const identity = keying.identity();
  return {
    sessions: datapath.gauges().live, peers: { up: all - silentPeers.length, all }, silentPeers, ...(busiest !== undefined && { busiest }),
    ...(identity !== undefined && { certificate: certificateFacts(identity) }), alarms: worst(alarms.list()),
  };
}

function certificateFacts({ serial, authority, notBefore, notAfter, ed25519 }: Identity): CertificateFacts {
  return { serial, authority: authority.name.slice(0, NAME_MOST), authorityKey: authority.key.slice(0, KEY_MOST), notBefore: timeOf(notBefore), notAfter: timeOf(notAfter), ...(ed25519 !== undefined && { ed25519: Buffer.from(ed25519).toString("base64") }) };
}

/** To the second, as certificates have it. */
function timeOf(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}Z`;
}

function worst(alarms: readonly AlarmView[]): AlarmView[] {
  return alarms.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity)).slice(0, ALARMS_MOST).map((one) => ({ ...one, text: one.text.slice(0, TEXT_MOST) }));
}

function usable(keys: Readonly<Record<string, PeerKeyPair>>): Record<string, PeerKeyPair> {
  return Object.fromEntries(Object.entries(keys).filter(([, { send }]) => send !== undefined));
}
