// Compares the layouts of layouts.ts with the types that the eBPF object was compiled with. Called by open.ts before load: a codec
// that is one byte off must never touch a live map. Pure, besides the one function that asks the library for the types.
import { SvrError } from "../base/errors.ts";
import type { Handle, Native } from "../native/binding.ts";
import { bpfLayouts } from "./layouts.ts";
import type { StructLayout } from "./layouts.ts";

const DUMP_BYTES = 1 << 18;

/** BtfStruct is one struct of the object: fields as "offset size". */
interface BtfStruct { size: number; fields: Map<string, string> }

/** parseBtf reads the text of svr_btf_dump; lines that are no struct or field are other types. */
function parseBtf(text: string): Map<string, BtfStruct> {
  const structs = new Map<string, BtfStruct>();
  let open: BtfStruct | undefined;
  for (const line of text.split("\n")) {
    const [kind = "", name = "", a = "", b = ""] = line.split(" ");
    if (kind === "struct") {
      open = { size: Number(a), fields: new Map() };
      structs.set(name, open);
    } else if (kind === "field") open?.fields.set(name, `${a} ${b}`);
    else open = undefined;
  }
  return structs;
}

/** compareLayout lists in words where a layout and the object differ. */
function compareLayout(layout: StructLayout, structs: ReadonlyMap<string, BtfStruct>): string[] {
  const found = structs.get(layout.name);
  if (found === undefined) return [`${layout.name} is missing`];
  const differences = layout.size === found.size ? [] : [`${layout.name} has ${found.size} bytes, not ${layout.size}`];
  for (const { name, offset, size } of layout.fields) {
    const there = found.fields.get(name);
    if (there !== `${offset} ${size}`) differences.push(`${layout.name}.${name} is at ${there ?? "no place"} (offset and size), not ${offset} ${size}`);
  }
  for (const name of found.fields.keys()) {
    if (!layout.fields.some((field) => field.name === name)) differences.push(`${layout.name}.${name} is unknown here`);
  }
  return differences;
}

/** checkLayouts throws SVR_BPF_LOAD when the object's structs are not those of this program. */
export function checkLayouts(native: Native, load: Handle, object: string): void {
  const out = new Uint8Array(DUMP_BYTES);
  const length = native.btfDump(load, out, out.length);
  const structs = parseBtf(length < 0 ? "" : new TextDecoder().decode(out.subarray(0, length)));
  const differences = bpfLayouts.flatMap((layout) => compareLayout(layout, structs));
  if (differences.length === 0) return;
  throw new SvrError("SVR_BPF_LOAD", {
    object, attempted: `the eBPF object ${object} has other layouts than this program: ${differences.slice(0, 3).join("; ")}`,
    fix: 'build both from one source: "make -C pkg/datapath/bpf"',
  });
}
