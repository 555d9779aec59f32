// The keying of a router wired to its parts: keys of peers change under the configuration, in the tables that are there. Called by the app once.
import type { AuditLog } from "../ports/audit.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { RouterOptions } from "./app.ts";
import type { ShardConfig } from "./build.ts";
import { createKeying, withoutExchange } from "./keying.ts";
import type { Keying } from "./keying.ts";
import type { ShardHost } from "./messages.ts";
import type { PathMtus } from "./pathmtus.ts";
import type { Protectors } from "./protectors.ts";
import type { ExchangePort } from "./peeringinbox.ts";

interface Wires {
  port: ExchangePort;
  datapath: Pick<Datapath, "send">;
  audit: Pick<AuditLog, "write">;
  /** asked for only when something changes */
  parts: () => { posted?: ShardConfig; shards: readonly ShardHost[]; mtus: Pick<PathMtus, "count" | "greet" | "restart">; protectors?: Pick<Protectors, "rekey"> };
  refusedChanged(): void;
}

/** openKeying makes the keying of a router; one without tools for exchanges has derived keys only. */
export function openKeying(options: RouterOptions, of: Wires): Keying {
  if (options.keying === undefined) return withoutExchange();
  const { parts, audit } = of;
  return createKeying({
    ...options, ...of, tools: options.keying, count: (reason) => { parts().mtus.count(reason); }, greet: (peer) => { parts().mtus.greet(peer); },
    tell: ({ action, peer, detail }) => {
      if (action === "removed" && detail["problem"] === "revoked") audit.write({ kind: "revocation", action: "peer-removed", object: `peer ${peer}`, detail });
      else audit.write({ kind: "key", action, object: `peer ${peer}`, detail });
    },
    tellRevoked: (serials) => { audit.write({ kind: "revocation", action: "listed", object: "serials", detail: { count: serials.length, serials: serials.join(" ") } }); },
    tellIdentity: (action, { name, serial, notAfter }) => { audit.write({ kind: "identity", action, object: `Router ${name}`, detail: { serial, notAfter: new Date(notAfter).toISOString() } }); },
    changed(keys, fresh) {
      const { posted, shards, mtus, protectors } = parts();
      if (posted !== undefined) {
        Object.assign(posted.keys, keys);
        protectors?.rekey(keys);
      }
      for (const shard of shards) shard.post({ kind: "keys", keys });
      for (const peer of fresh) mtus.restart(peer);
    },
  });
}
