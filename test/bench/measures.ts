// All benchmarks in the order in which they run. Data only; read by main.ts and by the smoke test.
import { apply } from "./apply.ts";
import { bulk } from "./bulk.ts";
import { compile } from "./compile.ts";
import { keyexchange } from "./keyexchange.ts";
import type { Measure } from "./measure.ts";
import { checks } from "./checks.ts";
import { edit } from "./edit.ts";
import { memory } from "./memory.ts";
import { million } from "./million.ts";
import { packets } from "./packets.ts";
import { protect } from "./protect.ts";
import { programmed } from "./programmed.ts";
import { reading } from "./reading.ts";
import { restart } from "./restart.ts";
import { sessions } from "./sessions.ts";
import { testrun } from "./testrun.ts";

/** measures lists them all. */
export const measures: readonly Measure[] = [bulk, packets, checks, testrun, sessions, million, edit, memory, reading, restart, compile, apply, programmed, keyexchange, protect];
