// The signer of a cluster on the X.509 library. Constructed by cmd/operator.
import type { RouterSigner, TrustedCertificate } from "../ports/signer.ts";
import { X509Certificate } from "node:crypto";
import { judgeRequest, makeAuthority, makeRequest, signRequest } from "./authority.ts";
import { authorityOf, pemCertificates } from "./chain.ts";
import { certificatesOf } from "./signerchain.ts";

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const TRIAL = "trial"; // a certificate that nobody gets

/** createRouterSigner signs with whatever authority it is given. */
export function createRouterSigner(): RouterSigner {
  return {
    judge: judgeRequest,
    async sign(authority, { request, router, lifeMs, nowMs }) {
      const { certificate, issued } = await signRequest(authority, { request, router, days: lifeMs / DAY_MS, nowMs });
      return { certificate, serial: issued.serial };
    },
    async facts(authority, nowMs) {
      const { request } = await makeRequest(TRIAL, "Ed25519");
      const { certificate } = await signRequest(authority, { request, router: TRIAL, days: 1, nowMs });
      return { top: certificatesOf(authority.certificate).at(-1)!.toString(), key: authorityOf(pemCertificates(certificate)![0]!).key };
    },
    certificates: (text) => (pemCertificates(text) ?? []).map((der) => trusted(new X509Certificate(der))),
    create: (nowMs) => makeAuthority({ name: "OpenSVR routers", key: "Ed25519", days: AUTHORITY_DAYS, nowMs }),
  };
}

function trusted(certificate: X509Certificate): TrustedCertificate {
  return { pem: certificate.toString(), notAfter: certificate.validToDate.getTime() };
}
