// How full the bounded things of the data plane are that its gauges do not tell: maps of the configuration, hashes that the programs
// fill, rings, and places for sources. Called by open.ts in the main thread, which is asked every second; takes nothing out of anything.
import type { Native } from "../native/binding.ts";
import type { Datapath } from "../ports/datapath.ts";
import { FILL_ROWS, PROTECT_ROW, PUNT_ROW, SOURCES_ROW } from "./fillrows.ts";
import { openMap } from "./maps.ts";
import type { BpfMap } from "./maps.ts";
import type { Pins } from "./pins.ts";
import type { Programmer } from "./program.ts";
import type { Table } from "./table.ts";

const COUNTED = ["tokens", "denied", "captured", "records", "copies", "refusals"] as const;

/** FillReader looks; it keeps the maps open. */
export interface FillReader extends Pick<Datapath, "fill"> {
  close(): void;
}

/** openFill opens what is counted anew each time; throws SVR_BPF_LAYOUT. */
export function openFill(native: Native, pins: Pins, of: { shards: number; protectors: number; programmer: Pick<Programmer, "fill">; table: Pick<Table, "sources"> }): FillReader {
  const counted: { name: string; map: BpfMap }[] = [
    ...COUNTED.map((name) => ({ name: FILL_ROWS[name], map: openMap(native, pins.map(name)) })),
    ...Array.from({ length: of.shards }, (_, shard) => ({ name: `${PUNT_ROW} ${shard}`, map: openMap(native, pins.ring(shard)) })),
    ...Array.from({ length: of.protectors }, (_, worker) => ({ name: `${PROTECT_ROW} ${worker}`, map: openMap(native, pins.protect(worker)) })),
  ];
  return {
    fill: () => {
      const { used, limit } = of.table.sources();
      return [
        ...of.programmer.fill().map(({ name, ...count }) => ({ name: FILL_ROWS[name], ...count })),
        ...counted.map(({ name, map }) => ({ name, entries: map.used(), limit: map.entries })), { name: SOURCES_ROW, entries: used, limit },
      ];
    },
    close: () => { for (const { map } of counted) map.close(); },
  };
}
