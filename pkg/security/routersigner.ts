// The signer of a cluster on the X.509 library. Constructed by cmd/operator.
import type { RouterSigner } from "../ports/signer.ts";
import { judgeRequest, makeAuthority, signRequest } from "./authority.ts";
import { certificatesOf } from "./signerchain.ts";

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;

/** createRouterSigner signs with whatever authority it is given. */
export function createRouterSigner(): RouterSigner {
  return {
    judge: judgeRequest,
    async sign(authority, { request, router, lifeMs, nowMs }) {
      return (await signRequest(authority, { request, router, days: lifeMs / DAY_MS, nowMs })).certificate;
    },
    top: (certificates) => certificatesOf(certificates).at(-1)!.toString(),
    create: (nowMs) => makeAuthority({ name: "OpenSVR routers", key: "Ed25519", days: AUTHORITY_DAYS, nowMs }),
  };
}
