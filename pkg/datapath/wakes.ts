// One eventfd a shard or protect worker, by which the main thread ends its wait for packets. Made by open.ts, its number travels in
// ShardSpec; all threads of a process share descriptors. The main thread closes them, after the shards have ended.
import type { Native } from "../native/binding.ts";
import { errnoText } from "./errno.ts";

/** Wakes are the eventfds of all shards. */
export interface Wakes {
  fd(shard: number): number;
  wake(shard: number): void;
  close(): void;
}

/** openWakes makes them; a system without descriptors left is a fault of its surroundings. */
export function openWakes(native: Native, shards: number): Wakes {
  const fds = Array.from({ length: shards }, () => native.wakeOpen());
  const fd = (shard: number): number => {
    const found = fds[shard];
    if (found === undefined) throw new Error(`there is no shard ${shard}`);
    return found;
  };
  const close = (): void => { for (const one of fds) if (one >= 0) native.wakeClose(one); };
  const failed = fds.find((one) => one < 0);
  if (failed !== undefined) {
    close();
    throw new Error(`no eventfd for the shards (${errnoText(failed)})`);
  }
  return { fd, wake: (shard) => { native.wake(fd(shard)); }, close };
}
