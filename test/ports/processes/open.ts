// Opens a data plane in a process of its own, as another user or with fewer capabilities, and prints what came of it as one line
// of JSON: { ok, adopted } or { code, object, message }. Started by refusals.test.ts with its options as JSON; leaves the pins.
import { randomBytes } from "node:crypto";
import { SvrError } from "../../../pkg/base/errors.ts";
import { openDatapath } from "../../../pkg/datapath/open.ts";
import type { OpenOptions } from "../../../pkg/datapath/open.ts";
import type { DatapathConfig } from "../../../pkg/ports/datapath.ts";

const { config, ...options } = JSON.parse(process.argv[2] ?? "{}") as Omit<OpenOptions, "random"> & { config?: DatapathConfig };

try {
  const datapath = openDatapath({ ...options, random: (count) => new Uint8Array(randomBytes(count)) });
  if (config !== undefined) datapath.program(config);
  console.log(JSON.stringify({ ok: true, adopted: datapath.adopted() }));
  datapath.close();
} catch (error) {
  if (!(error instanceof SvrError)) throw error;
  console.log(JSON.stringify({ code: error.code, object: error.object, message: error.message }));
}
