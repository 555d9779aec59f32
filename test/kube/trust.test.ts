// Routers of a cluster that know each other by certificate: whom they believe, and what counts no more, is told to all of them by the operator,
// and no Router says anything of it.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
//
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createAuthority, writeIdentity } from "../support/ca.ts";
import type { Issued } from "../support/ca.ts";
import { conditionOf, itemOf, operatorNamespace as namespace } from "../support/kube/operator.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { openClusterRouters } from "../support/kube/routers.ts";
import type { ClusterRouters } from "../support/kube/routers.ts";
import { describeNet } from "../support/probe.ts";
import { openSite } from "../support/site.ts";
import { pair } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";

const ca = await createAuthority();
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describeNet("trust in a cluster", () => {
  let cluster: ClusterRouters;
  const own: Record<string, Issued> = {};
  const give = async (name: string, stateDir: string): Promise<void> => {
    own[name] = await ca.issue(name);
    writeIdentity(stateDir, own[name], []);
    rmSync(join(stateDir, "identity", "authorities.pem"));
  };
  const becomes = async (router: string, state: string, deadlineMs = slow.deadlineMs): Promise<void> => {
    const one = cluster.fabric.router(router);
    let last = "";
    const look = async (): Promise<boolean> => {
      const [peer] = await one.peers();
      last = `${peer?.state ?? ""} ${peer?.reason ?? ""}`.trim();
      return last === state;
    };
    await waitFor(`${router} says ${state} of its peer`, look, { deadlineMs, everyMs: 200, show: () => `${last}\n${one.process.lines.slice(-4).join("\n")}\n${cluster.operator.lines.slice(-4).join("\n")}` });
  };
  /** Condition Certified of its Router. */
  const tells = async (router: string, words: RegExp): Promise<void> => {
    const told = (): string => conditionOf(itemOf(cluster.kube, "routers.opensvr.io", router), "Certified");
    await waitFor(`Router ${router} tells ${String(words)}`, () => words.test(told()), { ...slow, show: told });
  };
  const revoke = (data: Record<string, string | null>): void => { cluster.kube.kubectl(["patch", "configmap", "opensvr-revoked", "-n", namespace, "--type=merge", "-p", JSON.stringify({ data })]); };

  beforeAll(async () => {
    const routers = { r1: { peers: { r2: { psk: undefined } } }, r2: { peers: { r1: { psk: undefined } } } };
    cluster = await openClusterRouters(pair, openSite({ routers }), {}, {
      args: ["--sign-routers"],
      async before(kube, fabric) {
        const data = { "tls.crt": base64(ca.signer.certificate), "tls.key": base64(ca.signer.key) };
        kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata: { name: "opensvr-authority", namespace }, data }));
        for (const { name, stateDir } of fabric.routers) await give(name, stateDir);
      },
    });
  }, testMs);
  afterAll(async () => { await cluster.close(); }, testMs);

  test("peers believe each other by the authority of the cluster alone, and sessions work", async () => {
    await cluster.allAcked();
    for (const router of cluster.names) await becomes(router, "up");
    await cluster.talks(2000);
    for (const router of cluster.names) await tells(router, new RegExp(`^True CertificateInUse: certificate ${own[router]?.serial} until `));
  }, testMs);

  test("1.5 a serial number that is named once counts no more at any router within 60 s; one that is none is told of and hides no other", async () => {
    const serial = own["r2"]?.serial ?? "";
    cluster.kube.kubectl(["create", "configmap", "opensvr-revoked", "-n", namespace, "--from-literal=not-a-serial=mistake", `--from-literal=${serial.toUpperCase()}=stolen`]);
    await becomes("r1", "down its certificate is revoked", 60_000);
    await tells("r2", /^False CertificateRevoked: /);
    const alarms = async (): Promise<readonly { severity: string; name: string }[]> => (await cluster.fabric.router("r2").status()).alarms ?? [];
    await waitFor("r2 raises the alarm", async () => (await alarms()).some(({ severity, name }) => severity === "critical" && name === "certificate-revoked"), slow); // its configuration may come after that of r1
    await waitFor("its sessions end", async () => (await cluster.fabric.router("r1").live()).length === 0, slow);
    const events = (): string => cluster.kube.kubectl(["get", "events.events.k8s.io", "-n", namespace, "-o", "jsonpath={range .items[*]}{.reason}: {.note}{\"\\n\"}{end}"]);
    await waitFor("an event tells", () => events().includes('NotASerialNumber: "not-a-serial" is no serial number'), { ...slow, show: events });
    await give("r2", cluster.fabric.router("r2").stateDir);
    for (const router of cluster.names) await becomes(router, "up");
    await tells("r2", new RegExp(`^True CertificateInUse: certificate ${own["r2"]?.serial} until `));
    await cluster.talks(2001);
  }, testMs);

  test("what is revoked stays so when the authority is spoilt, and counts again when its line is taken out", async () => {
    const good = JSON.parse(cluster.kube.kubectl(["get", "secret", "opensvr-authority", "-n", namespace, "-o", "json"])) as { data: object };
    const authority = (data: object): void => { cluster.kube.kubectl(["patch", "secret", "opensvr-authority", "-n", namespace, "--type=merge", "-p", JSON.stringify({ data })]); };
    const serial = own["r1"]?.serial ?? "";
    authority({ "tls.crt": base64("no certificate") });
    await cluster.operator.line(/the authority cannot be used; routers believe whom they believed/, slow);
    revoke({ [serial]: "lost" });
    await becomes("r2", "down its certificate is revoked");
    authority(good.data);
    revoke({ [serial]: null });
    await becomes("r2", "up");
  }, testMs);
});
