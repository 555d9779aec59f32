// What each command writes with `-o json` and `-o yaml`, as schemas: the published form of machine output, stable within a
// major version (conventions 5). Read by the generator of docs/reference/output.md and by tests, which hold real output to it.
import { z } from "zod";
import type { Problem } from "../api/problem.ts";
import { reasons } from "../svr/reasons.ts";
import { alarmSchema, auditEnd, captureSchema, certificateSchema, countersSchema, peerSchema, previewSchema, sessionSchema, statusSchema, tableSchema, traceSchema, verifySchema } from "./answers.ts";
import type { AuditShown, AuditVerified } from "./audit.ts";
import type { CaItem, CaView } from "./ca.ts";
import type { TokenItem } from "./sitetokens.ts";
import type { CaptureData } from "./capture.ts";
import { clusterOutputs } from "./clusteroutputs.ts";
import type { CheckData } from "./configcheck.ts";
import type { DiffData } from "./configdiff.ts";
import type { VersionData } from "./versions.ts";
import type { WhyData } from "./why.ts";

const text = (meaning: string): z.ZodString => z.string().meta({ description: meaning });
const count = (meaning: string): z.ZodNumber => z.number().meta({ description: meaning });
const byRouter = z.looseObject({ router: text("router that answered") });

/** Each item of a list with the router that it is from. */
function itemsOf<T>(item: z.ZodType<T>): z.ZodType<{ items: (T & { router: string })[] }> {
  return z.looseObject({ items: z.array(z.intersection(item, byRouter)) });
}

const sessionItem = z.intersection(sessionSchema, byRouter);

const problemItem = z.looseObject({
  severity: z.enum(["error", "warning"]).meta({ description: "errors keep something out of force" }), code: text("kind of problem"), file: z.string().exactOptional().meta({ description: "file as it was named" }),
  line: z.number().exactOptional().meta({ description: "from 1" }), column: z.number().exactOptional().meta({ description: "from 1" }),
  object: z.string().exactOptional().meta({ description: "Kind namespace/name" }), field: z.string().exactOptional().meta({ description: "path of the field" }),
  message: text("what is wrong"), fix: text("what to do"),
}) as unknown as z.ZodType<Problem>;

const checkSchema: z.ZodType<CheckData> = z.looseObject({
  directory: text("as it was named"), objects: count("objects that are good"), errors: count("problems that keep something out of force"), warnings: count("problems that change nothing"),
  problems: z.array(problemItem),
  routers: z.array(z.looseObject({
    name: text("router"), interfaces: count("interfaces"), peers: count("peers"), paths: count("paths to peers"), tenants: count("tenants"), services: count("services"), routes: count("candidate ways to services"),
  })),
});

const changesSchema = z.array(z.looseObject({
  object: text("Kind namespace/name"), change: z.enum(["added", "removed", "changed"]),
  fields: z.array(z.looseObject({ field: text("path of the field"), before: z.unknown().optional().meta({ description: "absent: nothing" }), after: z.unknown().optional().meta({ description: "absent: nothing" }) })).meta({ description: "of a changed object" }),
}));
const diffSchema = z.looseObject({
  objects: changesSchema.meta({ description: "between the two directories" }), changed: z.array(z.string()).meta({ description: "routers whose compiled configuration differs between the two directories" }),
  routers: z.array(z.looseObject({
    router: text("running router"), objects: changesSchema.meta({ description: "against what it runs" }),
    sessions: previewSchema.exactOptional().meta({ description: "its live sessions; absent when no valid Router object is left" }),
  })),
  notAsked: z.array(z.string()).exactOptional().meta({ description: "of a cluster: routers with another configuration whose live sessions were not looked at" }),
}) as unknown as z.ZodType<DiffData>;

const originSchema = z.looseObject({ object: text("Kind namespace/name"), field: text("path of the field") });
const stepSchema = z.looseObject({
  stage: z.enum(["tenant", "service", "access", "route", "security", "nat"]).meta({ description: "step of the decision" }), ok: z.boolean().meta({ description: "false at the step that refuses" }),
  text: text("why"), origin: originSchema.exactOptional(),
});
const whySchema = z.looseObject({
  question: z.looseObject({
    tenant: z.string().exactOptional().meta({ description: "as asked" }), from: z.string().exactOptional().meta({ description: "as asked" }), protocol: count("IP protocol"), to: text("destination address"), port: count("0 for protocols without ports"),
  }),
  items: z.array(z.looseObject({
    router: text("router whose configuration answers"), allow: z.boolean().meta({ description: "the answer" }),
    reason: z.enum(reasons.map((reason) => reason.name)).exactOptional().meta({ description: "why not; absent when the question does not say enough" }),
    tenant: text("tenant that was looked up"), service: z.string().exactOptional().meta({ description: "service that fits" }), steps: z.array(stepSchema),
    change: z.looseObject({
      object: text("Kind namespace/name"), op: z.enum(["add", "set", "remove", "create"]).meta({ description: "add to a list, set a field, remove it, or create an object with this spec" }), field: text("path below spec; empty with create"),
      value: z.unknown().optional().meta({ description: "absent with remove" }), text: text("the change as a sentence"),
      contradicts: z.array(z.looseObject({ object: text("Kind namespace/name"), field: text("path of the test") })).meta({ description: "tests of services that expect the refusal; they would have to change with it" }),
    }).exactOptional().meta({ description: "the one change that would allow it; absent when it takes several" }),
  })),
}) as unknown as z.ZodType<WhyData>;

const versionSchema: z.ZodType<VersionData> = z.looseObject({
  client: z.looseObject({ version: text("version of svrctl") }),
  routers: z.array(z.intersection(statusSchema, z.looseObject({ fits: z.boolean().meta({ description: "at most one minor version apart" }) }))),
  cluster: z.looseObject({
    server: text("address of the API server"), version: z.string().exactOptional().meta({ description: "of the API server" }),
    operator: z.looseObject({ version: text("of who compiled last"), fits: z.boolean() }).exactOptional(), routers: z.array(z.looseObject({ name: text("router"), version: text("as it told last"), fits: z.boolean() })),
  }).exactOptional().meta({ description: "of a cluster; then routers is empty" }),
});

const captureItems = itemsOf(captureSchema);
const captureOf = z.intersection(z.looseObject({ id: text("of the capture") }), captureItems);
const captureRun: z.ZodType<CaptureData> = z.intersection(captureOf, z.looseObject({ file: z.string().exactOptional().meta({ description: "as it was named" }), bytes: z.number().exactOptional().meta({ description: "of the file; 0 when it could not be written" }) }));
const fetchSchema = z.looseObject({ id: text("of the capture"), file: text("as it was named"), bytes: count("of the file"), routers: z.array(z.string()).meta({ description: "whose packets are in it" }) });

const auditVerified = z.looseObject({ items: z.array(z.looseObject({
  router: text("empty for a file that was named"), file: text("of the log; older ones stand beside it"), ok: z.boolean().meta({ description: "nothing was found" }),
  lines: count("lines that were read"), first: count("number of the first event; above 1 when older files are gone"), last: auditEnd, told: auditEnd.exactOptional().meta({ description: "where it ends by the word of the router" }),
  faults: z.array(z.looseObject({ where: text("file:line, or end"), kind: z.enum(["unreadable", "changed", "missing", "misplaced", "unchained", "cut", "rewritten"]).meta({ description: "what kind of fault" }), text: text("in words") })),
  more: count("faults that are not listed"),
})) }) as unknown as z.ZodType<{ items: AuditVerified[] }>;
const auditShown: z.ZodType<{ items: AuditShown[] }> = z.looseObject({ items: z.array(z.looseObject({
  router: text("empty for a file that was named"), sequence: count("number of the event"), time: text("RFC 3339"), previous: text("hash of the line before"), kind: text("what it is about"), action: text("what happened"), object: text("to whom or what"),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).meta({ description: "what else is known" }),
})) });

const caItem: z.ZodType<CaItem> = z.looseObject({
  router: text("whom it names"), serial: text("lower-case hexadecimal"), notBefore: text("RFC 3339"), notAfter: text("RFC 3339"),
  state: z.enum(["counts", "expired", "revoked"]).meta({ description: "whether it counts" }), revoked: z.string().exactOptional().meta({ description: "RFC 3339" }),
});
const caView: z.ZodType<CaView> = z.looseObject({ name: text("of the authority"), key: z.enum(["Ed25519", "ECDSA"]).meta({ description: "kind of its key" }), notAfter: text("RFC 3339"), certificate: text("PEM"), items: z.array(caItem) });
const caIssue = z.intersection(caItem, z.looseObject({ folder: text("where the files are"), madeKey: z.boolean().meta({ description: "the key was made here and is among them" }) }));

const enrollSchema = z.looseObject({
  router: text("whom it is about"), folder: text("where the key is"), request: z.string().exactOptional().meta({ description: "PEM, with --offline" }),
  serial: z.string().exactOptional().meta({ description: "of the certificate that counts now, lower-case hexadecimal" }), notAfter: z.string().exactOptional().meta({ description: "RFC 3339" }),
});

const tokenItem: z.ZodType<TokenItem> = z.looseObject({
  id: text("names the token"), router: text("whose it is"), ends: text("RFC 3339"), state: z.enum(["counts", "ended", "used"]).meta({ description: "whether it counts" }),
  used: z.string().exactOptional().meta({ description: "RFC 3339" }), serial: z.string().exactOptional().meta({ description: "of the certificate that was given, lower-case hexadecimal" }),
});

/** outputSchemas are the shapes by command. */
export const outputSchemas = {
  ...clusterOutputs,
  "sessions list": z.looseObject({ items: z.array(sessionItem), more: z.boolean().meta({ description: "more may follow: the limit was reached" }) }),
  "sessions delete": z.looseObject({ sessionId: text("UUID as 32 hexadecimal digits"), ended: z.boolean().meta({ description: "false: it was only looked at" }), items: z.array(sessionItem).meta({ description: "the session on each router" }) }),
  "sessions show": z.looseObject({ sessionId: text("UUID as 32 hexadecimal digits"), hops: z.array(sessionItem).meta({ description: "routers in path order" }) }),
  counters: itemsOf(countersSchema),
  tables: itemsOf(tableSchema),
  peers: itemsOf(peerSchema),
  alarms: z.looseObject({ items: z.array(z.intersection(alarmSchema, z.looseObject({ router: text("router that says so") }))), routers: z.array(z.looseObject({ name: text("router"), certificate: certificateSchema.exactOptional().meta({ description: "its own; absent: it has none" }) })) }),
  verify: itemsOf(verifySchema),
  trace: itemsOf(traceSchema),
  "capture run": captureRun, "capture list": captureItems, "capture show": captureOf, "capture fetch": fetchSchema, "capture stop": captureOf, "capture delete": captureOf,
  "audit show": auditShown, "audit verify": auditVerified,
  "ca init": caView, "ca show": caView, "ca issue": caIssue, "ca renew": caIssue, "ca revoke": z.looseObject({ revoked: z.boolean().meta({ description: "false: it was only looked at" }), items: z.array(caItem) }),
  enroll: enrollSchema,
  "site token create": z.intersection(tokenItem, z.looseObject({ token: text("the token; it is shown once") })), "site token list": z.looseObject({ items: z.array(tokenItem) }), "site token delete": z.looseObject({ deleted: z.boolean().meta({ description: "false: it was only looked at" }), items: z.array(tokenItem) }),
  "config validate": checkSchema,
  "config diff": diffSchema,
  why: whySchema,
  version: versionSchema,
} as const;
