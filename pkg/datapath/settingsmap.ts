// The pinned settings of one router: read once, written when something changed. Called by open.ts (sizes, secrets of new maps) and
// program.ts (timers, ports). The bytes hold secrets; they never leave this folder but for the inject address of a shard.
import type { Native } from "../native/binding.ts";
import { settingsKey } from "./adopt.ts";
import { openMap } from "./maps.ts";
import type { Pins } from "./pins.ts";
import type { Bytes } from "./sessioncodec.ts";
import { createBytes } from "./sessioncodec.ts";
import { SETTINGS_SIZE } from "./settings.ts";

/** SettingsMap is struct svr_settings of this router. */
export interface SettingsMap {
  readonly bytes: Bytes;
  /** writes the map when `edit` changed anything */
  change(edit: (bytes: Bytes) => void): void;
  close(): void;
}

/** openSettings reads the map; `initial` are the settings of a map that was just made. */
export function openSettings(native: Native, pins: Pins, initial?: Bytes): SettingsMap {
  const map = openMap(native, pins.map("settings"));
  const bytes = createBytes(SETTINGS_SIZE);
  const there = map.lookup(settingsKey);
  if (there !== undefined) bytes.array.set(there);
  const change = (edit: (bytes: Bytes) => void): void => {
    const before = bytes.array.slice();
    edit(bytes);
    if (before.some((byte, i) => byte !== bytes.array[i])) map.update([{ key: settingsKey, value: bytes.array }]);
  };
  if (initial !== undefined) change(({ array }) => { array.set(initial.array); });
  return { bytes, change, close: () => { map.close(); } };
}
