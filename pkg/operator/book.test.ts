// Bookkeeping of revisions: an object counts as programmed where the router has its last change, whatever else changed since.
import { createBook } from "./book.ts";

test("an object is programmed where its last change was acknowledged, and stays so while others change", () => {
  const book = createBook();
  book.changed(["Service d/a", "Service d/b"]);
  book.wanted("r1", "h1");
  book.wanted("r2", "k1");
  expect(book.progress("Service d/a", ["r1", "r2"])).toEqual({ done: 0, all: 2, waiting: ["r1", "r2"] });
  book.acked("r1", "h1");
  expect(book.progress("Service d/a", ["r1", "r2"])).toEqual({ done: 1, all: 2, waiting: ["r2"] });
  book.changed(["Service d/b"]);
  book.wanted("r1", "h2");
  expect(book.progress("Service d/a", ["r1"])).toEqual({ done: 1, all: 1, waiting: [] });
  expect(book.progress("Service d/b", ["r1"])).toEqual({ done: 0, all: 1, waiting: ["r1"] });
  expect([book.isCurrent("r1"), book.wantedHash("r1")]).toEqual([false, "h2"]);
  book.acked("r1", "h2");
  expect(book.progress("Service d/b", ["r1"])).toEqual({ done: 1, all: 1, waiting: [] });
  expect(book.isCurrent("r1")).toBe(true);
});

test("a change that does not change a router's configuration is programmed there at once", () => {
  const book = createBook();
  book.wanted("r1", "h1");
  book.acked("r1", "h1");
  book.changed(["Tenant acme"]);
  book.wanted("r1", "h1");
  expect(book.progress("Tenant acme", ["r1"])).toEqual({ done: 1, all: 1, waiting: [] });
});

test("an edit that is taken back needs no second acknowledgement, but the version between them counts no more", () => {
  const book = createBook();
  book.wanted("r1", "h1");
  book.acked("r1", "h1");
  book.changed(["Service d/a"]);
  book.wanted("r1", "h2");
  book.changed(["Service d/a"]);
  book.wanted("r1", "h1");
  expect(book.progress("Service d/a", ["r1"])).toEqual({ done: 1, all: 1, waiting: [] });
  book.acked("r1", "h2");
  expect(book.progress("Service d/a", ["r1"]).done).toBe(0);
});

test("unknown hashes, unknown routers and removed ones have programmed nothing; only the first few are named", () => {
  const book = createBook();
  book.wanted("r1", "h1");
  book.acked("r1", "other");
  book.acked("r2", "h1");
  expect(book.progress("Service d/a", ["r1", "r2", "r3", "r4"])).toEqual({ done: 0, all: 4, waiting: ["r1", "r2", "r3"] });
  book.acked("r1", "h1");
  book.wanted("r1", undefined);
  expect(book.progress("Service d/a", ["r1"]).done).toBe(0);
  book.forget("Service d/a");
  expect(book.wantedHash("r1")).toBeUndefined();
});

test("between a compilation and its hash, and over several of them, a router has what it had before the first", () => {
  const book = createBook();
  book.wanted("r1", "h1");
  book.acked("r1", "h1");
  book.changed(["Service d/a"]);
  book.planned("r1");
  book.changed(["Service d/b"]);
  book.planned("r1");
  expect([book.progress("Service d/a", ["r1"]).done, book.progress("Service d/c", ["r1"]).done, book.isCurrent("r1")]).toEqual([0, 1, false]);
  book.wanted("r1", "h2");
  book.acked("r1", "h2");
  expect([book.progress("Service d/a", ["r1"]).done, book.progress("Service d/b", ["r1"]).done, book.isCurrent("r1")]).toEqual([1, 1, true]);
});

test("history is bounded: a router that acknowledges something very old counts as one of which nothing is known", () => {
  const book = createBook();
  for (let index = 0; index < 20; index += 1) {
    book.changed(["Service d/a"]);
    book.wanted("r1", `h${index}`);
  }
  book.acked("r1", "h0");
  expect(book.progress("Service d/b", ["r1"]).done).toBe(0);
  book.acked("r1", "h10");
  expect(book.progress("Service d/b", ["r1"]).done).toBe(1);
});
