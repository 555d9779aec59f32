// Takes one session out of a running router behind its back, as a lost map entry would: no message, no record of a decision.
// Called by tests of lost state; opens the pinned table of the router under test in this process, for one operation.
import { openHandle, openNative } from "../../pkg/native/binding.ts";
import { MAP_SUFFIX } from "../../pkg/datapath/pins.ts";
import { createTable } from "../../pkg/datapath/table.ts";
import { parseUuid } from "../../pkg/base/ids.ts";
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import type { Net } from "./net.ts";

/** forgetSession removes the flows of a session on one router; rejects when it is not there. */
export function forgetSession(net: Net, router: string, sessionId: string): void {
  const native = openNative();
  const handle = openHandle((out) => native.tableOpen(net.pinFolder(router), MAP_SUFFIX, out));
  if (typeof handle === "number") throw new Error(`the table of ${router} cannot be opened (${handle})`);
  const table = createTable(native, handle);
  try {
    const uuid = parseUuid(sessionId) ?? new Uint8Array(16);
    const found = table.findUuid(uuid);
    if (found === undefined) throw new Error(`${router} has no session ${sessionId}`);
    const [result] = table.apply([{ kind: "end", ref: { index: found.index, uuid }, reason: reasonNumber("error"), now: true }]);
    if (result?.ok !== true) throw new Error(`${router} keeps session ${sessionId}`);
  } finally {
    table.close();
  }
}
