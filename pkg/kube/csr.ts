// Asks for a certificate with a CertificateSigningRequest: made once, then followed by a watch of this one object until somebody has answered.
// Constructed by cmd/router; what is asked and when is decided by pkg/router/identitycluster.ts.
import { createHash } from "node:crypto";
import { SvrError } from "../base/errors.ts";
import type { CertificateAnswer, CertificateRequests } from "../ports/identity.ts";
import type { KubeObject, KubePort, KubeResource } from "../ports/kube.ts";
import type { KubeAccess } from "./access.ts";
import { runListWatch, usualTimes } from "./listwatch.ts";
import type { RestartCause } from "./listwatch.ts";
import { createStore } from "./store.ts";

/** CsrOptions of one signer. */
export interface CsrOptions {
  kube: Pick<KubePort, "create">;
  access: KubeAccess;
  signerName: string;
  /** 0 to 1 */
  random: () => number;
  restarted: (cause: RestartCause) => void;
  failed: (error: unknown) => void;
}

interface Status { certificate?: string; conditions?: readonly { type: string; reason?: string; message?: string }[] }

const resource: KubeResource = { group: "certificates.k8s.io", version: "v1", plural: "certificatesigningrequests", kind: "CertificateSigningRequest", namespaced: false };
const usages = ["digital signature", "client auth", "server auth"];
const DIGEST = 16; // hexadecimal digits

/** createCertificateRequests asks nothing yet. */
export function createCertificateRequests(options: CsrOptions): CertificateRequests {
  return {
    async ask({ router, request }, signal) {
      const name = requestName(router, request);
      try {
        await options.kube.create(resource, { apiVersion: "certificates.k8s.io/v1", kind: resource.kind, metadata: { name }, spec: { request: Buffer.from(request, "utf8").toString("base64"), signerName: options.signerName, usages } });
      } catch (error) {
        if (!(error instanceof SvrError) || error.code !== "SVR_KUBE_CONFLICT") throw error; // asked before a restart
      }
      return answered(options, name, signal);
    },
  };
}

/** requestName is the name of a request: the same for the same question, and nobody's else before it is asked. */
export function requestName(router: string, request: string): string {
  return `opensvr-router-${router}-${createHash("sha256").update(request).digest("hex").slice(0, DIGEST)}`;
}

async function answered(options: CsrOptions, name: string, signal: AbortSignal): Promise<CertificateAnswer> {
  signal.throwIfAborted();
  const ending = new AbortController(), answer = Promise.withResolvers<CertificateAnswer>();
  const end = (): void => { answer.reject(signal.reason); };
  signal.addEventListener("abort", end, { once: true });
  const store = createStore(resource, {}, options.failed);
  const look = (object: KubeObject | undefined): void => {
    const said = object === undefined ? { gone: true as const } : answerIn(object);
    if (said !== undefined) answer.resolve(said);
  };
  store.watch(({ after }) => { look(after); });
  const feed = { ...store, replace(objects: Iterable<KubeObject>): void { store.replace(objects); look(store.get(name)); } };
  const running = runListWatch({ ...options, resource, what: { fieldSelector: `metadata.name=${name}` }, store: feed, times: usualTimes, heard: () => undefined, reached: () => undefined, waking: () => ending.signal }, ending.signal);
  try {
    return await answer.promise;
  } finally {
    signal.removeEventListener("abort", end);
    ending.abort();
    await running;
  }
}

function answerIn(object: KubeObject): CertificateAnswer | undefined {
  const { certificate, conditions = [] } = (object["status"] ?? {}) as Status;
  if (certificate !== undefined && certificate !== "") return { certificate: Buffer.from(certificate, "base64").toString("utf8") };
  const no = conditions.find(({ type }) => type === "Denied" || type === "Failed");
  return no === undefined ? undefined : { denied: no.message ?? no.reason ?? no.type };
}
