// The values of the Helm chart: what each is for, its default and its bounds. values.yaml, values.schema.json and the table in the
// chart's README are written from here. Called by scripts/generate-chart.ts and tests of the chart; never by the product.
import { z } from "zod";

const text = (length = 253): z.ZodString => z.string().max(length);
/** An object of Kubernetes' own, checked by the API server. */
const object = (): z.ZodObject => z.looseObject({});
const name = text(253).regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/);
const image = (what: string): { repository: z.ZodDefault<z.ZodString>; tag: z.ZodDefault<z.ZodString>; digest: z.ZodDefault<z.ZodString> } => ({
  repository: text(512).min(1).default(`opensvr/${what}`).describe(`Image of the ${what}, with its registry when it is not the default one.`),
  tag: text(128).default("").describe("Tag of the image. Empty: the appVersion of the chart."),
  digest: z.string().regex(/^(sha256:[0-9a-f]{64})?$/).default("").describe("Digest of the image, such as sha256:6c3c... It wins over the tag."),
});

/** valuesSchema is all values; a key that is not here is refused by Helm. */
export const valuesSchema = z.strictObject({
  nameOverride: text(40).default("").describe("Name of the application in labels. Empty: opensvr."),
  fullnameOverride: text(40).default("").describe("Beginning of the names of all objects. Empty: made from release and chart."),
  replicas: z.int().min(1).max(5).default(2).describe("Operators; one writes, the others are warm and take over within 20 s."),
  image: z.strictObject({
    ...image("operator"),
    pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).default("IfNotPresent").describe("When the image is pulled."),
  }),
  imagePullSecrets: z.array(z.strictObject({ name })).max(16).default([]).describe("Secrets with credentials of the registry, such as [{name: registry}]."),
  logLevel: z.enum(["error", "warn", "info", "debug"]).default("info").describe("Least severe messages in the operator's log."),
  healthPort: z.int().min(1024).max(65535).default(9280).describe("TCP port of /healthz and /readyz in the operator's pods."),
  routers: z.strictObject({
    image: z.strictObject(image("router")),
    namespace: name.default("").describe("Namespace of the router pods; they need more than the operator. Empty: the namespace of the release."),
    defaultClass: z.boolean().default(true).describe("Makes RouterClass default, a router in the pod network of each node, when there is no RouterClass."),
    createNamespace: z.boolean().default(true).describe("Makes routers.namespace, labelled for privileged pods, when it is not the namespace of the release. It is kept at uninstall: routers go on."),
  }),
  serviceAccount: z.strictObject({
    create: z.boolean().default(true).describe("Makes the operator's ServiceAccount."),
    name: name.default("").describe("Its name. Empty: the full name with -operator."),
    annotations: object().default({}).describe("Its annotations."),
  }),
  identity: z.strictObject({ enabled: z.boolean().default(true).describe("Lets the operator approve and sign certificates of router pods, with the authority in Secret opensvr-authority of its namespace (it makes one when there is none), and tell every router whom to believe. Peers with pre-shared keys need none of it.") }),
  site: z.strictObject({
    enabled: z.boolean().default(false).describe("Serves the site endpoint, where routers outside of the cluster get a certificate with a one-time token. It takes identity.enabled."),
    port: z.int().min(1024).max(65535).default(9282).describe("TCP port of the site endpoint, in the operator's pods and of its Service."),
    serviceType: z.enum(["ClusterIP", "NodePort", "LoadBalancer"]).default("ClusterIP").describe("Type of the Service of the site endpoint."),
    serviceAnnotations: object().default({}).describe("Annotations of that Service."),
  }),
  rbac: z.strictObject({ create: z.boolean().default(true).describe("Makes roles and bindings; docs/reference/rbac.md lists every verb.") }),
  crds: z.strictObject({ install: z.boolean().default(true).describe("Installs and upgrades the CRDs. They are kept at uninstall, with all objects.") }),
  flowControl: z.strictObject({
    enabled: z.boolean().default(true).describe("Gives requests of routers their own share of the API server, so that many of them starve nobody."),
    shares: z.int().min(1).max(1000).default(20).describe("Concurrency shares of all routers together; the API server's own level for service accounts has 100."),
  }),
  networkPolicy: z.strictObject({
    enabled: z.boolean().default(false).describe("Lets into the operator's pods only what asks for their health, and out only DNS and the API server."),
    apiServerPorts: z.array(z.int().min(1).max(65535)).min(1).max(8).default([443, 6443]).describe("TCP ports at which the API server is reached, behind its Service too."),
  }),
  test: z.strictObject({
    session: z.strictObject({
      service: text(190).regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/).default("").describe("Service, as namespace/name, of which helm test opens one real session and waits until two routers report it. Empty: none."),
      to: text(64).default("").describe("Address and TCP port where that Service is asked for, such as 10.9.0.10:443. The pod of the test must reach it through a router."),
    }),
    podAnnotations: object().default({}).describe("Annotations of the pod of helm test, such as the network that leads it to a router."),
  }),
  resources: object().default({ requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "2Gi" } }).describe("Requests and limits of the operator."),
  podAnnotations: object().default({}).describe("Annotations of the operator's pods."),
  podLabels: object().default({}).describe("More labels of the operator's pods."),
  nodeSelector: object().default({}).describe("Nodes of the operator's pods."),
  tolerations: z.array(object()).max(32).default([]).describe("Taints that the operator's pods tolerate."),
  affinity: object().default({}).describe("Affinity of the operator's pods. Empty: rather not two on one node."),
  priorityClassName: name.default("").describe("PriorityClass of the operator's pods."),
  extraEnv: z.array(object()).max(64).default([]).describe("More environment of the operator, such as [{name: HTTPS_PROXY, value: http://proxy:3128}]."),
  global: object().optional().describe("Values that a parent chart shares with its parts; nothing here reads them."),
});
