// Sets the demo's stage: network, keys, captures, three router processes; and takes it down. Called by main.ts. Everything
// lives in a run folder of test/support, so that nothing is left, and what a killed run left is swept by the next one.
import { randomBytes } from "node:crypto";
import { startCapture } from "../../test/support/capture.ts";
import type { Capture } from "../../test/support/capture.ts";
import { openNet } from "../../test/support/net.ts";
import type { Net } from "../../test/support/net.ts";
import { Router } from "../../test/support/router.ts";
import { sweepAll } from "../../test/support/sweep.ts";
import { waitFor } from "../../test/support/wait.ts";
import { createKeys, routerNames, writeExample } from "./example.ts";
import type { Keys, RouterName } from "./example.ts";
import { giveIdentities, neighboursOf } from "./identities.ts";
import { capturePoints, topology } from "./topology.ts";
import type { CapturePoint } from "./topology.ts";

/** Say prints one line of progress. */
export type Say = (text: string) => void;

/** Scene is the running network. */
export interface Scene {
  net: Net;
  /** pre-shared keys, by link; undefined when routers know each other by certificate */
  psk: Keys | undefined;
  routers: Record<RouterName, Router>;
  captures: { point: CapturePoint; capture: Capture }[];
  say: Say;
}

/** openStage builds the namespaces; from here on closing the net takes everything down. */
export async function openStage(say: Say): Promise<Net> {
  const swept = await sweepAll();
  if (swept.length > 0) say(`swept what an interrupted run left: ${swept.join(", ")}`);
  const net = await openNet(topology);
  say(`built ${Object.keys(topology.nodes).length} network namespaces, named ${net.run.prefix}-*: hosts, routers, and kernel routers to compare with`);
  return net;
}

const HOST_BUFFER = 262_144; // bytes: a slow download shall be on the wire, not in the receive buffer of its host

/** openScene starts captures, then routers: no packet of a session is before the captures. */
export async function openScene(net: Net, say: Say, isPsk: boolean): Promise<Scene> {
  const [branch, transit, cloud] = routerNames.map((name) => new Router(net, name)) as [Router, Router, Router];
  const psk = isPsk ? createKeys((count) => new Uint8Array(randomBytes(count))) : undefined;
  for (const router of [branch, transit, cloud]) writeExample(router.config.folder, psk);
  if (psk === undefined) await giveIdentities(net, [branch, transit, cloud]);
  say(`each router has a copy of deploy/examples/three-routers and ${psk === undefined ? "a certificate of an authority made for this run" : "fresh pre-shared keys"}`);
  const captures = await Promise.all(capturePoints.map(async (point) => ({ point, capture: await startCapture(net, point.node, point.device) })));
  say(`capturing ${capturePoints.map((point) => `${point.node}/${point.device}`).join(", ")} in full length`);
  await Promise.all([branch, transit, cloud].map((router) => router.start()));
  await Promise.all([branch, transit, cloud].map(awaitPeers));
  for (const host of ["engineering", "finance"]) await net.must(host, "sysctl", "-q", "-w", `net.ipv4.tcp_rmem=4096 131072 ${HOST_BUFFER}`);
  say("started three cmd/router processes; their programs are attached, and they have keys of each other");
  return { net, psk, routers: { branch, transit, cloud }, captures, say };
}

const KEYS_MS = 20_000;

async function awaitPeers(router: Router): Promise<void> {
  const neighbours = neighboursOf(router.name).length;
  await waitFor(`router ${router.name} and its neighbours have keys of each other`, async () => (await router.peers()).filter(({ state }) => state === "up").length === neighbours, { deadlineMs: KEYS_MS });
}
