// `svrctl why` on the example of three routers, from a directory and from routers that answer with their configuration.
import { parse } from "yaml";
import { parseThree, threeFiles } from "../../test/support/config/three.ts";
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CannedReply, CannedRouters } from "../../test/support/cli.ts";
import { compile } from "../plan/compile.ts";

const files = Object.fromEntries(threeFiles().map(({ path, text }) => [path, text]));
const offline = { files };
const compiled = compile(parseThree()).routers;
const question = "why --tenant engineering.acme --proto tcp --to 10.9.0.10:443";
const denied = "why --tenant finance.acme --proto tcp --to 10.9.0.10:22";

function running(...names: string[]): CannedRouters {
  return Object.fromEntries(names.map((name) => [socketOf(name), { [self]: statusBody(name), [`${self}/configuration`]: { body: JSON.parse(JSON.stringify(compiled.get(name))) as object } }]));
}

const allowedText = `router   branch
asked    tcp to 10.9.0.10:443
tenant   engineering.acme
service  shop/web
answer   allow

STEP      OK   WHY                                                                OBJECT                        FIELD
tenant    yes  engineering.acme, as asked                                         Tenant engineering.acme       metadata.name
service   yes  shop/web by 10.9.0.10/32, TCP, port 443                            Service shop/web              spec.transports[0].ports[1]
access    yes  shop/web admits engineering.acme, as a child of acme               Service shop/web              spec.access[0]
route     yes  to peer transit by path transit/v4, cost 1, first of 2 candidates  ServiceRoute shop/web-branch  spec.peer.peer
security  yes  what hosts say crosses as it is                                    Service shop/web              metadata.name
nat       yes  addresses and ports become waypoints, 192.0.2.1 to 192.0.2.2       ServiceRoute shop/web-branch  spec.peer.peer
`;

test("an allowed connection, by a directory and by the running router alike", async () => {
  const byDirectory = await runCli(`${question} --config-dir three --router branch`, offline);
  const byRouter = await runCli(`${question} --router branch`, { sockets: running("branch") });
  expect(byDirectory).toMatchObject({ exit: 0, err: "", out: allowedText });
  expect(byRouter).toMatchObject({ exit: 0, err: "", out: allowedText });
});

test("a refused connection ends with 3 and the object that refuses", async () => {
  expect(await runCli(denied, { sockets: running("branch") })).toMatchObject({ exit: 3, err: "", out: `router   branch
asked    tcp to 10.9.0.10:22
tenant   finance.acme
service  shop/admin
answer   deny, access: a deny entry, or a service without access policy

STEP     OK   WHY                                       OBJECT               FIELD
tenant   yes  finance.acme, as asked                    Tenant finance.acme  metadata.name
service  yes  shop/admin by 10.9.0.10/32, TCP, port 22  Service shop/admin   spec.transports[0].ports[0]
access   no   shop/admin denies finance.acme            Service shop/admin   spec.access[1]
` });
});

test("a refusal comes with the one change that would allow it, where the objects are at hand", async () => {
  const change = { object: "Service shop/admin", op: "add", field: "transports[0].ports", value: 99, text: "add 99 to spec.transports[0].ports of Service shop/admin", contradicts: [] };
  const refused = "why --tenant engineering.acme --proto tcp --to 10.9.0.10:99";
  const byDirectory = await runCli(`${refused} --config-dir three --router branch`, offline);
  expect(byDirectory.out).toContain(`would allow  ${change.text}\n`);
  const sockets = running("branch");
  const branch = sockets[socketOf("branch")] as Record<string, CannedReply>;
  branch[`${self}/objects`] = { body: parseThree().objects.map(({ object }) => object) };
  const { out } = await runCli(`${refused} --router branch -o json`, { sockets });
  expect(JSON.parse(out)).toMatchObject({ items: [{ allow: false, change }] });
  expect((await runCli(`${denied} --router branch`, { sockets })).out).toContain(`would allow  set spec.access[1].permission of Service shop/admin to "Allow"
against      spec.tests[0] of Service shop/admin, which expects the refusal
`);
});

test("json and yaml hold the question and the steps", async () => {
  const data = {
    question: { tenant: "finance.acme", protocol: 6, to: "10.9.0.10", port: 22 },
    items: [{
      router: "branch", allow: false, reason: "access", tenant: "finance.acme", service: "shop/admin",
      steps: [expect.objectContaining({ stage: "tenant", ok: true }), expect.objectContaining({ stage: "service", ok: true }), expect.objectContaining({ stage: "access", ok: false, origin: { object: "Service shop/admin", field: "spec.access[1]" } })],
    }],
  };
  const [json, yaml] = [await runCli(`${denied} -o json`, { sockets: running("branch") }), await runCli(`${denied} -o yaml`, { sockets: running("branch") })];
  expect([json.exit, yaml.exit]).toEqual([3, 3]);
  expect(JSON.parse(json.out)).toEqual(data);
  expect(parse(yaml.out)).toEqual(data);
});

test("ICMP to an IPv6 address is ICMPv6, and a source gives the tenant", async () => {
  const { exit, out } = await runCli("why --from fd00:1::5 --proto icmp --to fd00:9::10 -o json --config-dir three --router branch", offline);
  expect({ exit, question: (JSON.parse(out) as { question: object }).question }).toEqual({ exit: 2, question: { from: "fd00:1::5", protocol: 58, to: "fd00:9::10", port: 0 } });
});

test("a source that two tenants have is no answer: the question does not say enough", async () => {
  const { exit, out, err } = await runCli("why --from 10.1.0.10 --proto tcp --to 10.9.0.10:443 --config-dir three --router branch", offline);
  expect(exit).toBe(2);
  expect(out).toContain("answer  unknown: the question does not say enough");
  expect(err).toContain("10.1.0.10 is engineering.acme at lan-eng, finance.acme at lan-fin: ask for one tenant");
});

test("every named router answers; one no is enough for exit 3", async () => {
  const { exit, out } = await runCli(`${question} --router branch --router cloud -o json`, { sockets: running("branch", "cloud") });
  const both = JSON.parse(out) as { items: { router: string; allow: boolean }[] };
  expect({ exit, answers: both.items.map(({ router, allow }) => ({ router, allow })) }).toEqual({ exit: 0, answers: [{ router: "branch", allow: true }, { router: "cloud", allow: true }] });
  expect(await runCli(`${denied} --router branch --router cloud`, { sockets: running("branch", "cloud") })).toMatchObject({ exit: 3 });
});

test("of several routers on a machine one has to be named", async () => {
  const { exit, out, err } = await runCli(question, { sockets: running("branch", "cloud") });
  expect({ exit, out }).toEqual({ exit: 2, out: "" });
  expect(err).toContain("several routers run here: --socket /state/branch/admin.sock, --socket /state/cloud/admin.sock");
});

test("a router of another format is refused, not misread", async () => {
  const sockets = { [socketOf("branch")]: { [self]: statusBody("branch"), [`${self}/configuration`]: { body: { ...compiled.get("branch"), format: 2 } } } };
  const { exit, out, err } = await runCli(question, { sockets });
  expect({ exit, out }).toEqual({ exit: 1, out: "" });
  expect(err).toContain("SVR_ADMIN_ANSWER: cannot read the configuration of router branch: format is not what the admin API answers");
});

test.each([
  ["--router brnch", 4, 'SVR_NOT_FOUND: cannot explain by three: it has no valid Router "brnch"; did you mean "branch"?'],
  ["--router somewhere", 4, "there are: branch, cloud, transit"],
])("a directory of three routers and '%s'", async (option, exit, words) => {
  const outcome = await runCli(`${question} --config-dir three ${option}`, offline);
  expect(outcome).toMatchObject({ exit, out: "" });
  expect(outcome.err).toContain(words);
});

test.each([
  ["the router where the hosts of a tenant are", question, ["branch"], ""],
  ["the router that has the source on link", "why --from 10.9.0.77 --proto tcp --to 10.9.0.10:443", ["cloud"], ""],
  ["the routers with a route, where no hosts are known", "why --tenant acme --proto tcp --to 10.9.0.10:443", ["branch", "cloud", "transit"], "note: no router is known to have its hosts: answered for routers with a route to the service\n"],
  ["every router, where no service has the address", "why --tenant acme --proto tcp --to 203.0.113.77:443", ["branch", "cloud", "transit"], "note: no router is known to have its hosts, or a route to a service with the address\n"],
])("of a directory answers %s", async (_which, words, routers, err) => {
  const outcome = await runCli(`${words} --config-dir three -o name`, offline);
  expect({ out: outcome.out, err: outcome.err }).toEqual({ out: routers.map((name) => `${name}\n`).join(""), err });
});

test("a directory without router, and one that cannot be read", async () => {
  expect(await runCli(`${question} --config-dir conf`, { files: { "t.yaml": "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: acme }\n" } })).toMatchObject({ exit: 4, out: "" });
  expect(await runCli(`${question} --config-dir conf`, { folderTrouble: "EACCES" })).toMatchObject({ exit: 5, out: "" });
});

test("errors of the directory are told beside the answer", async () => {
  const { exit, err } = await runCli(`${question} --config-dir three --router branch`, { files: { ...files, "broken.yaml": "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { nam: x }\n" } });
  expect({ exit, err }).toEqual({ exit: 0, err: 'note: the configuration has errors, see "svrctl config validate three"\n' });
});
