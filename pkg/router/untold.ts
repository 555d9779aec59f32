// Sessions that a configuration ended in the data plane and of which hosts and peers are still to be told, a million at most: as bytes,
// because a million references as objects would take 200 MB. Filled and emptied by judging.ts, read by ending.ts in the shards.
import type { SessionRef } from "../ports/datapath.ts";

/** EndedPage holds references of at most PAGE sessions: slots, and 16 bytes of uuid each. */
export interface EndedPage { indexes: Uint32Array; uuids: Uint8Array }

/** Untold is a queue of references, oldest page first. */
export interface Untold {
  add(refs: readonly SessionRef[]): void;
  /** the next page, full if there are as many; absent when nobody waits */
  take(): EndedPage | undefined;
  /** how many pages wait, the last one full or not */
  pages(): number;
}

const UUID_BYTES = 16;
/** PAGE is how many sessions a shard is told of in one message: some 15 ms of it. */
export const PAGE = 1024;

/** createUntold makes an empty queue. */
export function createUntold(): Untold {
  const pages: (EndedPage & { count: number })[] = [];
  const last = (): EndedPage & { count: number } => {
    const page = pages.at(-1);
    if (page !== undefined && page.count < PAGE) return page;
    const fresh = { indexes: new Uint32Array(PAGE), uuids: new Uint8Array(PAGE * UUID_BYTES), count: 0 };
    pages.push(fresh);
    return fresh;
  };
  return {
    pages: () => pages.length,
    add(refs) {
      for (const { index, uuid } of refs) {
        const page = last();
        page.indexes[page.count] = index;
        page.uuids.set(uuid, page.count * UUID_BYTES);
        page.count += 1;
      }
    },
    take() {
      const page = pages.shift();
      return page === undefined ? undefined : { indexes: page.indexes.slice(0, page.count), uuids: page.uuids.slice(0, page.count * UUID_BYTES) };
    },
  };
}

/** refsOf gives the references of a page. */
export function refsOf({ indexes, uuids }: EndedPage): SessionRef[] {
  return Array.from(indexes, (index, i) => ({ index, uuid: uuids.subarray(i * UUID_BYTES, (i + 1) * UUID_BYTES) }));
}
