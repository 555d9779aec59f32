// The session table over plain memory: the same C code as over mapped maps, without root. For the table suites and benches.
import { openHandle, openNative } from "../../pkg/native/binding.ts";
import { createSettings, SECRET_BYTES } from "../../pkg/datapath/settings.ts";
import { createTable } from "../../pkg/datapath/table.ts";
import type { Table } from "../../pkg/datapath/table.ts";

/** createMemoryTable makes a table with so many slots; hash keys come from a fixed sequence. */
export function createMemoryTable(sessions: number, liveLimit = sessions): Table {
  const native = openNative();
  const random = new Uint8Array(SECRET_BYTES);
  let state = 0x9e3779b9;
  for (let i = 0; i < random.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    random[i] = state >>> 24;
  }
  const settings = createSettings({ sessions, liveLimit, shards: 1 }, random);
  const handle = openHandle((out) => native.tableCreate(settings.array, settings.array.length, out));
  if (typeof handle === "number") throw new Error(`no memory table: ${handle}`);
  return createTable(native, handle);
}
