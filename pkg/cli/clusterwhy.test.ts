// `why`, `config diff` and `version` against the objects of a cluster: by the same compiler as routers, and what is left out is said.
import { parseDocuments } from "../api/document.ts";
import { parseAddress } from "../base/addresstext.ts";
import { compile } from "../plan/compile.ts";
import { explain } from "../plan/explain.ts";
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CliOutcome, CliWorld } from "../../test/support/cli.ts";
import { parseThree, threeFiles } from "../../test/support/config/three.ts";
import { readyStatus, threeCluster } from "../../test/support/kube/cluster.ts";
import type { TestCluster } from "../../test/support/kube/cluster.ts";
import { planned, routerConfigs } from "../api/resources.ts";

const three = Object.fromEntries(threeFiles().map(({ path, text }) => [path, text]));
const webIs = (spec: string, namespace = "\n  namespace: shop"): string => `apiVersion: opensvr.io/v1alpha1\nkind: Service\nmetadata:\n  name: web${namespace}\nspec: ${spec}\n`;
const noFinance = webIs('{ addresses: [10.9.0.10, "fd00:9::10"], transports: [{ protocol: TCP, ports: [80, 443, "8000-8010"] }], access: [{ tenant: engineering.acme }] }');

describe("the objects of a cluster", () => {
  let cluster: TestCluster;

  beforeEach(async () => { cluster = await threeCluster(); });

  const ask = (words: string, world: CliWorld = {}): Promise<CliOutcome> => runCli(words, { kube: cluster.kube, called: "kubectl svr", ...world });

  describe("why", () => {
    test("is answered for the routers where the hosts are, as the router would answer", async () => {
      expect((await ask("why --tenant finance.acme --proto tcp --to 10.9.0.10:443 -o name")).out).toBe("branch\n");
      const { exit, out } = await ask("why --tenant finance.acme --proto tcp --to 10.9.0.10:443 --router branch --router cloud -o json");
      const { items } = JSON.parse(out) as { items: { router: string; allow: boolean; service: string }[] };
      expect(exit).toBe(0);
      expect(items.map(({ router, allow, service }) => ({ router, allow, service }))).toEqual(["branch", "cloud"].map((router) => ({ router, allow: true, service: "shop/web" })));
      const config = compile(parseThree()).routers.get("cloud");
      const destination = parseAddress("10.9.0.10");
      if (config === undefined || destination === undefined) throw new Error("the example has no router cloud");
      const expected = explain(config, { tenant: "finance.acme", proto: 6, destination, port: 443 });
      expect(items[1]).toMatchObject({ allow: expected.allow });
    });

    test("a refusal ends with 3, with the change that would allow it", async () => {
      const { exit, out } = await ask("why --tenant finance.acme --proto tcp --to 10.9.0.10:22 --router cloud");
      expect(exit).toBe(3);
      expect(out).toContain("deny, access");
      expect(out).toMatch(/would allow +.*Service shop\/admin/);
    });

    test("a router that is not there, and what was meant", async () => {
      expect(await ask("why --tenant acme --proto tcp --to 10.9.0.10:443 --router clod")).toMatchObject({ exit: 4, out: "", err: 'SVR_NOT_FOUND: cannot explain by the objects of the cluster: there is no valid Router "clod"; did you mean "cloud"?\n' });
    });

    test("objects with errors are left out, and that is said", async () => {
      const web = await cluster.memory.get(planned.Service, { namespace: "shop", name: "web" });
      if (web === undefined) throw new Error("the example has no service web");
      await cluster.memory.apply(planned.Service, { ...web, spec: { addresses: ["10.9.0.10"], colour: "blue" } }, { manager: "svrctl" });
      const { err } = await ask("why --tenant finance.acme --proto tcp --to 10.9.0.10:443 --router cloud");
      expect(err).toContain("Service shop/web");
      expect(err).toContain('see "kubectl svr status"');
    });

    test("a tenant that does not grant the namespace is refused, as by the operator", async () => {
      const acme = await cluster.memory.get(planned.Tenant, { name: "acme" });
      if (acme === undefined) throw new Error("the example has no tenant acme");
      await cluster.memory.apply(planned.Tenant, { ...acme, spec: { members: [] } }, { manager: "svrctl" });
      const words = "why --tenant acme --proto tcp --to 10.9.0.10:443 --router cloud";
      expect((await ask(words)).exit).toBe(3);
      cluster.deny = (call) => (call === "list namespaces" ? "SVR_KUBE_DENIED" : undefined);
      expect(await ask(words)).toMatchObject({ exit: 0, err: expect.stringContaining("which tenants grant a namespace is not checked") as string });
    });

    test("routers that are behind are named", async () => {
      await cluster.memory.status(routerConfigs, { name: "cloud" }, { acked: { hash: "0".repeat(64), time: "2026-01-01T00:00:00.000Z" } });
      expect((await ask("why --tenant acme --proto tcp --to 10.9.0.10:443 --router cloud --router branch")).err).toBe('note: not programmed yet on cloud: until then they go by what they had; see "kubectl svr routers"\n');
    });

    test("of many services only the routes to those that decide are read; of many routers the first answer", async () => {
      const words = "why --tenant acme --proto tcp --to 10.9.0.10:443";
      const [few] = [await ask(`${words} --router cloud`)];
      for (let n = 0; n < 500; n += 1) await cluster.memory.create(planned.Service, { apiVersion: "opensvr.io/v1alpha1", kind: "Service", metadata: { name: `s${n}`, namespace: "shop" }, spec: { addresses: [`172.16.${n >> 8}.${n & 255}`] } });
      cluster.calls.length = 0;
      expect(await ask(`${words} --router cloud`)).toEqual({ ...few, opened: [expect.anything()] });
      expect(cluster.calls.filter((call) => call === "list serviceroutes")).toHaveLength(3);
      const cloud = await cluster.memory.get(planned.Router, { name: "cloud" });
      if (cloud === undefined) throw new Error("the example has no router cloud");
      for (let n = 0; n < 40; n += 1) await cluster.memory.create(planned.Router, { apiVersion: cloud.apiVersion, kind: "Router", metadata: { name: `r${n}` }, spec: cloud["spec"] });
      const { out, err } = await ask("why --tenant acme --proto tcp --to 203.0.113.9:443 -o name");
      expect([out.split("\n").length - 1, err]).toEqual([32, expect.stringContaining("answered for 32 of 43 routers; --router names others")]);
    });

    test("one kind that may not be read is a failure: half the objects would say something wrong", async () => {
      cluster.deny = (call) => (call === "list servicepolicies" ? "SVR_KUBE_DENIED" : undefined);
      expect(await ask("why --tenant acme --proto tcp --to 10.9.0.10:443")).toMatchObject({ exit: 5, out: "", err: expect.stringContaining("cannot read the servicepolicies of the cluster") as string });
    });

    test("a cluster without routers, and an option of a cluster beside a socket", async () => {
      for (const name of ["branch", "cloud", "transit"]) await cluster.memory.remove(planned.Router, { name });
      expect((await ask("why --tenant acme --proto tcp --to 10.9.0.10:443")).err).toContain("it has no valid Router object");
      expect(await ask("why --tenant acme --proto tcp --to 10.9.0.10:443 --socket /x --context lab")).toMatchObject({ exit: 2 });
    });

    test("a directory is explained without a cluster", async () => {
      const { exit, opened } = await ask("why --tenant finance.acme --proto tcp --to 10.9.0.10:443 --config-dir three --router cloud", { files: three });
      expect({ exit, opened }).toEqual({ exit: 0, opened: [] });
    });
  });

  describe("config diff", () => {
    test("what the cluster has already is no difference", async () => {
      expect(await ask("config diff three", { files: three })).toMatchObject({ exit: 0, err: "", out: "no object differs\n\nrouters with another configuration: none\n" });
    });

    test("an edit: fields, routers that get another configuration, and whose sessions were not looked at", async () => {
      const { exit, out } = await ask("config diff web.yaml", { files: { "web.yaml": noFinance } });
      expect(exit).toBe(0);
      expect(out).toContain('changed  Service shop/web  spec.access[0].tenant  "acme" -> "engineering.acme"\n');
      expect(out).toContain("routers with another configuration: branch, cloud, transit\n");
      expect(out).toContain("live sessions were not looked at on branch, cloud, transit: no admin socket of theirs is here");
    });

    test("a router with a socket here judges its sessions; a cut ends with 3", async () => {
      const preview = { sessions: 3, cut: 1, moved: 0, left: 2, reasons: { policy: 1 }, named: [] };
      const sockets = { [socketOf("cloud")]: { [self]: statusBody("cloud"), [`${self}/preview?limit=20`]: { body: preview } } };
      const { exit, out, asked } = await ask("config diff web.yaml -o json", { files: { "web.yaml": noFinance }, sockets });
      expect(exit).toBe(3);
      expect(JSON.parse(out)).toMatchObject({ changed: ["branch", "cloud", "transit"], routers: [{ router: "cloud", sessions: { cut: 1 } }], notAsked: ["branch", "transit"] });
      expect(asked).toContain(`${socketOf("cloud")} ${self}/preview?limit=20`);
    });

    test("an object without namespace goes to that of the context, or of -n", async () => {
      const files = { "web.yaml": webIs("{ addresses: [10.77.0.0/16] }", "") };
      expect((await ask("config diff web.yaml", { files, kubeNamespace: "shop" })).out).toContain("changed  Service shop/web");
      expect((await ask("config diff web.yaml -n lab", { files, kubeNamespace: "shop" })).out).toContain("added   Service lab/web");
    });

    test("several files; an edit that is broken is said and stays out of the routers", async () => {
      const files = { a: { "a.yaml": "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: lab }\n" }, b: { "b.yaml": webIs("{ addresses: [10.9.0.10], servicePolicyRef: { name: gone } }") } };
      const { exit, out, err } = await ask("config diff a b", { folders: files });
      expect(exit).toBe(0);
      expect(out).toContain("added    Tenant lab");
      expect(err).toMatch(/note: b\.yaml:\d+:\d+: error: Service shop\/web spec\.servicePolicyRef\.name: there is no ServicePolicy "shop\/gone"/);
    });

    test("documents that no router reads are named, and the others are looked at", async () => {
      const space = (name: string): string => `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n---\n`;
      const tenant = "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: lab }\n";
      expect(await ask("config diff a.yaml", { files: { "a.yaml": `${space("a")}${tenant}` } })).toMatchObject({ exit: 0, out: expect.stringContaining("added   Tenant lab") as string, err: "note: not looked at, because no router reads them: Namespace v1\n" });
      expect((await ask("config diff a.yaml", { files: { "a.yaml": `${["a", "b", "c", "d", "e", "f", "g"].map(space).join("")}${tenant}` } })).err).toContain("Namespace v1 and 2 more\n");
      expect(await ask("config diff a.yaml", { files: { "a.yaml": `${space("a")}a: [` } })).toMatchObject({ exit: 1, err: expect.stringContaining("a.yaml has a document that cannot be read") as string });
    });

    test("an edit of labels is none for routers", async () => {
      const files = { "acme.yaml": "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: acme, labels: { team: web } }\nspec: { serviceNamespaces: { names: [shop] } }\n" };
      expect((await ask("config diff acme.yaml", { files })).out).toBe("no object differs\n\nrouters with another configuration: none\n");
    });

    test.each([
      ["a file that is no YAML", { "a.yaml": "a: [" }, 1, "has a document that cannot be read"],
      ["no object at all", {}, 4, "no object stands in a file"],
    ])("%s", async (_name, files, exit, why) => {
      expect(await ask("config diff a", { files })).toMatchObject({ exit, out: "", err: expect.stringContaining(why) as string });
    });

    test("without rights or cluster", async () => {
      cluster.deny = () => "SVR_KUBE_DENIED";
      expect(await ask("config diff a", { files: three })).toMatchObject({ exit: 5, out: "" });
      cluster.deny = () => "SVR_KUBE_UNREACHABLE";
      expect(await ask("config diff a", { files: three })).toMatchObject({ exit: 6, out: "" });
    });
  });

  describe("version", () => {
    test("has operator and routers, and who does not fit", async () => {
      await cluster.memory.status(planned.Router, { name: "cloud" }, readyStatus({ version: "0.4.1" }));
      expect(await ask("version")).toMatchObject({ exit: 0, err: "", out: `PROGRAM     NAME                  VERSION  FITS
svrctl      -                     0.1.0    -
API server  https://cluster.test  v1.37.2  -
operator    -                     0.1.0    yes
router      branch                0.1.0    yes
router      cloud                 0.4.1    no
router      transit               0.1.0    yes
` });
    });

    test("shows itself when the cluster does not answer", async () => {
      cluster.deny = () => "SVR_KUBE_UNREACHABLE";
      const { exit, out, err } = await ask("version -o json");
      expect(exit).toBe(6);
      expect(JSON.parse(out)).toEqual({ client: { version: "0.1.0" }, routers: [], cluster: { server: "https://cluster.test", routers: [] } });
      expect(err.trimEnd().split("\n")).toHaveLength(1);
    });
  });

  test("the parser keeps where a namespace was written, flow style too", () => {
    const { objects } = parseDocuments([{ path: "a", text: webIs("{ addresses: [10.0.0.0/8] }") }, { path: "b", text: "apiVersion: opensvr.io/v1alpha1\nkind: Service\nmetadata: { name: a, namespace: shop }\nspec: { addresses: [10.0.0.0/8] }\n" }]);
    expect(objects.map(({ source }) => source?.positions.has("metadata.namespace"))).toEqual([true, true]);
  });
});
