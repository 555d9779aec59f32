// Captures of a lab router as its app keeps them: what shards say and the ring of copies are looked at when the test says so. Used by
// tests only.
import { createCaptures } from "../../pkg/router/captures.ts";
import type { Captures } from "../../pkg/router/captures.ts";
import type { Lab, LabRouter } from "./lab.ts";

/** LabCaptures are the captures of one router; look takes what there is. */
export interface LabCaptures { captures: Captures; look(): void }

/** capturesOf makes them. */
export function capturesOf(lab: Lab, router: LabRouter): LabCaptures {
  const captures = createCaptures({
    datapath: router.datapath, nowMs: () => lab.unixMs(), every: () => ({ stop: () => undefined }),
    shards: router.shards.map((shard) => ({ post: (message) => { shard.tell(message); } })),
  });
  const look = (): void => {
    for (const message of router.shards.flatMap((shard) => shard.answers())) if (message.kind === "capturing" || message.kind === "copies") captures.take(message);
    captures.tick();
  };
  return { captures, look };
}
