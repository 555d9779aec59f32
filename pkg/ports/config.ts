// Where a router's configuration comes from: a directory of YAML in this version, later also the operator; and where what was
// in force waits for the next start. Implemented by pkg/files and by tests; the app compiles what it gives.
import type { ParsedObject, ParseResult } from "../api/document.ts";

/** ConfigSource reads all objects now and tells when they changed; a failing read rejects and the old configuration stays. */
export interface ConfigSource {
  read(): Promise<ParseResult>;
  /** `changed` is called, debounced, after something below the source changed; stop ends it */
  watch(changed: () => void): { stop(): void };
}

/** KeySource reads pre-shared keys by the file that configuration names; throws SVR_PSK_FILE, and never shows the bytes. */
export interface KeySource {
  psk(file: string): Uint8Array;
}

/** LastGood is what was in force: its objects, and since when (RFC 3339) an earlier version stands in for which broken one. */
export interface LastGood {
  objects: ParsedObject[];
  since: Readonly<Record<string, string>>;
}

/** LastGoodStore keeps the last good configuration over restarts. It names key files and holds no key. */
export interface LastGoodStore {
  /** undefined when nothing was kept yet; rejects with SVR_LAST_GOOD when what was kept cannot be read */
  read(): Promise<LastGood | undefined>;
  /** as a whole or not at all; rejects with SVR_LAST_GOOD */
  write(state: LastGood): Promise<void>;
}
