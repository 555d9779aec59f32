// Keys of a router pair from its pre-shared key, both directions (protocol 15.4). Constructed into the router by cmd/router;
// keeps nothing and never shows a key.
import { SvrError } from "../base/errors.ts";
import { pskKeys } from "../svr/keys.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { nodeHkdf } from "./hkdf.ts";

/** derivePairKeys derives what `router` signs with toward `peer` and what it accepts from it; throws SVR_PSK_FILE for a short key. */
export function derivePairKeys(router: string, peer: string, psk: { key: Uint8Array; generation: number }): { send: PeerKeys; receive: PeerKeys[] } {
  const { generation } = psk;
  const direction = (sender: string, receiver: string): PeerKeys => {
    const keys = pskKeys(nodeHkdf, psk.key, { sender, receiver, generation });
    if (keys.ok) return keys.value;
    throw new SvrError("SVR_PSK_FILE", {
      object: `peer ${peer}`, attempted: `the pre-shared key of ${router} and ${peer} has ${psk.key.length} bytes, which is too short`,
      fix: "write at least 32 random bytes on both routers",
    });
  };
  return { send: direction(router, peer), receive: [direction(peer, router)] };
}
