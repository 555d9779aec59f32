// Writes docs/reference/errors.md from pkg/base/codes.ts: every code of a failure with its meaning.
// Run by hand after a change of the table; with --check (used by the tests) it only compares and exits 1 when it is stale.
import { errorCodes } from "../pkg/base/codes.ts";
import { emit, origin, table } from "./generated.ts";

const generator = "generate-errors.ts";

/** page is the text of the reference page. */
function page(): string {
  const rows = Object.entries(errorCodes).map(([code, meaning]) => [`\`${code}\``, meaning]);
  return [
    `<!-- ${origin(generator, "pkg/base/codes.ts")} -->`, "# Error codes", "",
    "Every failure of a router and of `svrctl` starts with one of these codes, says what was attempted on which object, and what to do",
    "next. Codes never change and are never used again; messages may.", "", ...table(["code", "meaning"], rows),
  ].join("\n").replace(/\n+$/, "\n");
}

emit(generator, { "docs/reference/errors.md": page() });
