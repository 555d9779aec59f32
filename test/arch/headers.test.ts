// Files and exports say what they are for; each rule is seen to fail on a sample.
import { checkExports, checkHeaders } from "./headers.ts";
import { loadRepository, source } from "./source.ts";

const header = "// What this file is for, who calls it, and what it must not do.\n";

describe("headers", () => {
  const repository = loadRepository();

  test("each source file has a header", () => { expect(checkHeaders(repository)).toEqual([]); });
  test("each export has its sentence", () => { expect(checkExports(repository)).toEqual([]); });

  test.each([
    { desc: "nothing", path: "pkg/a/a.ts", text: 'import { x } from "./x.ts";\n' },
    { desc: "a word", path: "pkg/a/a.ts", text: "// Sessions.\nexport {};\n" },
    { desc: "a comment further down", path: "pkg/a/a.test.ts", text: `const x = 1;\n${header}` },
    { desc: "a licence line only", path: "pkg/a/a.c", text: "/* SPDX-License-Identifier: Apache-2.0 */\n#include <x.h>\n" },
    { desc: "an interpreter line only", path: "scripts/setup", text: "#!/usr/bin/env bash\nset -e\n" },
  ])("refused header: $desc", ({ path, text }) => {
    expect(checkHeaders([source(path, text)])).toHaveLength(1);
  });

  test.each([
    { path: "pkg/a/a.ts", text: `${header}export {};\n` },
    { path: "pkg/a/a.h", text: "/* SPDX-License-Identifier: Apache-2.0 */\n/* What this header is for, and who may include it. */\n#ifndef A\n" },
    { path: "scripts/setup", text: "#!/usr/bin/env bash\n# What this script is for, who calls it, what it leaves alone.\n" },
  ])("accepted header of $path", ({ path, text }) => {
    expect(checkHeaders([source(path, text)])).toEqual([]);
  });

  test.each([
    { desc: "no comment", text: "export const x = 1;" },
    { desc: "interface without comment", text: "export interface X { a: number }" },
    { desc: "header only", text: `${header}\nexport type X = number;` },
    { desc: "another name", text: "/** y adds numbers well. */\nexport function x(): void {}" },
    { desc: "constant away from its group", text: "/** Header sizes in bytes. */\nexport const A = 20;\n\nexport const B = 40;" },
    { desc: "function in a group", text: "/** Header sizes in bytes. */\nexport const A = 20;\nexport function f(): void {}" },
    { desc: "empty comment", text: "/** */\nexport class X {}" },
  ])("refused export: $desc", ({ text }) => {
    expect(checkExports([source("pkg/a/a.ts", text)])).toHaveLength(1);
  });

  test.each([
    "/** x adds numbers well. */\nexport function x(): void {}",
    "/** Why a packet came up, as a number. */\nexport type X = 1 | 2;",
    "/** States of a session, by name. */\nexport const X = { a: 1 } as const;\nexport type X = 1;",
    "/** Header sizes in bytes, RFC 791 and 8200. */\nexport const A = 20;\nexport const B = 40;\nexport const C = 8;",
    "export const A = 20; // bytes, RFC 791",
    "function inner(): void {}",
  ])("accepted export: %s", (text) => {
    expect(checkExports([source("pkg/a/a.ts", text)])).toEqual([]);
  });
});
