// The published form of machine output: real output of every command fits it, and has no field that it does not tell.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { nowMs, runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import { parseThree, threeFiles } from "../../test/support/config/three.ts";
import { captureFile } from "../../test/support/pcapng.ts";
import { threeCluster } from "../../test/support/kube/cluster.ts";
import { sessionHops, sessionId } from "../../test/support/sessions.ts";
import { auditLine, noHash } from "../api/audit.ts";
import { outputSchemas } from "./outputs.ts";
import { secrets } from "./resources.ts";

const files = { ...Object.fromEntries(threeFiles().map(({ path, text }) => [path, text])), "broken.yaml": "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { nam: x }\n" };
const running = parseThree().objects.map(({ object }) => (object.kind === "Service" ? { ...object, spec: { ...object.spec, idleTimeout: "77s" } } : object));
const answers = {
  [`${self}/objects`]: { body: running },
  [`${self}/preview?limit=20`]: { body: { sessions: 3, cut: 1, moved: 1, left: 1, reasons: { policy: 1 }, named: [{ sessionId, effect: "cut", reason: "policy", tenant: "a", service: "shop/web" }] } },
  [self]: statusBody("cloud"), [`${self}/sessions?limit=1000`]: { body: { items: Object.values(sessionHops) } }, [`/api/v1/sessions/${sessionId}`]: { body: sessionHops.cloud },
  [`${self}/tables`]: { body: [{ name: "sessions", entries: 1, limit: 2, alarm: false }] },
  [`${self}/peers`]: { body: [{ name: "west", state: "up", hmac: "TimeBased", metadataEncryption: "off", keys: { send: "1", receive: "2" }, allowedTenants: ["a"],
    paths: [{ name: "west/a", interface: "wan0", local: "192.0.2.1", remote: "192.0.2.2", mtu: 1500, mtuDiscovery: "found", state: "up", waypoints: { used: 1, free: 1, size: 2 } }] }] },
  [`${self}/counters`]: { body: { drops: { access: 1 }, peerDrops: { west: { "no-flow": 1 } }, healthChecks: { sent: 4, received: 0, exists: 3, timeout: 0, stale: 1 }, interfaces: [{ name: "lan0", rxPackets: 1, rxBytes: 1, txPackets: 1, txBytes: 1 }],
    filtered: [{ interface: "lan0", rule: 2, packets: 3 }], shards: [{ punts: 1, denialsSuppressed: 0 }], records: { created: 1, lost: 0, waiting: 0 } } },
  [`${self}/trace?protocol=17&from=10.1.0.10&fromPort=5000&to=10.9.0.10&toPort=53`]: { body: {
    verdict: "allow", interface: "lan0", vlan: 0, tenant: "acme", service: "shop/dns", shard: 0, stages: [{ stage: "install", result: "pass", text: "x" }],
    leaves: { interface: "wan0", vlan: 0, source: "192.0.2.1:16384", destination: "192.0.2.2:16385", protocol: 17, nextHop: "wan0", peerPath: "west/a", bytes: [300] }, sessionId: "0", reason: "limit",
  } },
  [`${self}/audit`]: { body: { path: "audit.jsonl", head: { sequence: 9, hash: "0".repeat(64) } } },
  [`${self}/verify`]: { body: {
    ok: false, duration: 5, checked: { slots: 64, sessions: 3, entries: 9, pairs: 50 }, gauges: [{ name: "live", told: 3, counted: 2 }],
    pools: [{ path: "west/a", used: 2, resting: 1, free: 47, moving: 0, size: 50 }], faults: [{ kind: "gauge", object: "live sessions", text: "1 too many are told" }], more: 0,
  } },
};
const capture = { id: "c1", state: "done", origin: "user", filter: { tenant: "acme" }, limits: { packets: 100, sessions: 20 }, begun: "2026-01-01T00:00:00.000Z", ends: "2026-01-01T00:00:30.000Z", packets: 2, bytes: 90, lost: 1,
  sessions: [{ sessionId, forwardIn: 1, forwardOut: 1, reverseIn: 0, reverseOut: 0 }] };
const reads = { "/api/v1/captures": { body: { items: [capture] } }, "/api/v1/captures/c1": { body: capture } };
const controls = {
  "/api/v1/captures": { body: capture }, "/api/v1/captures/c1/stop": { body: capture }, "/api/v1/captures/c1/delete": { body: capture },
  "/api/v1/captures/c1/pcap": { body: captureFile("cloud", 1n) },
};
const cluster = await threeCluster();
const tokenId = "0".repeat(16);
await cluster.kube.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { namespace: "opensvr", name: "opensvr-site-tokens" }, data: { pin: Buffer.from("ab".repeat(32)).toString("base64"), [`token.${tokenId}`]: Buffer.from(JSON.stringify({ router: "hub", hash: "", endsMs: nowMs + 1, used: { atMs: nowMs, serial: "12" } })).toString("base64") } });
const audits = { "audit.jsonl": [auditLine({ sequence: 1, time: "2026-01-01T00:00:00.000Z", previous: noHash, kind: "key", action: "rotated", object: "peer west", detail: { id: "1" } }, () => "1".repeat(64)).text] };
const world = { audits, kube: cluster.kube, files, folders: { good: Object.fromEntries(threeFiles().map(({ path, text }) => [path, text])) }, sockets: { [socketOf("cloud")]: { ...answers, ...reads }, [socketOf("cloud").replace("admin.sock", "control.sock")]: { ...controls, [`/api/v1/sessions/${sessionId}/end`]: answers[`/api/v1/sessions/${sessionId}`] } } };
const caFolder = mkdtempSync(join(tmpdir(), "opensvr-outputs-"));
afterAll(() => { rmSync(caFolder, { recursive: true }); });
const lines: readonly [command: keyof typeof outputSchemas, line: string][] = [
  ["status", "status"], ["check", "check"], ["tenants", "tenants engineering.acme"], ["services", "services -n shop web reports"], ["routers", "routers"],
  ["sessions list", "sessions list"], ["sessions delete", `sessions delete ${sessionId} --dry-run`], ["sessions show", `sessions show ${sessionId}`], ["counters", "counters"], ["tables", "tables"], ["peers", "peers"], ["alarms", "alarms"], ["verify", "verify"], ["trace", "trace --proto udp --from 10.1.0.10:5000 --to 10.9.0.10:53"], ["capture run", "capture --tenant acme --write c1.pcapng"], ["capture list", "capture list"], ["capture show", "capture show c1"], ["capture fetch", "capture fetch c1 --write c1.pcapng"], ["capture stop", "capture stop c1"], ["capture delete", "capture delete c1"], ["audit show", "audit show"], ["audit verify", "audit verify"],
  ["ca init", `ca init --dir ${caFolder}/ca`], ["ca show", `ca show --dir ${caFolder}/ca`], ["ca issue", `ca issue branch --dir ${caFolder}/ca --write ${caFolder}/of/identity`], ["ca renew", `ca renew branch --dir ${caFolder}/ca --state-dir ${caFolder}/of`], ["ca revoke", `ca revoke branch --dir ${caFolder}/ca --yes`], ["enroll", `enroll branch --offline --state-dir ${caFolder}/state`], ["site token create", "site token create branch --operator-namespace opensvr"], ["site token list", "site token list --operator-namespace opensvr"], ["site token delete", `site token delete ${tokenId} --operator-namespace opensvr`],
  ["config validate", "config validate three"], ["config diff", "config diff good good --router cloud"],
  ["why", "why --tenant finance.acme --proto tcp --to 10.9.0.10:22 --config-dir three --router cloud"], ["version", "version"],
];

type Schema = z.core.JSONSchema.BaseSchema;

/** Paths of values that the schema does not tell; keys of maps are free. */
function untold(schemas: readonly Schema[], value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => untold(schemas.flatMap((one) => (one.items === undefined ? [] : [one.items as Schema])), item, `${path}[]`));
  if (typeof value !== "object" || value === null) return schemas.length === 0 ? [path] : [];
  const whole = schemas.flatMap((one) => [one, ...(one.allOf ?? [])]);
  return Object.entries(value).flatMap(([key, below]) => {
    const told = whole.flatMap((one) => one.properties?.[key] ?? (one.propertyNames === undefined ? [] : one.additionalProperties as Schema)) as Schema[];
    return told.length === 0 ? [`${path}.${key}`] : untold(told, below, `${path}.${key}`);
  });
}

test("every command is published", () => {
  expect(Object.keys(outputSchemas)).toEqual(lines.map(([command]) => command));
});

test.each(lines)("svrctl %s", async (command, line) => {
  const { out } = await runCli(`${line} -o json`, world);
  const data = JSON.parse(out) as object;
  expect(outputSchemas[command].safeParse(data)).toMatchObject({ success: true });
  expect(untold([z.toJSONSchema(outputSchemas[command])], data, "")).toEqual([]);
});

test("a field that is not told, or of another type, is noticed", () => {
  const schema = outputSchemas.tables;
  const row = { name: "a", entries: 1, limit: 1, alarm: false, router: "r" };
  expect(untold([z.toJSONSchema(schema)], { items: [{ ...row, colour: 1 }] }, "")).toEqual([".items[].colour"]);
  expect(schema.safeParse({ items: [{ ...row, entries: "1" }] }).success).toBe(false);
});
