// Where a router's configuration comes from: a directory of YAML in this version, later also the operator. Implemented by
// pkg/files and by tests; the app compiles what it gives.
import type { ParseResult } from "../api/document.ts";

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
