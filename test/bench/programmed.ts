// How long an edit takes until live routers have it: from the request to the time in the acknowledgement of the later one of two router
// processes, which follow their heads on a real API server with the operator between.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        r1, r2 --relay-- kube-apiserver
import { startOperator } from "../support/kube/operator.ts";
import { ApiRelay, insideAddress, insidePort } from "../support/kube/relay.ts";
import { openNet } from "../support/net.ts";
import type { TestProcess } from "../support/process.ts";
import { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { pair } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";
import { openFleet } from "./fleet.ts";
import type { Fleet } from "./fleet.ts";
import { quantile, valuesOf, whole } from "./measure.ts";
import type { Measure, Outcome, Sample } from "./measure.ts";

const EDITS = 120, SMOKE_EDITS = 5, START_MS = 60_000, EDIT_MS = 30_000, LOOK_MS = 5, STOP_MS = 15_000;
const TARGET_MS = 2_000, P99 = 0.99;
const SPACE = "test", SERVICE = "east"; // of test/support/site.ts
const NAMES = ["r1", "r2"];

interface Ack { wanted: string; acked: string; unixMs: number }

function ackOf({ configs }: Fleet, router: string): Ack {
  const { spec, status } = (configs.get(router) ?? {}) as { spec?: { head?: { hash?: string } }; status?: { acked?: { hash?: string; time?: string } } };
  return { wanted: spec?.head?.hash ?? "", acked: status?.acked?.hash ?? "", unixMs: Date.parse(status?.acked?.time ?? "") };
}

/** Waits until both routers have other heads than before, and have programmed them. */
async function programmedAfter(fleet: Fleet, before: readonly Ack[], deadlineMs: number): Promise<Ack[]> {
  const look = (): Ack[] | undefined => {
    const now = NAMES.map((name) => ackOf(fleet, name));
    return now.every(({ wanted, acked }, index) => wanted !== "" && wanted === acked && wanted !== before[index]?.wanted) ? now : undefined;
  };
  return waitFor("both routers have programmed their heads", look, { deadlineMs, everyMs: LOOK_MS, show: () => JSON.stringify(NAMES.map((name) => ackOf(fleet, name))) });
}

async function readEdits(fleet: Fleet, fabric: Fabric, edits: number): Promise<Sample[]> {
  let now = await programmedAfter(fleet, [], START_MS);
  const samples: Sample[] = [];
  for (let round = 0; round < edits; round += 1) {
    const object = fabric.object("Service", SERVICE, { transports: [{ protocol: "TCP", ports: [10_000 + round] }, { protocol: "UDP" }] });
    const started = Date.now(); // the routers' acknowledgements have no other clock
    await fleet.apply({ ...object });
    now = await programmedAfter(fleet, now, EDIT_MS);
    samples.push({ variant: "edit", round, values: { ms: Math.max(...now.map(({ unixMs }) => unixMs)) - started } });
  }
  return samples;
}

async function startRouters(fleet: Fleet, fabric: Fabric, relay: ApiRelay): Promise<void> {
  const { kube } = fleet;
  const token = (JSON.parse(kube.kubectl(["config", "view", "--raw", "-o", "json"])) as { users: { user: { token: string } }[] }).users[0]?.user.token ?? "";
  const kubeconfig = kube.configFor("inside", { url: `https://${insideAddress}:${insidePort}`, token });
  const items = fabric.objects.map((one) => (one.kind === "Tenant" ? { ...one, spec: { ...one.spec, serviceNamespaces: { names: [SPACE] } } } : one));
  kube.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await relay.connect();
  for (const router of fabric.routers) {
    await relay.enter(router.name);
    router.from = ["--kube", "--kubeconfig", kubeconfig, "--key-dir", router.config.folder];
  }
  await Promise.all(fabric.routers.map((router) => router.start()));
}

/** programmed is the measure from the request to the routers' acknowledgements. */
export const programmed: Measure = {
  name: "programmed", title: "From apply to programmed on live routers",
  method: "kube-apiserver, etcd, the operator, two router processes and this bench on the same CPUs, two Services. Each edit changes the transports of a Service that both routers use; the time is that in the acknowledgement of the later router, less that at which the request was sent.",
  rounds: EDITS,
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const fleet = await openFleet([SPACE]);
    let operator: TestProcess | undefined, fabric: Fabric | undefined, relay: ApiRelay | undefined;
    try {
      fabric = new Fabric(await openNet(pair), openSite());
      relay = new ApiRelay(fleet.kube, fabric.net);
      operator = await startOperator(fleet.kube, { args: ["--no-default-class"] });
      await startRouters(fleet, fabric, relay);
      const samples = await readEdits(fleet, fabric, smoke ? SMOKE_EDITS : rounds);
      const times = valuesOf(samples, "edit", "ms"), high = quantile(times, P99);
      say(`${times.join(" ")} ms`);
      return { samples, rows: [{ what: `${times.length} edits of a Service`, value: `median ${whole(quantile(times, 1 / 2))} ms, p99 ${whole(high)} ms`, against: `at most ${whole(Math.max(...times))} ms`, target: `p99 <= ${whole(TARGET_MS)} ms`, reached: high <= TARGET_MS }] };
    } finally {
      await operator?.stop(STOP_MS);
      await relay?.cut();
      await fabric?.close();
      await fleet.close();
    }
  },
};
