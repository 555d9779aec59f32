// What key exchange needs of this machine: the identity in the state directory, cryptography, certificates. Called by main.ts once; constructs
// adapters only.
import type { CertificateRequests } from "../../pkg/ports/identity.ts";
import type { Log } from "../../pkg/ports/log.ts";
import { createIdentityCluster } from "../../pkg/router/identitycluster.ts";
import type { IdentityCluster } from "../../pkg/router/identitycluster.ts";
import type { KeyingTools } from "../../pkg/router/keying.ts";
import { pemCertificates } from "../../pkg/security/chain.ts";
import { openIdentityFiles } from "../../pkg/security/identityfiles.ts";
import type { FileIdentity } from "../../pkg/security/identityfiles.ts";
import { openIdentityKeeper } from "../../pkg/security/identitykeeper.ts";
import { mendIdentity } from "../../pkg/security/identitywriter.ts";
import { nodeKxCrypto } from "../../pkg/security/kxcrypto.ts";
import { judgeChain, kxSelf } from "../../pkg/security/kxidentity.ts";
import { kxFaults } from "../../pkg/security/kxselftest.ts";
import { systemClock } from "./clock.ts";
import { after } from "./configuration.ts";
import type { Flags } from "./flags.ts";

/** openKeyingTools looks at the identity at once, and again and again. */
export function openKeyingTools(flags: Flags, of: { every: (ms: number, work: () => void) => { stop(): void }; requests: CertificateRequests | undefined; log: Log }): { tools: KeyingTools; close(): Promise<void> } {
  const { stateDir, keyDir, keyHour } = flags;
  mendIdentity(stateDir);
  const files = openIdentityFiles({ stateDir, keyDir, every: of.every, refused: (problem) => { of.log.error({ problem }, "the identity of the router cannot be used; the one before stays"); } });
  const own = of.requests === undefined ? undefined : openOwn(flags, { files, requests: of.requests, log: of.log });
  return {
    tools: { identity: own ?? files, crypto: nodeKxCrypto, self: kxSelf, judge: judgeChain, faults: () => kxFaults(), certificates: pemCertificates, ...(keyHour !== undefined && { hourMs: keyHour }) },
    async close() {
      await own?.stop();
      files.close();
    },
  };
}

/** In a cluster the router asks for its certificate itself. */
function openOwn({ name, stateDir }: Flags, of: { files: FileIdentity; requests: CertificateRequests; log: Log }): IdentityCluster {
  return createIdentityCluster({ ...of, name, keeper: openIdentityKeeper({ stateDir, name }), clock: systemClock, after, random: () => Math.random() });
}
