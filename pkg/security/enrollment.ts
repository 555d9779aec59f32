// An identity by hand in the state directory of a router: asks and installs with identitykeeper.ts, and judges what came before it counts.
// Constructed by cmd/svrctl.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SvrError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { EnrollmentPort, IdentityAnswer } from "../ports/enrollment.ts";
import type { ChainProblem, VerifiedPeer } from "../ports/identity.ts";
import { pemCertificates, verifyChain } from "./chain.ts";
import { openIdentityKeeper } from "./identitykeeper.ts";
import { identityFiles } from "./identitywriter.ts";
import { askSite } from "./siteclient.ts";

const reasons: Readonly<Partial<Record<ChainProblem, string>>> = {
  "expired": "it has ended or its authority does not count now, or the clock of this machine is wrong", "not-yet-valid": "it does not count yet, or the clock of this machine is wrong", "wrong-name": "it is that of another router, or not of one router alone",
  "wrong-authority": "it is not of the authorities that came with it", "key-usage": "it is not for signatures of a router",
};

/** openEnrollment works in a state directory, which need not be there yet. */
export function openEnrollment({ stateDir, router }: { stateDir: string; router: string }, clock: Pick<Clock, "unixMs">): EnrollmentPort {
  return {
    begin: async (key) => ({ request: await openIdentityKeeper({ stateDir, name: router, key }).request(), folder: join(stateDir, "identity.request") }),
    ask: async (site, token) => askSite({ ...site, token, router, request: await openIdentityKeeper({ stateDir, name: router }).request() }),
    finish(answer) {
      const { serial, notAfter } = judge(answer, router, clock.unixMs());
      const keeper = openIdentityKeeper({ stateDir, name: router });
      if (existsSync(join(stateDir, "identity.request"))) {
        const problem = keeper.install(answer.chain, answer.authorities);
        if (problem !== undefined) return refuse(router, problem);
      } else if (!isInstalled(stateDir, answer)) return refuse(router, `no request of it waits in ${stateDir}, so the key of the certificate is gone`, `begin again: svrctl enroll ${router} --offline`);
      return Promise.resolve({ serial, notAfter, folder: join(stateDir, "identity") });
    },
  };
}

/** The same answer again changes nothing. */
function isInstalled(stateDir: string, { chain }: IdentityAnswer): boolean {
  const path = join(stateDir, "identity", identityFiles.chain);
  return existsSync(path) && readFileSync(path, "utf8") === chain;
}

function judge({ chain, authorities }: IdentityAnswer, router: string, nowMs: number): VerifiedPeer {
  const [certificates, trusted] = [pemCertificates(chain), pemCertificates(authorities)];
  if (certificates === undefined) return refuse(router, "the chain holds no certificates in PEM");
  if (trusted === undefined) return refuse(router, "the authorities are no certificates in PEM");
  const judged = verifyChain(certificates, { authorities: trusted, revoked: new Set() }, nowMs);
  if (!judged.ok) return refuse(router, `the certificate is not installed: ${reasons[judged.error] ?? judged.error}`);
  return judged.value.name === router ? judged.value : refuse(router, `the certificate is not installed: it is that of router ${judged.value.name}`);
}

function refuse(router: string, attempted: string, fix = "bring the files that the authority made of the request of this router"): never {
  throw new SvrError("SVR_IDENTITY_FILE", { object: `router ${router}`, attempted, fix });
}
