// What a RouterClass becomes in the cluster: DaemonSet, ServiceAccount, binding, and a Router for each node. Pure: objects in,
// objects out; classes.ts applies them. The pod has four capabilities and no privileges (conventions 9).
import { apiGroup, apiVersion } from "../api/names.ts";
import type { InterfaceTemplate, RouterClass } from "../api/routerclass.ts";
import type { KubeMetadata, KubeObject } from "../ports/kube.ts";

/** ClassSettings are what the operator was told about routers. */
export interface ClassSettings {
  /** namespace of the router pods */
  namespace: string;
  image: string;
  /** ClusterRole of the accounts of routers */
  role: string;
  sha256: (text: string) => string;
}

/** classLabel names the class of a Router and of everything made for it. */
export const classLabel = `${apiGroup}/class`;

const longestName = 63;
const stateFolder = "/var/lib/opensvr";
const keyFolder = "/etc/opensvr/keys";
const healthPort = 9280;

/** routerName is the name of the Router of a node: `<class>-<node>`, cut with a digest when it is too long. */
export function routerName(className: string, node: string, sha256: (text: string) => string): string {
  const name = `${className}-${node}`;
  return name.length <= longestName ? name : `${name.slice(0, longestName - 9).replace(/[.-]+$/, "")}-${sha256(name).slice(0, 8)}`;
}

/** classChildren are the ServiceAccount, the binding and the DaemonSet of a class. */
export function classChildren(one: RouterClass, owner: KubeMetadata, settings: ClassSettings): KubeObject[] {
  const { name } = one.metadata;
  const childName = `opensvr-router-${name}`;
  const metadata = { name: childName, namespace: settings.namespace, ...ownedBy(owner, labelsOf(name)) };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: true },
    {
      apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: childName, ...ownedBy(owner, labelsOf(name)) },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: settings.role }, subjects: [{ kind: "ServiceAccount", name: childName, namespace: settings.namespace }],
    },
    { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec: daemonSetSpec(one, childName, settings) },
  ];
}

/** nodeRouter is the Router object of a node; its own fields only, others may add peers and addresses. */
export function nodeRouter(one: RouterClass, owner: KubeMetadata, at: { node: string; sha256: (text: string) => string }): KubeObject {
  const { name } = one.metadata;
  return {
    apiVersion, kind: "Router", metadata: { name: routerName(name, at.node, at.sha256), ...ownedBy(owner, labelsOf(name)) },
    spec: {
      nodeName: at.node, interfaces: one.spec.interfaces.map((template) => interfaceOf(template, one.spec.interfaces)),
      ...(one.spec.sessions !== undefined && { limits: { sessions: one.spec.sessions } }),
    },
  };
}

function labelsOf(className: string): Record<string, string> {
  return {
    "app.kubernetes.io/name": "opensvr", "app.kubernetes.io/component": "router", "app.kubernetes.io/instance": className,
    "app.kubernetes.io/part-of": "opensvr", "app.kubernetes.io/managed-by": "opensvr-operator", [classLabel]: className,
  };
}

function ownedBy({ name, uid = "" }: KubeMetadata, labels: Record<string, string>): Pick<KubeMetadata, "labels" | "ownerReferences"> {
  return { labels, ownerReferences: [{ apiVersion, kind: "RouterClass", name, uid, controller: true }] };
}

function interfaceOf(template: InterfaceTemplate, all: readonly InterfaceTemplate[]): object {
  const { name, type, neighbourhood, mtu } = template;
  return { name, type, device: deviceOf(template, all), ...(neighbourhood !== undefined && { neighbourhood }), ...(mtu !== undefined && { mtu }) };
}

/** Interfaces of Multus are numbered by us, in the order of the template. */
function deviceOf(template: InterfaceTemplate, all: readonly InterfaceTemplate[]): string {
  switch (template.source) {
    case "PodNetwork": return "eth0";
    case "Host": return template.host?.device ?? template.name;
    case "Multus": case "SRIOV": return `net${attachedOf(all).indexOf(template) + 1}`;
  }
}

function attachedOf(all: readonly InterfaceTemplate[]): InterfaceTemplate[] {
  return all.filter(({ source }) => source === "Multus" || source === "SRIOV");
}

function daemonSetSpec(one: RouterClass, childName: string, settings: ClassSettings): object {
  const { spec, metadata: { name } } = one;
  const networks = attachedOf(spec.interfaces).map((template, index) => {
    const network = template.multus ?? template.sriov?.network;
    return { name: network?.name, ...(network?.namespace !== undefined && { namespace: network.namespace }), interface: `net${index + 1}` };
  });
  return {
    selector: { matchLabels: { "app.kubernetes.io/name": "opensvr", "app.kubernetes.io/component": "router", "app.kubernetes.io/instance": name } },
    updateStrategy: { type: "OnDelete" },
    template: {
      metadata: { labels: labelsOf(name), ...(networks.length > 0 && { annotations: { "k8s.v1.cni.cncf.io/networks": JSON.stringify(networks) } }) },
      spec: {
        serviceAccountName: childName, priorityClassName: spec.priorityClassName, terminationGracePeriodSeconds: 30,
        ...(spec.interfaces.some(({ source }) => source === "Host") && { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }),
        ...(spec.nodeSelector !== undefined && { nodeSelector: spec.nodeSelector }), ...(spec.tolerations.length > 0 && { tolerations: spec.tolerations }),
        securityContext: { seccompProfile: { type: "RuntimeDefault" } }, containers: [container(one, settings)], volumes: volumesOf(one),
      },
    },
  };
}

function container({ spec, metadata }: RouterClass, settings: ClassSettings): object {
  const { cpu, memory } = spec.resources;
  const cards = Object.fromEntries(countBy(spec.interfaces.flatMap(({ sriov }) => sriov?.resource ?? [])));
  const probe = (path: string): object => ({ httpGet: { path, port: "health" }, periodSeconds: 5 });
  return {
    name: "router", image: spec.image ?? settings.image,
    args: ["--kube", "--class", metadata.name, "--node", "$(NODE_NAME)", "--health-port", String(healthPort), ...(spec.keySecret === undefined ? [] : ["--key-dir", keyFolder])],
    env: [{ name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
    ports: [{ name: "health", containerPort: healthPort }],
    resources: { requests: { cpu, memory, ...cards }, limits: { memory, ...cards } },
    securityContext: { privileged: false, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsUser: 0, capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW", "BPF", "PERFMON"] } },
    startupProbe: { ...probe("/healthz"), failureThreshold: 60 }, livenessProbe: { ...probe("/healthz"), failureThreshold: 6 }, readinessProbe: probe("/readyz"),
    volumeMounts: [{ name: "bpf", mountPath: "/sys/fs/bpf" }, { name: "state", mountPath: stateFolder }, ...(spec.keySecret === undefined ? [] : [{ name: "keys", mountPath: keyFolder, readOnly: true }])],
  };
}

function volumesOf({ spec }: RouterClass): object[] {
  return [
    { name: "bpf", hostPath: { path: "/sys/fs/bpf", type: "Directory" } }, { name: "state", hostPath: { path: stateFolder, type: "DirectoryOrCreate" } },
    ...(spec.keySecret === undefined ? [] : [{ name: "keys", secret: { secretName: spec.keySecret, defaultMode: 0o400 } }]),
  ];
}

function countBy(names: readonly string[]): [string, string][] {
  return [...Map.groupBy(names, (name) => name)].map(([name, list]) => [name, String(list.length)]);
}
