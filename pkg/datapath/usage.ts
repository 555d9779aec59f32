// What a tenant or a route has of the session table, read from the pinned map. Called by open.ts; the library keeps the counts.
import type { Datapath } from "../ports/datapath.ts";
import { keyOf } from "./entries.ts";
import { offsetOf, usageLayout } from "./layouts.ts";
import type { BpfMap } from "./maps.ts";

/** readUsage gives the cell of a name number. */
export function readUsage(map: BpfMap, id: number): ReturnType<Datapath["usage"]> {
  const cell = map.lookup(keyOf(id));
  if (cell === undefined) return { live: 0, halfOpen: 0 };
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  return { live: view.getUint32(offsetOf(usageLayout, "live"), true), halfOpen: view.getUint32(offsetOf(usageLayout, "half_open"), true) };
}
