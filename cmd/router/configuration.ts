// Where this router's configuration comes from, by its flags. Called by main.ts once; constructs adapters only.
import { join } from "node:path";
import { createDirectorySource } from "../../pkg/files/directory.ts";
import { createKeySource } from "../../pkg/files/keys.ts";
import { createLastGoodFile } from "../../pkg/files/lastgoodfile.ts";
import { compileKeeping } from "../../pkg/plan/compile.ts";
import type { CompiledSource, KeySource } from "../../pkg/ports/config.ts";
import type { Log } from "../../pkg/ports/log.ts";
import { compilingSource } from "../../pkg/router/compiling.ts";
import { systemClock } from "./clock.ts";
import type { Flags } from "./flags.ts";

/** openConfiguration gives the source of the configuration, and of the keys that it names. */
export function openConfiguration({ configDir, name, stateDir }: Flags, log: Log): { source: CompiledSource; keys: KeySource } {
  return {
    source: compilingSource({ name, compiler: compileKeeping, source: createDirectorySource(configDir), lastGood: createLastGoodFile(join(stateDir, "last-good.json")), clock: systemClock, log }),
    keys: createKeySource(configDir),
  };
}
