// How many Services name each policy, as they are written. Follows the Services; called by statuses.ts. A policy of which the number
// changed is to be looked at again.
import type { KubeObject, KubeStore } from "../ports/kube.ts";

/** Users counts Services by the compiler's name of a policy. */
export interface Users { of(policy: string): number; stop(): void }

/** followUsers counts what the store has, and follows it. */
export function followUsers(services: KubeStore, changed: (policy: string) => void): Users {
  const counts = new Map<string, number>();
  const add = (policy: string, by: number): void => {
    const count = (counts.get(policy) ?? 0) + by;
    if (count === 0) counts.delete(policy);
    else counts.set(policy, count);
  };
  for (const object of services.list()) for (const policy of policiesOf(object)) add(policy, 1);
  const watch = services.watch(({ before, after }) => {
    const [old, now] = [policiesOf(before), policiesOf(after)];
    for (const policy of old.filter((one) => !now.includes(one))) {
      add(policy, -1);
      changed(policy);
    }
    for (const policy of now.filter((one) => !old.includes(one))) {
      add(policy, 1);
      changed(policy);
    }
  });
  return { of: (policy) => counts.get(policy) ?? 0, stop() { watch.stop(); } };
}

interface ServiceSpec { servicePolicyRef?: { name?: string }; securityPolicyRef?: { name?: string } }

function policiesOf(object: KubeObject | undefined): string[] {
  if (object === undefined) return [];
  const { servicePolicyRef, securityPolicyRef } = (object["spec"] ?? {}) as ServiceSpec;
  const { namespace = "" } = object.metadata;
  return [["ServicePolicy", servicePolicyRef?.name] as const, ["SecurityPolicy", securityPolicyRef?.name] as const].flatMap(([kind, name]) => (name === undefined ? [] : [`${kind} ${namespace}/${name}`]));
}
