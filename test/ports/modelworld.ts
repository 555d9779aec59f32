// The conformance suite's world over the model: time is a number, packets come back at once. Called by model.test.ts.
import { modelDatapath } from "../../pkg/datapath/model.ts";
import type { ShardPort } from "../../pkg/ports/datapath.ts";
import { worldConfig } from "../support/flows.ts";
import type { Left, PortWorld, WorldOptions } from "./world.ts";

const START_MS = 5_000, STEP_MS = 50, LOOKS = 1_000;

/** openModelWorld makes a model with the world's configuration in force. */
export function openModelWorld(options: WorldOptions = {}): Promise<PortWorld> {
  let now = START_MS, seen = 0;
  const datapath = modelDatapath({
    nowMs: () => now, sessionLimit: options.sessions ?? 64, shards: options.shards ?? 2, ...(options.liveLimit !== undefined && { liveLimit: options.liveLimit }),
  });
  const config = worldConfig();
  datapath.program(config);
  const shards = new Map<number, ShardPort>();
  return Promise.resolve({
    datapath, config, now: () => now,
    shard: (number) => {
      const port = shards.get(number) ?? datapath.shard(number);
      shards.set(number, port);
      return port;
    },
    receive: (at, ...packets) => {
      for (const data of packets) datapath.receive(at.ifnum, at.vlan ?? 0, data);
      return Promise.resolve();
    },
    left: (count) => {
      const left: Left[] = datapath.sent.slice(seen).map(({ ifnum, vlan, data }) => ({ ifnum, vlan, data }));
      seen = datapath.sent.length;
      return left.length >= count ? Promise.resolve(left) : Promise.reject(new Error(`${left.length} packets left of ${count}`));
    },
    until: (what, look) => {
      for (let i = 0; i < LOOKS; i++) {
        const found = look();
        if (found !== undefined && found !== false) return Promise.resolve(found);
        now += STEP_MS;
        datapath.tick();
      }
      return Promise.reject(new Error(`not seen: ${what}`));
    },
    close: () => { datapath.destroy(); return Promise.resolve(); },
  });
}
