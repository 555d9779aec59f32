// Counters, tables, peers and versions as tables, wide tables, JSON and YAML, of one router and of several.
import { parse } from "yaml";
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CliWorld } from "../../test/support/cli.ts";

const counters = {
  body: {
    drops: { "no-service": 7, access: 0, "hmac-failure": 2 }, peerDrops: { transit: { "hmac-failure": 2, "unknown-key": 0 } }, healthChecks: { sent: 0, received: 0, exists: 0, timeout: 0, stale: 0 },
    interfaces: [{ name: "lan0", rxPackets: 1_200, rxBytes: 1_048_576, txPackets: 3, txBytes: 180 }], records: { created: 12, lost: 4, waiting: 0 },
    filtered: [], shards: [{ punts: 90, denialsSuppressed: 6 }, { punts: 14, denialsSuppressed: 0 }], refusalsSuppressed: { filter: 31 },
  },
};
const tables = {
  body: [
    { name: "sessions", entries: 3, limit: 1_000_000, alarm: false }, { name: "waypoints transit/v4", entries: 900, limit: 1_000, alarm: true },
    { name: "half-open", entries: 0, limit: 0, alarm: false },
  ],
};
const peers = {
  body: [
    {
      name: "transit", state: "up", hmac: "TimeBased", metadataEncryption: "CBC", keys: { send: "00c0ffee", receive: "0badcafe" }, allowedTenants: ["acme", "lab"],
      authentication: "psk",
      paths: [{ name: "transit/v4", interface: "wan0", local: "192.0.2.1", remote: "192.0.2.2", mtu: 1_500, mtuDiscovery: "found", state: "up", waypoints: { used: 5, free: 24_571, size: 24_576 } }],
    },
    {
      name: "cloud", state: "down", hmac: "TimeBased", metadataEncryption: "off", keys: { send: "", receive: "" }, allowedTenants: [], paths: [], authentication: "certificate", reason: "its certificate is revoked",
      certificate: { subject: "urn:svr:router:cloud", serial: "1f2e", notAfter: "2026-03-01T00:00:00.000Z" }, exchange: { state: "running", refusal: "its certificate is revoked" },
    },
    {
      name: "lab", state: "up", hmac: "TimeBased", metadataEncryption: "CBC", keys: { send: "00000001", receive: "00000002" }, allowedTenants: [], paths: [], authentication: "certificate", keyAge: 93_600,
      certificate: { subject: "urn:svr:router:lab", serial: "77", notAfter: "2026-02-01T00:00:00.000Z" }, exchange: { state: "done", refusal: "nobody answers key exchange on UDP 1280" },
    },
  ],
};
const answers = { [`${self}/counters`]: counters, [`${self}/tables`]: tables, [`${self}/peers`]: peers };
const one: CliWorld = { sockets: { [socketOf("branch")]: { [self]: statusBody("branch"), ...answers } } };
const two: CliWorld = { sockets: { ...one.sockets, [socketOf("cloud")]: { [self]: statusBody("cloud", { version: "0.3.2", configuration: { hash: "ffff", appliedAt: "2026-01-01T00:09:30.000Z", stale: true, problems: ["x"] } }), ...answers } } };

test.each<[string, CliWorld, string]>([
  ["counters", one, `DROP REASON   PEER     PACKETS
no-service    -              7
hmac-failure  -              2
hmac-failure  transit        2

INTERFACE  RX PACKETS  RX BYTES  TX PACKETS  TX BYTES
lan0             1200    1.0MiB           3      180B

SHARD  FIRST PACKETS  DENIALS NOT REPORTED
    0             90                     6
    1             14                     0

REFUSED BY EBPF  NOT REPORTED
filter                     31

RECORDS CREATED  LOST  WAITING
             12     4        0
`],
  ["counters -o wide", one, `DROP REASON   PEER     PACKETS  MEANING
no-service    -              7  no service of the tenant matches the destination, or no hosts live on the interface
access        -              0  a deny entry, or a service without access policy
hmac-failure  -              2  the tag is wrong
hmac-failure  transit        2  the tag is wrong
unknown-key   transit        0  no key with this id

INTERFACE  RX PACKETS  RX BYTES  TX PACKETS  TX BYTES
lan0             1200    1.0MiB           3      180B

SHARD  FIRST PACKETS  DENIALS NOT REPORTED
    0             90                     6
    1             14                     0

REFUSED BY EBPF  NOT REPORTED
filter                     31

RECORDS CREATED  LOST  WAITING
             12     4        0

HEALTH CHECKS SENT  RECEIVED  EXISTS  TIMEOUT  STALE
                 0         0       0        0      0
`],
  ["tables", one, `TABLE                 ENTRIES    LIMIT  USED  ALARM
sessions                    3  1000000    0%  no
waypoints transit/v4      900     1000   90%  yes
half-open                   0     none     -  no
`],
  ["tables -o wide", two, `ROUTER  TABLE                 ENTRIES    LIMIT  USED    FREE  ALARM
branch  sessions                    3  1000000    0%  999997  no
branch  waypoints transit/v4      900     1000   90%     100  yes
branch  half-open                   0     none     -       -  no
cloud   sessions                    3  1000000    0%  999997  no
cloud   waypoints transit/v4      900     1000   90%     100  yes
cloud   half-open                   0     none     -       -  no
`],
  ["peers", one, `PEER     STATE  PATH        INTERFACE  LOCAL      REMOTE     PATH STATE   MTU  WAYPOINTS USED
transit  up     transit/v4  wan0       192.0.2.1  192.0.2.2  up          1500         5/24576
cloud    down   -           -          -          -          -              -               -
lab      up     -           -          -          -          -              -               -

PEER   WHY
cloud  its certificate is revoked (certificate 1f2e)
lab    the last exchange of keys came to nothing, the keys before stay in use: nobody answers key exchange on UDP 1280
`],
  ["peers -o wide", one, `PEER     STATE  PATH        INTERFACE  LOCAL      REMOTE     PATH STATE   MTU  WAYPOINTS USED  MTU KNOWN  HMAC       METADATA CIPHER  SEND KEY  RECEIVE KEY  TENANTS   AUTHENTICATION  KEY AGE  CERTIFICATE  UNTIL
transit  up     transit/v4  wan0       192.0.2.1  192.0.2.2  up          1500         5/24576  found      TimeBased  CBC              00c0ffee  0badcafe     acme,lab  pre-shared key  -        -            -
cloud    down   -           -          -          -          -              -               -  -          TimeBased  off              -         -            -         certificate     -        1f2e         2026-03-01T00:00:00.000Z
lab      up     -           -          -          -          -              -               -  -          TimeBased  CBC              00000001  00000002     -         certificate     1d2h     77           2026-02-01T00:00:00.000Z

PEER   WHY
cloud  its certificate is revoked (certificate 1f2e)
lab    the last exchange of keys came to nothing, the keys before stay in use: nobody answers key exchange on UDP 1280
`],
  ["version", two, `PROGRAM  NAME    VERSION  UPTIME  SESSIONS  CONFIGURATION              FITS
svrctl   -       0.1.0    -       -         -                          -
router   branch  0.1.0    3m12s   3         5m old                     yes
router   cloud   0.3.2    3m12s   3         30s old, stale, 1 problem  no
`],
  ["version -o wide", one, `PROGRAM  NAME    VERSION  UPTIME  SESSIONS  CONFIGURATION  FITS  SHARDS  PROTECTION   BOOT  ADOPTED  CONFIGURATION HASH
svrctl   -       0.1.0    -       -         -              -     -       -            -     -        -
router   branch  0.1.0    3m12s   3         5m old         yes   2       libipsec-mb  b1    no       0123456789abcdef
`],
])("svrctl %s", async (words, world, out) => {
  expect(await runCli(words, world)).toMatchObject({ exit: 0, out });
});

test("alarms: worst first, with the routers that have them and their certificates; exit 3", async () => {
  const alarm = (severity: string, name: string): object => ({ severity, name, object: "peer west", text: `${name} is wrong` });
  const certificate = { subject: "urn:svr:router:branch", serial: "0a1b", notAfter: "2026-02-01T00:00:00.000Z" };
  const branch = { [self]: statusBody("branch", { alarms: [alarm("minor", "certificate-ends"), alarm("critical", "certificate-refused")], certificate }) };
  expect(await runCli("alarms", { sockets: { [socketOf("branch")]: branch } })).toMatchObject({ exit: 3, out: `SEVERITY  ALARM                OBJECT     WHAT
critical  certificate-refused  peer west  certificate-refused is wrong
minor     certificate-ends     peer west  certificate-ends is wrong

ROUTER  CERTIFICATE  UNTIL
branch  0a1b         2026-02-01T00:00:00.000Z
` });
  const both = await runCli("alarms", { sockets: { [socketOf("branch")]: branch, [socketOf("cloud")]: { [self]: statusBody("cloud") } } });
  expect([both.exit, both.out.split("\n")[0]]).toEqual([3, "ROUTER  SEVERITY  ALARM                OBJECT     WHAT"]);
  expect(await runCli("alarms", { sockets: { [socketOf("cloud")]: { [self]: statusBody("cloud") } } })).toMatchObject({ exit: 0, out: "no alarms\n" });
  expect(JSON.parse((await runCli("alarms -o json", { sockets: { [socketOf("branch")]: branch } })).out)).toMatchObject({ items: [{ router: "branch", severity: "critical" }, { severity: "minor" }], routers: [{ name: "branch", certificate }] });
});

test("colour repeats an alarm", async () => {
  expect((await runCli("tables", { ...one, colour: true })).out).toContain("\u001b[31myes\u001b[0m\n");
  expect((await runCli("tables --no-color", { ...one, colour: true })).out).not.toContain("\u001b");
});

test("a narrow terminal folds the table, and every line fits", async () => {
  const { out } = await runCli("peers -o wide", { ...one, columns: 60 });
  expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(out).toContain("24576");
});

test("version tells the problems of each router's configuration to people, the first twenty", async () => {
  expect((await runCli("version", two)).err).toContain("note: router cloud: x\n");
  const many = Array.from({ length: 22 }, (_, index) => `\u001bp${index}`);
  const body = statusBody("cloud", { configuration: { hash: "ffff", appliedAt: "2026-01-01T00:09:30.000Z", stale: true, problems: many } });
  const { err } = await runCli("version", { sockets: { [socketOf("cloud")]: { [self]: body, ...answers } } });
  expect(err.split("\n").filter((line) => line !== "")).toEqual([...many.slice(0, 20).map((_, index) => `note: router cloud: \\u{1b}p${index}`), "note: router cloud: 2 more problems; all with -o json"]);
});

test("nothing dropped is said in words", async () => {
  const quiet = { body: { ...counters.body, drops: { access: 0 }, peerDrops: {} } };
  const { out } = await runCli("counters", { sockets: { [socketOf("branch")]: { [self]: statusBody("branch"), [`${self}/counters`]: quiet } } });
  expect(out).toMatch(/^no packet dropped\n\nINTERFACE/);
});

test.each([
  ["counters", [{ ...counters.body, router: "branch" }]],
  ["tables", tables.body.map((table) => ({ ...table, router: "branch" }))],
  ["peers", peers.body.map((peer) => ({ ...peer, router: "branch" }))],
])("svrctl %s -o json and yaml hold the items with their router", async (words, items) => {
  const [json, yaml] = [await runCli(`${words} -o json`, one), await runCli(`${words} -o yaml`, one)];
  expect([json, yaml].map(({ exit, err }) => ({ exit, err }))).toEqual([{ exit: 0, err: "" }, { exit: 0, err: "" }]);
  expect(JSON.parse(json.out)).toEqual({ items });
  expect(parse(yaml.out)).toEqual({ items });
});

test("fields of a newer router pass through to json", async () => {
  const newer = { body: [{ name: "sessions", entries: 3, limit: 10, alarm: false, colour: "green" }] };
  const { out } = await runCli("tables -o json", { sockets: { [socketOf("branch")]: { [self]: statusBody("branch"), [`${self}/tables`]: newer } } });
  expect(JSON.parse(out)).toEqual({ items: [{ ...newer.body[0], router: "branch" }] });
});

test("version without a router answers for itself; a router that was named must answer", async () => {
  const alone = await runCli("version -o json");
  expect(alone).toMatchObject({ exit: 0, err: "note: cannot choose a router: there is no admin socket below /state\n" });
  expect(JSON.parse(alone.out)).toEqual({ client: { version: "0.1.0" }, routers: [] });
  expect(await runCli("version --router branch")).toMatchObject({ exit: 6 });
});
