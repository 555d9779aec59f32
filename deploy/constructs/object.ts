// One OpenSVR object as a construct, with the types that pkg/api gives its spec. Used by the other constructs and by topologies;
// development only: the product never imports deploy/.
import { ApiObject, Lazy } from "cdk8s";
import type { Construct } from "constructs";
import type { z } from "zod";
import type { Kind, kinds } from "../../pkg/api/kinds.ts";

/** SpecOf is what people may write into the spec of a kind: defaults may be left out. */
export type SpecOf<K extends Kind> = NonNullable<z.input<(typeof kinds)[K]["schema"]>["spec"]>;

/** SvrObjectProps name an object; a namespaced kind needs a namespace. */
export interface SvrObjectProps<K extends Kind> {
  kind: K;
  name: string;
  namespace?: string;
  /** a function is called when the topology is written, so that later constructs may add to it */
  spec: SpecOf<K> | (() => SpecOf<K>);
}

/** SvrObject is an object of group opensvr.io under exactly its name: nothing is derived from the place in the tree. */
export class SvrObject<K extends Kind> extends ApiObject {
  constructor(scope: Construct, id: string, { kind, name, namespace, spec }: SvrObjectProps<K>) {
    super(scope, id, {
      apiVersion: "opensvr.io/v1alpha1", kind, metadata: { name, ...(namespace !== undefined && { namespace }) },
      spec: typeof spec === "function" ? Lazy.any({ produce: spec }) as unknown : spec,
    });
  }
}
