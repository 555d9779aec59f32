// Counters of the eBPF programs, summed over the processors: drops by reason, packets and bytes by interface. Called by open.ts
// and refusals.ts.
import type { Native } from "../native/binding.ts";
import type { Datapath } from "../ports/datapath.ts";
import { reasonOf } from "../svr/reasons.ts";
import { keyOf } from "./entries.ts";
import { ifstatsLayout, offsetOf } from "./layouts.ts";
import { openMap } from "./maps.ts";
import type { Pins } from "./pins.ts";

/** CounterReader sums what the programs count per processor. */
export interface CounterReader {
  read(ifnums: readonly number[]): ReturnType<Datapath["counters"]>;
  close(): void;
}

type InterfaceCounts = ReturnType<Datapath["counters"]>["interfaces"][number];

/** sum adds one 64-bit field over the processors. */
export function sum(value: Uint8Array, cpus: number, offset: number): bigint {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const stride = value.byteLength / cpus;
  let total = 0n;
  for (let cpu = 0; cpu < cpus; cpu++) total += view.getBigUint64(cpu * stride + offset, true);
  return total;
}

function countsOf(value: Uint8Array, cpus: number): InterfaceCounts {
  const field = (name: string): bigint => sum(value, cpus, offsetOf(ifstatsLayout, name));
  return { rxPackets: field("rx_packets"), rxBytes: field("rx_bytes"), txPackets: field("tx_packets"), txBytes: field("tx_bytes") };
}

/** openCounters opens both maps. */
export function openCounters(native: Native, pins: Pins): CounterReader {
  const drops = openMap(native, pins.map("drops")), ifstats = openMap(native, pins.map("ifstats"));
  return {
    read: (ifnums) => {
      const named = drops.dump().flatMap(({ key, value }): [string, bigint][] => {
        const number = new DataView(key.buffer, key.byteOffset).getUint32(0, true), total = sum(value, drops.cpus, 0);
        return total === 0n ? [] : [[reasonOf(number)?.name ?? `reason-${number}`, total]];
      });
      const interfaces = ifnums.flatMap((ifnum): [number, InterfaceCounts][] => {
        const value = ifstats.lookup(keyOf(ifnum));
        return value === undefined ? [] : [[ifnum, countsOf(value, ifstats.cpus)]];
      });
      return { drops: Object.fromEntries(named), interfaces: Object.fromEntries(interfaces) };
    },
    close: () => {
      drops.close();
      ifstats.close();
    },
  };
}
