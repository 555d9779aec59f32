// Kind RouterClass: a template for routers that run as pods of a DaemonSet, one on each node that it selects. Cluster scope; the
// operator makes a Router object for each of them. Fields only.
import { z } from "zod";
import { clusterKind } from "./envelope.ts";
import { choiceField, countField, deviceField, keyedField, labelKeyField, labelsField, labelValueField, listField, patternField, switchField, textField } from "./fields.ts";
import { nameField, namespaceField, wordField } from "./names.ts";
import { mtuField } from "./network.ts";
import { ruled } from "./rules.ts";
import type { Rule } from "./rules.ts";

const multusField = z.strictObject({
  name: nameField.meta({ description: "NetworkAttachmentDefinition.", examples: ["wan"] }),
  namespace: namespaceField.optional().meta({ description: "Its namespace. Default: that of the router pods.", examples: ["networks"] }),
}).meta({ description: "A network of Multus." });

const sriovField = z.strictObject({
  resource: patternField({ description: "Resource of the device plugin, which the pod requests once.", example: "intel.com/wan_vfs", max: 253, pattern: /^[a-z0-9.-]+\/[A-Za-z0-9_.]+$/, what: "a resource name: prefix/name without hyphen in the name" }),
  network: multusField.meta({ description: "NetworkAttachmentDefinition that names the resource." }),
}).meta({ description: "A virtual function of an SR-IOV card, given by its device plugin." });

const hostField = z.strictObject({
  device: deviceField({ description: "Network card of the node, by its device name; the pod is in the network of the node then.", example: "eth1" }),
}).meta({ description: "A network card of the node." });

const sources = { PodNetwork: undefined, Multus: "multus", SRIOV: "sriov", Host: "host" } as const;
type Template = Partial<Record<"multus" | "sriov" | "host", unknown>> & { source: string };

/** Each source has the block of its name, and no other. */
const sourceRules = Object.entries(sources).flatMap(([source, block]): Rule<Template>[] => (block === undefined ? [] : [
  { holds: (one) => one.source !== source || one[block] !== undefined, cel: `!has(self.source) || self.source != '${source}' || has(self.${block})`, error: `is required with source ${source}`, path: block, code: "required", fix: `add the block "${block}"` },
  { holds: (one) => one.source === source || one[block] === undefined, cel: `(has(self.source) && self.source == '${source}') || !has(self.${block})`, error: "does not belong to this source", path: block, fix: `remove it, or write source: ${source}` },
]));

const templateField = sourceRules.reduce((schema, rule) => ruled(schema, rule), z.strictObject({
  name: wordField("Name of the interface in each Router.", "wan0"),
  type: choiceField(["LAN", "WAN", "Shared"], { description: "LAN: hosts. WAN: peers and the outside. Shared: both." }),
  source: choiceField(["PodNetwork", "Multus", "SRIOV", "Host"], { description: "Where the interface comes from; the block of the same name follows, PodNetwork has none. Default: PodNetwork." }).default("PodNetwork"),
  multus: multusField.optional(),
  sriov: sriovField.optional(),
  host: hostField.optional(),
  neighbourhood: wordField("Neighbourhood that the interface belongs to. Default: none.", "campus").optional(),
  mtu: mtuField.optional().meta({ description: "Largest IP packet in bytes. Default: that of a Router interface.", examples: [1500] }),
})).meta({ description: "An interface of each router of the class." });

const tolerationField = z.strictObject({
  key: labelKeyField({ description: "Key of the taint. Default: every key.", example: "node-role.kubernetes.io/control-plane" }).optional(),
  operator: choiceField(["Equal", "Exists"], { description: "Equal: the value must be the same. Exists: any value. Default: Equal." }).default("Equal"),
  value: labelValueField({ description: "Value of the taint. Default: none.", example: "edge" }).optional(),
  effect: choiceField(["NoSchedule", "PreferNoSchedule", "NoExecute"], { description: "Effect of the taint. Default: every effect." }).optional(),
}).meta({ description: "A taint of nodes that the routers tolerate." });

const resourcesField = z.strictObject({
  cpu: patternField({ description: "Processors that a pod requests, as Kubernetes writes them. Default: 1.", example: "2", max: 16, pattern: /^[0-9]+m?$/, what: "a number of processors such as 2 or 500m" }).default("1"),
  memory: patternField({ description: "Memory that a pod requests and may use, as Kubernetes writes it. Default: 1Gi.", example: "2Gi", max: 16, pattern: /^[0-9]+(Mi|Gi)$/, what: "an amount of memory such as 512Mi or 2Gi" }).default("1Gi"),
}).meta({ description: "What a router pod requests." });

const routerClassSpec = z.strictObject({
  nodeSelector: labelsField("Nodes that get a router, by their labels. Default: every node.", { "opensvr.io/router": "yes" }).optional(),
  tolerations: listField(tolerationField, { description: "Taints that the routers tolerate. Default: none.", max: 32 }).default([]),
  interfaces: keyedField(templateField, { description: "Interfaces of each router. Default: one on the pod network, of type Shared.", max: 32, key: "name" }).default([{ name: "pod0", type: "Shared", source: "PodNetwork" }]),
  sessions: countField({ description: "Most live sessions of each router. Default: that of a Router.", example: 1_000_000, min: 1, max: 50_000_000 }).optional(),
  keySecret: nameField.optional().meta({ description: "Secret in the namespace of the router pods; each entry is a file with a pre-shared key, which psk.file of peers names. Default: none.", examples: ["router-keys"] }),
  image: textField({ description: "Image of the router. Default: that of the operator's settings.", example: "opensvr/router:0.1.0", max: 512 }).optional(),
  resources: resourcesField.prefault({}),
  priorityClassName: nameField.default("system-node-critical").meta({ description: "Priority class of the pods. Default: system-node-critical.", examples: ["system-node-critical"] }),
  paused: switchField({ description: "The operator leaves pods and Routers of the class as they are. Default: false.", example: true }).default(false),
}).prefault({}).meta({ description: "A template for routers that run as pods, one on each node selected." });

/** routerClassSchema is kind RouterClass. */
export const routerClassSchema = clusterKind("RouterClass", nameField, routerClassSpec);

/** RouterClass is a template of routers. */
export type RouterClass = z.output<typeof routerClassSchema>;
/** InterfaceTemplate is one interface of the template. */
export type InterfaceTemplate = RouterClass["spec"]["interfaces"][number];
