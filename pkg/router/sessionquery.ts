// Which sessions a list shows: the filters of a query, read once, then asked of each session before anything is written about
// it. Called by adminroutes.ts. Filters have the names of the fields of SessionView and count together.
import { sameAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import { parseUuid } from "../base/ids.ts";
import { Life } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { AdminFault } from "./admin.ts";
import { nameText, peerOfPath, roleName } from "./records.ts";
import type { RecordSource } from "./records.ts";

/** SessionTest tells whether a session passes. */
export type SessionTest = (session: Session) => boolean;

type Names = Pick<RecordSource, "nameOf">;
type Filter = (value: string, names: Names) => SessionTest;

const filters: Readonly<Record<string, Filter>> = {
  tenant: (value, names) => (session) => nameText(names, session.tenant) === value,
  service: (value, names) => (session) => nameText(names, session.service) === value,
  peer: (value, names) => (session) => session.side.some(({ path }) => path !== 0 && peerOfPath(nameText(names, path)) === value),
  role: (value) => (session) => roleName(session) === value,
  life: (value) => (session) => (session.life === Life.guard ? "guard" : "live") === value,
  protocol: (value) => numberTest("protocol", value, (session) => session.context.proto),
  sourceAddress: (value) => addressTest("sourceAddress", value, (session) => session.context.source),
  sourcePort: (value) => numberTest("sourcePort", value, (session) => session.context.sourcePort),
  destinationAddress: (value) => addressTest("destinationAddress", value, (session) => session.context.destination),
  destinationPort: (value) => numberTest("destinationPort", value, (session) => session.context.destinationPort),
  sessionId: uuidTest,
};

/** paging are the parameters of a query that are no filters. */
const paging: ReadonlySet<string> = new Set(["limit", "cursor"]);

/** sessionTest makes the test of a query; throws AdminFault 400 for a filter or value that cannot be meant. */
export function sessionTest(query: URLSearchParams, names: Names): SessionTest {
  const tests = [...query].filter(([name]) => !paging.has(name)).map(([name, value]) => filterNamed(name)(value, names));
  return (session) => tests.every((passes) => passes(session));
}

/** boundedNumber reads a whole number of a query; throws AdminFault 400 outside its bounds. */
export function boundedNumber(text: string | null, bound: { fallback: number; min: number; max: number; name: string }): number {
  if (text === null) return bound.fallback;
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bound.min && value <= bound.max) return value;
  throw new AdminFault(400, "SVR_USAGE", `${bound.name}=${text} is not a whole number from ${bound.min} to ${bound.max}`);
}

function filterNamed(name: string): Filter {
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (filter === undefined) throw new AdminFault(400, "SVR_USAGE", `there is no filter ${name}; there are ${Object.keys(filters).join(", ")}`);
  return filter;
}

function numberTest(name: string, text: string, read: (session: Session) => number): SessionTest {
  const wanted = boundedNumber(text, { fallback: 0, min: 0, max: 65_535, name });
  return (session) => read(session) === wanted;
}

function addressTest(name: string, text: string, read: (session: Session) => IpAddress): SessionTest {
  const wanted = parseAddress(text);
  if (wanted === undefined) throw new AdminFault(400, "SVR_USAGE", `${name}=${text} is not an IP address`);
  return (session) => sameAddress(read(session), wanted);
}

function uuidTest(text: string): SessionTest {
  const wanted = parseUuid(text);
  if (wanted === undefined) throw new AdminFault(400, "SVR_USAGE", `sessionId=${text} is not a session id of 32 hex digits`);
  return (session) => session.uuid.every((byte, at) => byte === wanted[at]);
}
