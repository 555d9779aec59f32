// What is counted of live sessions, read from the bytes of their slots: no session is made of them, so that a million of them cost a
// tenth of a second. Called by open.ts.
import type { Datapath } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";
import { offsetOf, sessionLayout } from "./layouts.ts";
import type { Table } from "./table.ts";

const LIVE = 1 << Life.live;
const at = (name: string): number => offsetOf(sessionLayout, name);
const TENANT = at("tenant"), SERVICE = at("service"), ROUTE = at("route"), ROLE = at("role");

/** createCount makes Datapath.count. */
export function createCount(table: Pick<Table, "scan">): Datapath["count"] {
  return (cursor, max, told) => table.scan(LIVE, cursor, max, ({ view }, from) => {
    const number = (offset: number): number => view.getUint16(from + offset, true);
    told(number(TENANT), number(SERVICE), number(ROUTE), view.getUint8(from + ROLE));
    return false;
  }).next;
}
