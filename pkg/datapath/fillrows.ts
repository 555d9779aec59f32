// Names of the rows about bounded things of the data plane: of fill.ts and of the model, and for the test that every map has one. Names only.
/** FILL_ROWS names the maps that a row is about; rings of shards and places of sources have rows of their own. */
export const FILL_ROWS = {
  rates: "rates of first packets", nexthops: "next hops", locals: "own addresses and those of peers", members: "prefixes of hosts", filters: "filters", interfaces: "interfaces",
  tokens: "token buckets", denied: "rules that denied a packet", captured: "sessions copied by the data plane",
  records: "record ring, bytes", copies: "ring of copies, bytes", refusals: "ring of refusals, bytes",
} as const;

/** PUNT_ROW, PROTECT_ROW and SOURCES_ROW begin the names of the other rows. */
export const PUNT_ROW = "ring of first packets, bytes, shard", PROTECT_ROW = "ring of protected packets, bytes, worker", SOURCES_ROW = "sources with sessions, about";
