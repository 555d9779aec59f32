// The test bed itself: a real API server starts, answers kubectl, survives a kill of its process, and leaves nothing.
import { leftovers } from "../support/run.ts";
import { openKube } from "../support/kube/server.ts";
import { kubernetesVersion } from "../support/kube/binaries.ts";

test("an API server starts, keeps its objects over a kill, and leaves nothing", async () => {
  const kube = await openKube({ controllers: true });
  try {
    expect(JSON.parse(kube.kubectl(["version", "-o", "json"]))).toMatchObject({ serverVersion: { gitVersion: `v${kubernetesVersion()}` } });
    kube.kubectl(["create", "namespace", "shop"]);
    kube.kubectl(["create", "serviceaccount", "web", "-n", "shop"]);
    const web = kube.configFor("web", { token: kube.token("shop", "web") });
    expect(kube.tryKubectl(["get", "pods", "-n", "shop"], "", web)).toMatchObject({ status: 1, err: expect.stringContaining("forbidden") as string });
    kube.kubectl(["create", "namespace", "gone"]);
    kube.kubectl(["delete", "namespace", "gone", "--timeout=60s"]); // needs the controllers
    await kube.stopApi("SIGKILL");
    await kube.startApi();
    expect(kube.kubectl(["get", "serviceaccount", "-n", "shop", "-o", "name"])).toContain("serviceaccount/web");
  } finally {
    await kube.close();
  }
  expect(leftovers(kube.run)).toEqual([]);
}, 300_000);
