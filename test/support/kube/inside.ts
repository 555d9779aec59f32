// The API server for processes in network namespaces of tests: each namespace has a relay on its loopback, which goes out through a
// Unix socket, so that no packet of the API server crosses the topology. Used by tests with routers as processes.
import { connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { Fabric } from "../router.ts";
import { waitFor } from "../wait.ts";
import { slow } from "./patience.ts";
import type { Kube } from "./server.ts";

const PORT = 6443;
const relay = "const net = require('node:net'); net.createServer((one) => { const two = net.connect(process.argv[1]); one.pipe(two).pipe(one); for (const end of [one, two]) end.on('error', () => { one.destroy(); two.destroy(); }); }).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('up'));";

/** reachFromRouters makes every router of a fabric take its configuration from the API server; the result ends that. */
export async function reachFromRouters(kube: Kube, fabric: Fabric): Promise<() => Promise<void>> {
  const path = join(fabric.net.folder, "api.sock");
  const server = createServer((one) => {
    const two = connect(kube.port, "127.0.0.1");
    for (const end of [one, two]) end.on("error", () => { one.destroy(); two.destroy(); });
    one.pipe(two).pipe(one);
  });
  await new Promise<void>((resolve) => { server.listen(path, resolve); });
  const { users } = JSON.parse(kube.kubectl(["config", "view", "--raw", "-o", "json"])) as { users: { user: { token: string } }[] };
  const kubeconfig = kube.configFor("inside", { url: `https://127.0.0.1:${PORT}`, token: users[0]?.user.token ?? "" });
  for (const router of fabric.routers) {
    const inside = fabric.net.start(router.name, [process.execPath, "-e", relay, path, String(PORT)]);
    await waitFor("the relay listens", () => inside.lines.includes("up"), slow);
    router.from = ["--kube", "--kubeconfig", kubeconfig, "--key-dir", router.config.folder];
  }
  return () => new Promise((resolve) => { server.close(() => { resolve(); }); });
}
