// The operator process on a real API server: objects become RouterConfigs that are what the compiler gives, only routers that are
// concerned are written, conditions follow the acknowledgements, what is broken keeps its last good version, and another takes over.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { canonicalJson } from "../../pkg/plan/canonical.ts";
import { compile } from "../../pkg/plan/compile.ts";
import { assembleConfig } from "../../pkg/plan/pages.ts";
import { parseThree } from "../support/config/three.ts";
import { ackAs, conditionOf, contentOf, headChanges, itemOf, itemsOf, operatorNamespace, startOperator } from "../support/kube/operator.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import type { TestProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const three = join(import.meta.dirname, "../support/config/three");
const names = ["branch", "cloud", "transit"];
const slow = { deadlineMs: 20_000, everyMs: 200 };

let kube: Kube;
let operators: TestProcess[] = [];

beforeAll(async () => {
  kube = await openKube();
  kube.applyCrds();
  kube.kubectl(["create", "namespace", operatorNamespace]);
  for (const namespace of new Set(parseThree().objects.flatMap(({ object }) => ("namespace" in object.metadata ? [object.metadata.namespace] : [])))) {
    if (namespace !== "default") kube.kubectl(["create", "namespace", namespace]);
  }
  kube.kubectl(["apply", "-f", three]);
  operators = [await startOperator(kube)];
}, 120_000);
afterAll(async () => {
  for (const one of operators) await one.stop(15_000);
  await kube.close();
}, 60_000);


test("each router's head and pages are what the compiler gives for the same objects", async () => {
  const { routers } = compile({ objects: parseThree().objects });
  for (const name of names) {
    const head = await headChanges(kube, name, undefined);
    const back = assembleConfig({ ...head, format: 1 }, (page) => contentOf(kube, page), sha256);
    expect(back.ok ? canonicalJson(back.value) : back.error).toBe(canonicalJson(routers.get(name)));
  }
}, 60_000);

test("conditions: pending until every router has acknowledged, then true, and kubectl can wait for it", async () => {
  await waitFor("all Routers wait", () => names.every((name) => conditionOf(itemOf(kube, "routers.opensvr.io", name), "Programmed").startsWith("False Pending")), slow);
  for (const name of names) ackAs(kube, name);
  kube.kubectl(["wait", "--for=condition=Ready", "--timeout=20s", "routers.opensvr.io", "--all"]);
  kube.kubectl(["wait", "--for=condition=Ready", "--timeout=20s", "tenants.opensvr.io", "--all"]);
  for (const item of itemsOf(kube, "services.opensvr.io")) expect(item.status).toMatchObject({ observedGeneration: item.metadata.generation });
}, 90_000);
