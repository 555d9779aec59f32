// Writes crds/*.yaml, one CustomResourceDefinition a kind, and deploy/crds.yaml with all of them, from the schemas of the kinds.
// Run by hand after a change of a kind; with --check (used by the tests) it only compares and exits 1 when one is stale.
import { stringify } from "yaml";
import { crdOf } from "../pkg/api/crd.ts";
import { namings, servedKinds } from "../pkg/api/served.ts";
import { emit, origin } from "./generated.ts";

const generator = "generate-crds.ts";
const texts = servedKinds.map((kind) => ({ plural: namings[kind].plural, text: stringify(crdOf(kind), { lineWidth: 0, aliasDuplicateObjects: false, version: "1.1" }) }));
const head = `# ${origin(generator, "pkg/api")}\n`;

emit(generator, {
  ...Object.fromEntries(texts.map(({ plural, text }) => [`crds/${plural}.yaml`, `${head}${text}`])),
  "deploy/crds.yaml": `${head}# Install or upgrade: kubectl apply --server-side -f crds.yaml\n${texts.map(({ text }) => text).join("---\n")}`,
});
