// The protection of a dry turn: sessions are protected as they would be, in sizes only. The store of keys hears of nothing, no counter of a key
// is used, no key is kept. Called by trace.ts.
import { ok } from "../base/result.ts";
import { SUITE_CLEAR } from "../svr/constants.ts";
import type { Suite } from "../svr/encode.ts";
import { protectedLength } from "../svr/payload.ts";
import { createFirstPayloads } from "./firstpayloads.ts";
import { createPayloadKeys } from "./payloadkeys.ts";
import type { Protection } from "./protection.ts";

/** dryProtection is what a machine that protects sessions so would do, and nothing where it cannot. */
export function dryProtection({ tools }: Protection): Protection {
  let suite: Suite = SUITE_CLEAR;
  const dry: Protection = { kept: createPayloadKeys(), firsts: createFirstPayloads(), mayAsk: () => false };
  if (tools === undefined) return dry;
  return {
    ...dry,
    tools: {
      ...tools,
      keys: { peer: () => undefined, end: () => false, session: ({ body }) => { suite = body?.suite ?? SUITE_CLEAR; } },
      bodies: { close: () => undefined, run: (jobs) => jobs.map(({ opens, body }) => ok(opens ? body : new Uint8Array(protectedLength(suite, body.length)))) },
    },
  };
}
