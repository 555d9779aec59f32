// Services that name a policy, as they come, change and go.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { resourceOf } from "../api/resources.ts";
import { followUsers } from "./users.ts";

test("each policy has as many users as Services of its namespace name it; a change is told of the policies that it concerns", async () => {
  const kube = new MemoryKube(), service = resourceOf("Service"), told: string[] = [];
  const put = async (name: string, spec: object): Promise<unknown> => kube.apply(service, { apiVersion: "opensvr.io/v1alpha1", kind: "Service", metadata: { name, namespace: "d" }, spec }, { manager: "svrctl" });
  await put("a", { servicePolicyRef: { name: "gold" }, securityPolicyRef: { name: "gold" } });
  const users = followUsers(kube.follow(service), (policy) => { told.push(policy); });
  const counts = (): number[] => ["ServicePolicy d/gold", "SecurityPolicy d/gold", "ServicePolicy d/silver", "ServicePolicy other/gold"].map((policy) => users.of(policy));
  expect([counts(), told]).toEqual([[1, 1, 0, 0], []]);
  await put("b", { servicePolicyRef: { name: "gold" } });
  expect([counts(), told.splice(0)]).toEqual([[2, 1, 0, 0], ["ServicePolicy d/gold"]]);
  await put("b", { servicePolicyRef: { name: "gold" }, scope: "Public" });
  expect(told).toEqual([]);
  await put("b", { servicePolicyRef: { name: "silver" } });
  expect([counts(), told.splice(0)]).toEqual([[1, 1, 1, 0], ["ServicePolicy d/gold", "ServicePolicy d/silver"]]);
  for (const name of ["a", "b"]) await kube.remove(service, { name, namespace: "d" });
  expect(counts()).toEqual([0, 0, 0, 0]);
  users.stop();
});
