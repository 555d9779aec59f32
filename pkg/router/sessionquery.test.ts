// Filters of a session list: each field, several together, and everything that cannot be meant.
import { Life, Role } from "../svr/session.ts";
import { hostSide, peerSide, sampleSession } from "../../test/ports/sessions.ts";
import { AdminFault } from "./admin.ts";
import { boundedNumber, sessionTest } from "./sessionquery.ts";

const names = new Map([[23, "tenant/acme"], [24, "service/shop/web"], [1, "path/branch/v4"], [2, "path/cloud/v4"]]);
const source = { nameOf: (id: number) => names.get(id) };
const session = sampleSession(1, { side: [peerSide(1, { path: 1 }), peerSide(2, { path: 2 })], role: Role.transit });

function passes(query: string, of = session): boolean {
  return sessionTest(new URLSearchParams(query), source)(of);
}

test.each([
  ["", true], ["limit=5&cursor=9", true], ["tenant=acme", true], ["tenant=acm", false], ["service=shop/web", true], ["service=web", false],
  ["peer=branch", true], ["peer=cloud", true], ["peer=transit", false], ["role=transit", true], ["role=egress", false], ["life=live", true], ["life=guard", false],
  ["protocol=6", true], ["protocol=17", false], ["sourceAddress=10.0.0.1", true], ["sourceAddress=10.0.0.2", false], ["sourcePort=26", true], ["sourcePort=27", false],
  ["destinationAddress=10.99.0.1", true], ["destinationAddress=::ffff:10.99.0.1", false], ["destinationPort=27", true], ["destinationPort=0", false],
  ["sessionId=40404040404040404040404000000001", true], ["sessionId=40404040-4040-4040-4040-404000000001", true], ["sessionId=40404040404040404040404000000002", false],
  ["tenant=acme&protocol=6&peer=cloud", true], ["tenant=acme&protocol=17", false], ["tenant=acme&tenant=other", false],
])("%s: %p", (query, expected) => {
  expect(passes(query)).toBe(expected);
});

test("a session that has ended is in guard, and one between hosts has no peer", () => {
  expect(passes("life=guard", { ...session, life: Life.guard })).toBe(true);
  expect(passes("peer=branch", { ...session, side: [hostSide(1), hostSide(2)] })).toBe(false);
});

test.each(["colour=red", "constructor=1", "protocol=tcp", "protocol=-1", "sourcePort=65536", "sourceAddress=10.0.0", "destinationAddress=", "sessionId=12"])("%s is refused", (query) => {
  expect(() => sessionTest(new URLSearchParams(query), source)).toThrow(expect.objectContaining({ status: 400, code: "SVR_USAGE" }));
});

test.each([["5", 5], ["1", 1], ["10", 10], [null, 7]])("the number %p is %p", (text, value) => {
  expect(boundedNumber(text, { fallback: 7, min: 1, max: 10, name: "limit" })).toBe(value);
});

test.each(["0", "11", "", " 5", "5.0", "1e1", "-1", "0x5", "99999999999"])("the number %j is refused", (text) => {
  expect(() => boundedNumber(text, { fallback: 7, min: 1, max: 10, name: "limit" })).toThrow(AdminFault);
});
