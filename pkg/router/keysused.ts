// Which inbound keys a shard has seen in use, each told once: the main thread lets the one before it end then (protocol 15.5). Owned by one shard.
import type { PeerKeys } from "../svr/keys.ts";

/** KeysUsed remembers keys whose use was told; as objects, so that it forgets those that nobody has any more. */
export interface KeysUsed {
  /** a packet was valid under this key */
  add(key: PeerKeys): void;
  /** ids of keys that are in use and were not told before */
  take(): number[];
}

/** createKeysUsed has seen nothing yet. */
export function createKeysUsed(): KeysUsed {
  const known = new WeakSet<PeerKeys>();
  let untold: number[] = [];
  return {
    add(key) {
      if (known.has(key)) return;
      known.add(key);
      untold.push(key.keyId);
    },
    take() {
      const told = untold;
      untold = [];
      return told;
    },
  };
}
