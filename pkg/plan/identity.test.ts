// Which routers need a certificate: those with a peer by certificate, and those whose own origin signatures others verify.
import type { PeerConfig } from "./config.ts";
import { needsIdentity } from "./identity.ts";

const peer = (more: Partial<PeerConfig>): PeerConfig => ({ name: "b", allowedTenants: [], hmac: { mode: "Regular", window: 2 }, metadataEncryption: { enabled: true, suite: "GCM", required: false }, origin: { object: "Router a", field: "spec.peers[0]" }, ...more });
const trust = (router: string): { authorities: string[]; revoked: string[]; origins: { router: string; ed25519: string }[] } => ({ authorities: [], revoked: [], origins: [{ router, ed25519: "" }] });

test.each([
  ["nobody to talk to", { name: "a", peers: [] }, false],
  ["peers by pre-shared key", { name: "a", peers: [peer({ psk: { file: "k", generation: 1 } })] }, false],
  ["a peer by certificate", { name: "a", peers: [peer({}), peer({ authentication: "certificate" })] }, true],
  ["somebody else's origin signature", { name: "a", peers: [], trust: trust("b") }, false],
  ["its own origin signature", { name: "a", peers: [], trust: trust("a") }, true],
  ["authorities alone", { name: "a", peers: [], trust: { authorities: [], revoked: [] } }, false],
])("%s: %#", (_what, config, needs) => {
  expect(needsIdentity(config)).toBe(needs);
});
