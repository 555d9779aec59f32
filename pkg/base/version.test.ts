// How far two versions are apart: the table that routers and the command line go by.
import { minorsApart } from "./version.ts";

test.each<[one: string, other: string, apart: number | undefined]>([
  ["0.1.0", "0.1.9", 0], ["v0.1.0", "0.2", 1], ["0.3.0", "0.1.0", 2], ["1.0.0", "0.9.0", Infinity], ["main", "0.1.0", undefined], ["0.1.0", "", undefined], ["0.1x", "0.1.0", undefined],
])("%s and %s", (one, other, apart) => { expect(minorsApart(one, other)).toBe(apart); });
