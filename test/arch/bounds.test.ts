// Bounded things have a row or a reason; the rule is seen to fail on samples.
import { bounds, checkBounds } from "./bounds.ts";
import { loadRepository, source } from "./source.ts";

const map = source("pkg/datapath/bpf/svr_maps.h", 'struct {\n\t__uint(type, BPF_MAP_TYPE_HASH);\n\t__uint(max_entries, 1 << 4);\n\t__type(key, __u32);\n} a SEC(".maps");\n');
const limits = source("pkg/router/x.ts", "const OLD = 1, THINGS_MOST = 5;\nexport const MAX_OTHERS = 6;\nconst row = { name: \"things\" };\n");

test("everything bounded is shown with its limit, or says why not", () => { expect(checkBounds(loadRepository(), bounds)).toEqual([]); });

test.each([
  { desc: "a table that has them", table: { "map a": "things", "x.ts THINGS_MOST": "things", "x.ts MAX_OTHERS": "- of one turn" }, faults: [] },
  { desc: "nothing", table: {}, faults: ["map a", "x.ts THINGS_MOST", "x.ts MAX_OTHERS"] },
  { desc: "a thing that is gone", table: { "map a": "- no", "map b": "- no", "x.ts THINGS_MOST": "- no", "x.ts MAX_OTHERS": "- no" }, faults: ["map b"] },
  { desc: "a row that nobody makes", table: { "map a": "others", "x.ts THINGS_MOST": "- no", "x.ts MAX_OTHERS": "- no" }, faults: ["map a"] },
])("$desc", ({ table, faults }) => {
  expect(checkBounds([map, limits], table).map((fault) => fault.split(":", 1)[0])).toEqual(faults);
});
