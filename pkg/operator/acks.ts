// What routers acknowledge: heads of the store are watched, the book is kept, and the objects that wait for a router are looked
// at again, together and not for each of a thousand acknowledgements. Called by operator.ts.
import type { KubeObject, KubeStore, WorkQueue } from "../ports/kube.ts";
import type { Book } from "./book.ts";
import { headOf } from "./heads.ts";
import type { HeadSpec } from "./heads.ts";

/** AckParts is what following acknowledgements needs. */
export interface AckParts {
  /** heads only */
  configs: KubeStore;
  book: Book;
  heads: WorkQueue;
  statuses: WorkQueue;
  /** objects that some router had not programmed when they were looked at last */
  waiting: ReadonlySet<string>;
  after: (ms: number, work: () => void) => { stop(): void };
}

const SOON_MS = 100; // acknowledgements of one edit come together
const FEW = 1_000;
const LATER_MS = 5_000; // many objects wait: their statuses are written no more often than that anyway

/** followAcks books what heads say now and from here on. */
export function followAcks(parts: AckParts): { stop(): void } {
  const { configs, book, heads, statuses } = parts;
  let timer: { stop(): void } | undefined;
  let waitMs = SOON_MS;
  const look = (): void => {
    timer = undefined;
    const { edited = [], others = [] } = Object.groupBy(parts.waiting, (id) => (book.isEdited(id) ? "edited" : "others"));
    for (const id of edited) statuses.add(id);
    statuses.addBehind(others);
    waitMs = parts.waiting.size > FEW ? LATER_MS : SOON_MS;
  };
  for (const object of configs.list()) book.acked(object.metadata.name, ackedOf(object));
  const watch = configs.watch(({ before, after }) => {
    const object = after ?? before;
    if (object === undefined) return;
    const { name } = object.metadata;
    if (headOf(after)?.hash !== book.wantedHash(name) || isMarred(headOf(before), headOf(after))) heads.add(name); // somebody else wrote or removed it
    if (after !== undefined && said(before) === said(after)) return;
    book.acked(name, after === undefined ? undefined : ackedOf(after));
    statuses.add(`Router ${name}`);
    timer ??= parts.after(waitMs, look);
  });
  return { stop() { watch.stop(); timer?.stop(); } };
}

/** One hash has one list of pages. */
function isMarred(before: HeadSpec | undefined, after: HeadSpec | undefined): boolean {
  return before !== undefined && after !== undefined && before.hash === after.hash && JSON.stringify(before) !== JSON.stringify(after);
}

interface HeadStatus { acked?: { hash?: string }; error?: { hash?: string; message?: string } }

function ackedOf(object: KubeObject): string | undefined {
  return (object["status"] as HeadStatus | undefined)?.acked?.hash;
}

function said(object: KubeObject | undefined): string {
  const { acked, error } = (object?.["status"] ?? {}) as HeadStatus;
  return `${acked?.hash ?? ""} ${error?.hash ?? ""} ${error?.message ?? ""}`;
}
