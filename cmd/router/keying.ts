// What key exchange needs of this machine: the identity in the state directory, cryptography, certificates. Called by main.ts once; constructs
// adapters only.
import type { Log } from "../../pkg/ports/log.ts";
import type { KeyingTools } from "../../pkg/router/keying.ts";
import { pemCertificates } from "../../pkg/security/chain.ts";
import { openIdentityFiles } from "../../pkg/security/identityfiles.ts";
import { mendIdentity } from "../../pkg/security/identitywriter.ts";
import { nodeKxCrypto } from "../../pkg/security/kxcrypto.ts";
import { judgeChain, kxSelf } from "../../pkg/security/kxidentity.ts";
import { kxFaults } from "../../pkg/security/kxselftest.ts";
import type { Flags } from "./flags.ts";
import { openKeyLog } from "./keylog.ts";

/** openKeyingTools looks at the identity at once, and again and again. */
export function openKeyingTools({ stateDir, keyDir, keyHour, keyLog }: Flags, of: { every: (ms: number, work: () => void) => { stop(): void }; log: Log }): { tools: KeyingTools; close(): void } {
  mendIdentity(stateDir);
  const identity = openIdentityFiles({ stateDir, keyDir, every: of.every, refused: (problem) => { of.log.error({ problem }, "the identity of the router cannot be used; the one before stays"); } });
  return {
    tools: { identity, crypto: nodeKxCrypto, self: kxSelf, judge: judgeChain, faults: () => kxFaults(), certificates: pemCertificates, ...(keyHour !== undefined && { hourMs: keyHour }), ...(keyLog !== undefined && { exchanged: openKeyLog(keyLog, of.log) }) },
    close: () => { identity.close(); },
  };
}
