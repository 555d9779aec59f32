// Payload keys that this router made as the ingress and still says in metadata (protocol 8.2): metadata is repeated until the peer answers.
// One list a shard, bounded. A session whose key is not here any more gets a new one when metadata is due again. Owned by shard.ts.
import type { PayloadKey } from "../svr/metadata.ts";
import type { Held } from "./held.ts";

const KEPT_MOST = 16_384; // sessions that began last, or have new keys

/** PayloadKeys are those of sessions that began here. */
export interface PayloadKeys {
  of(uuid: Uint8Array): PayloadKey | undefined;
  keep(uuid: Uint8Array, key: PayloadKey): void;
  /** the peer lost what it had, counters too: this key is not said again (protocol 8.2) */
  drop(uuid: Uint8Array): void;
  held(): Held[];
}

/** createPayloadKeys begins with none; what it forgets is overwritten. */
export function createPayloadKeys(): PayloadKeys {
  const kept = new Map<string, PayloadKey>();
  const nameOf = (uuid: Uint8Array): string => Buffer.from(uuid).toString("latin1");
  const forget = (name: string): boolean => {
    kept.get(name)?.key.fill(0);
    return kept.delete(name);
  };
  return {
    of: (uuid) => kept.get(nameOf(uuid)),
    keep(uuid, key) {
      for (const oldest of kept.size < KEPT_MOST ? [] : kept.keys()) if (forget(oldest)) break;
      kept.set(nameOf(uuid), key);
    },
    drop(uuid) { forget(nameOf(uuid)); },
    held: () => [{ name: "payload keys", entries: kept.size, limit: KEPT_MOST }],
  };
}
