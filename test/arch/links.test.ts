// Links of the documents lead to files; the rule is seen to fail on one that does not.
import { checkLinks } from "./links.ts";
import { loadRepository, source } from "./source.ts";

describe("links of the documents", () => {
  test("lead to files", () => { expect(checkLinks(loadRepository())).toEqual([]); });

  test("one that leads nowhere is found", () => {
    const files = [source("docs/a.md", "[b](b.md) [c](../C.md#part) [d](guide) [e](https://example.org/x) [f](#here) [g](gone.md)\n```sh\n[x](y)\n```\n"), source("docs/b.md", ""), source("C.md", ""), source("docs/guide/1.md", "")];
    expect(checkLinks(files)).toEqual(["docs/a.md: gone.md leads nowhere"]);
  });
});
