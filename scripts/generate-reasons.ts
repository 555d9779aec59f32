// Writes pkg/datapath/bpf/svr_reasons.h and docs/reference/drop-reasons.md from pkg/svr/reasons.ts.
// Run by hand after a change of the table; with --check (used by the tests) it only compares and exits 1 when one is stale.
import { reasons, reasonSlots } from "../pkg/svr/reasons.ts";
import type { ReasonEntry, ReasonGroup } from "../pkg/svr/reasons.ts";
import { emit, origin, table } from "./generated.ts";

const generator = "generate-reasons.ts";
const head = origin(generator, "pkg/svr/reasons.ts");
const titles: Record<ReasonGroup, string> = {
  deny: "Refused first packets", wire: "Dropped packets of peers", datapath: "Dropped by the data plane", end: "Why sessions end",
};

/** constantOf names a reason in C. */
function constantOf(entry: ReasonEntry): string {
  return `SVR_${entry.group === "end" ? "END" : "DROP"}_${entry.name.toUpperCase().replaceAll("-", "_")}`;
}

function lineOf(entry: ReasonEntry): string {
  return `\t${constantOf(entry)} = ${entry.number}, /* ${entry.meaning} */`;
}

/** header is the text of the C header. */
function header(): string {
  const drops = reasons.filter((entry) => entry.group !== "end").map(lineOf);
  const ends = reasons.filter((entry) => entry.group === "end").map(lineOf);
  return [
    "/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */", `/* ${head} */`, "#ifndef SVR_REASONS_H", "#define SVR_REASONS_H", "",
    `#define SVR_REASON_SLOTS ${reasonSlots}`, "", "enum svr_reason {", "\tSVR_DROP_NONE = 0,", ...drops, "};", "",
    "enum svr_end {", "\tSVR_END_NONE = 0,", ...ends, "};", "#endif", "",
  ].join("\n");
}

function tableOf(group: ReasonGroup): string[] {
  const rows = reasons.filter((entry) => entry.group === group).map((entry) => [String(entry.number), `\`${entry.name}\``, entry.meaning]);
  return [`## ${titles[group]}`, "", ...table(["number", "reason", "meaning"], rows)];
}

/** page is the text of the reference page. */
function page(): string {
  const groups = (Object.keys(titles) as ReasonGroup[]).flatMap(tableOf);
  return [`<!-- ${head} -->`, "# Reasons", "",
    "Every dropped packet and every ended session has one of these reasons: in counters, records, events and in `svrctl`.",
    "Numbers never change and are never used again.", "", ...groups].join("\n");
}

emit(generator, { "pkg/datapath/bpf/svr_reasons.h": header(), "docs/reference/drop-reasons.md": page() });
