// Denials for the audit log: one line a minute for each tenant, service, peer and reason; a flood of different ones is bounded.
import { parseAddress } from "../base/addresstext.ts";
import type { AuditEvent } from "../ports/audit.ts";
import { createAuditDenials } from "./auditdenials.ts";
import type { Denial } from "./recordwriter.ts";

function world(): { events: AuditEvent[]; minute: () => void; denials: ReturnType<typeof createAuditDenials> } {
  const events: AuditEvent[] = [], timers: (() => void)[] = [];
  const denials = createAuditDenials({ audit: { write: (event) => { events.push(event); } }, every: (_ms, work) => { timers.push(work); return { stop: () => { timers.length = 0; } }; } });
  return { events, denials, minute: () => { for (const work of timers) work(); } };
}

const address = parseAddress("10.0.0.1")!;
const denial = (fields: Partial<Denial>): Denial => ({ reason: "access", source: address, destination: address, sourcePort: 1, destinationPort: 2, proto: 6, ifnum: 1, vlan: 0, ...fields });

test("equal ones are one line with their count, whatever hosts they came from; a quiet minute is none", () => {
  const { events, denials, minute } = world();
  denials.take([denial({ tenant: "acme", service: "shop/web" }), denial({ tenant: "acme", service: "shop/web", sourcePort: 9, suppressed: 5 }), denial({ reason: "hmac-failure", peer: "west" }), denial({})]);
  minute();
  minute();
  expect(events).toEqual([
    { kind: "denial", action: "refused", object: "Service shop/web", detail: { reason: "access", count: 7, tenant: "acme" } },
    { kind: "denial", action: "refused", object: "peer west", detail: { reason: "hmac-failure", count: 1, peer: "west" } },
    { kind: "denial", action: "refused", object: "hosts", detail: { reason: "access", count: 1 } },
  ]);
});

test("of very many the rest is one line, and the end writes what there is", () => {
  const { events, denials } = world();
  denials.take(Array.from({ length: 400 }, (_, index) => denial({ service: `d/s${index}` })));
  denials.stop();
  expect([events.length, events.at(-1)]).toEqual([257, { kind: "denial", action: "refused", object: "others", detail: { count: 144 } }]);
});
