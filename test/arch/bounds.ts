// Everything bounded is shown with its limit, or says here why not: maps of the eBPF programs, and constants of router and adapters that
// are named as limits. Pure functions over sources; bounds.test.ts runs them on the repository and on samples that break the rule.
import type { Source } from "./source.ts";

/** Bounds says of each bounded thing its row of `svrctl tables` as the code has it, or `-` and the reason for having none. */
export type Bounds = Readonly<Record<string, string>>;

/** bounds are those of this repository: `map NAME`, or a constant with the file that has it. */
export const bounds: Bounds = {
  "map settings": "- one entry", "map gauges": "- one entry", "map sweep": "- one entry", "map reread": "- one entry",
  "map sessions": "session slots", "map buckets": "flow index", "map names": "names", "map sources": "sources with sessions, about",
  "map usage": "- a cell for each name: row names", "map interfaces": "interfaces", "map filters": "filters", "map denied": "rules that denied a packet",
  "map nexthops": "next hops", "map locals": "own addresses and those of peers", "map members": "prefixes of hosts", "map rates": "rates of first packets",
  "map tokens": "token buckets", "map rings": "ring of first packets, bytes, shard", "map svr_ring": "ring of first packets, bytes, shard",
  "map records": "record ring, bytes", "map copies": "ring of copies, bytes", "map refusals": "ring of refusals, bytes", "map captured": "sessions copied by the data plane",
  "map drops": "- a place for each reason", "map refused": "- a place for each reason", "map ifstats": "- a place for each interface: row interfaces",
  "map recent": "- a memory of places: what is new takes the place of what was there, nothing is refused",
  "capturing.ts BOOK_LIMIT": "captured sessions", "capturing.ts RUNNING_LIMIT": "captures that shards take part in",
  "capturing.ts CLOSED_LIMIT": "- the oldest is forgotten, nothing is refused", "capturing.ts COPY_MOST": "- bytes of one packet",
  "captureinbox.ts WAITING_MOST": "copies that wait for their capture", "captureinbox.ts LOSERS_MOST": "- counts of losses, for a second; as many as sessions copied by the data plane",
  "captures.ts CAPTURES_MOST": "captures", "captures.ts BYTES_MOST": "captures, bytes", "captureroutes.ts SECONDS_MOST": "- what a request may ask for",
  "pump.ts MAX_QUEUED": "records waiting", "gate.ts MAX_TUPLES": "flows told to use metadata in a second", "gate.ts MAX_KEYS": "peers with a skewed clock in a second",
  "census.ts DENIED_MOST": "- the service that was denied longest ago is forgotten, nothing is refused",
  "denials.ts MAX_TUPLES": "denied flows of 10 s", "denials.ts MAX_PENDING": "- they wait for the report of the same second; the flows are in denied flows of 10 s",
  "shard.ts REPLAY_SLOTS": "first packets seen in 2 s, about", "shard.ts MAX_BATCH": "- of one turn", "shard.ts MAX_ROUNDS": "- of one turn", "trace.ts MAX_ROUNDS": "- of one turn",
  "batch.ts MAX_WAITING": "- of one turn", "batch.ts MAX_WAITING_ROUTER": "- of one turn", "say.ts MAX_CANDIDATES": "- of one packet",
  "admin.ts MAX_BODY": "- bytes of one request", "admin.ts MAX_CONNECTIONS": "- who comes when all are in use is refused, and sees it",
  "probes.ts MAX_PROBES": "- who comes when all are in use is refused, and sees it",
  "adminroutes.ts MAX_SCANNED_PAGES": "- of one request", "verify.ts MOST_FAULTS": "- of one answer", "linebytes.ts DIGITS_MAX": "- digits of a number", "linebytes.ts SMALL_MAX": "- a number",
  "handing.ts MOST_WAITING": "SVR fragments of other shards",
  "native-engine.ts KEY_SLOTS": "- a cache: the key set that was used longest ago makes room", "jobs.ts JOBS_MAX": "- of one call",
  "open.ts MAX_SESSIONS": "- the highest limit that may be chosen", "rings.ts MAX_SHARDS": "- the highest number that may be chosen", "rings.ts MAX_PROTECTORS": "- the highest number that may be chosen", "nameuse.ts MOST": "- of one read, at the start",
  "settings.ts SLOTS_PER_BUCKET": "- a ratio", "settings.ts RECORD_RING_MOST": "record ring, bytes", "entries.ts MTU_MAX": "- a number",
  "model.ts RING_LIMIT": "- of the model, in tests", "model-copy.ts COPY_MOST": "- bytes of one packet",
  "payloadkeys.ts KEPT_MOST": "payload keys", "firstpayloads.ts MOST_HELD": "first payloads that wait for more", "firstpayloads.ts MOST_OF_SESSION": "- of one session; all of them are a row",
  "origin.ts KEPT_MOST": "origin signatures", "origin.ts KEYS_MOST": "- a cache: it begins anew",
  "issuedlist.ts LINES_MOST": "- of one file of svrctl; who reaches it is told to begin another authority",
  "chain.ts CERTIFICATES_MOST": "- of one chain", "chain.ts BYTES_MOST": "- of one chain",
  "auditdenials.ts MOST": "- lines of a minute; the rest is one line with their number",
  "identityfiles.ts FILE_MOST": "- bytes of one file",
  "siteclient.ts ANSWER_MOST": "- bytes of one answer to svrctl",
  "siteclient.ts TEXT_MOST": "- characters of one message on a terminal",
  "siteclient.ts CHAIN_MOST": "- certificates of one chain that svrctl looks at",
  "keyring.ts RECEIVE_MOST": "- the oldest key of the peer ends, nothing is refused",
  "facts.ts ALARMS_MOST": "- of one report; svrctl alarms has all", "facts.ts NAME_MOST": "- characters", "facts.ts KEY_MOST": "- characters", "facts.ts TEXT_MOST": "- characters",
  "judging.ts MOST_BEFORE": "- the oldest configuration is forgotten, nothing is refused",
};

const mapOf = /__uint\(max_entries,[^}]*?\}(?:\s*(\w+) SEC\("\.maps"\))?;|struct (\w+) \{\s*__uint\(type, BPF_MAP_TYPE_RINGBUF\)/g;
const limitOf = /(?:^(?:export )?const |^const .*?, )((?:[A-Z]+_)*(?:LIMIT|MOST|MAX|SLOTS)(?:_[A-Z]+)*) = /;

function mapsIn({ path, text }: Source): string[] {
  if (!path.startsWith("pkg/datapath/bpf/")) return [];
  return [...text.matchAll(mapOf)].flatMap(([, map, struct]) => map ?? struct ?? []).map((name) => `map ${name}`);
}

function limitsIn({ path, text }: Source): string[] {
  if (!/^pkg\/(router|datapath|netio|security|files)\//.test(path) || path.endsWith(".test.ts")) return [];
  const names = text.split("\n").filter((line) => /^(export )?const /.test(line)).flatMap((line) => line.split(/(?<=[\w)]), (?=[A-Z_]+ = )/).flatMap((one) => limitOf.exec(one.replace(/^(?=[A-Z])/, "const "))?.[1] ?? []));
  return names.map((name) => `${path.replace(/^.*\//, "")} ${name}`);
}

/** checkBounds lists bounded things that the table does not have, entries of it that name nothing, and rows that no code makes. */
export function checkBounds(sources: readonly Source[], table: Bounds): string[] {
  const found = new Set(sources.flatMap((file) => [...mapsIn(file), ...limitsIn(file)]));
  const code = sources.filter(({ path }) => path.startsWith("pkg/") && !path.endsWith(".test.ts")).map(({ text }) => text).join("\n");
  return [
    ...[...found].filter((name) => table[name] === undefined).map((name) => `${name}: bounded, and neither a row of svrctl tables nor a reason in test/arch/bounds.ts`),
    ...Object.keys(table).filter((name) => !found.has(name)).map((name) => `${name}: in test/arch/bounds.ts, but there is no such thing`),
    ...Object.entries(table).filter(([, row]) => !row.startsWith("- ") && !code.includes(`"${row}"`)).map(([name, row]) => `${name}: no code makes the row "${row}"`),
  ];
}
