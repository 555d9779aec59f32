// Kind RouterConfig: the compiled configuration of a router, as a head that lists pages, and pages that are named by the SHA-256 of
// their content. Written by the operator, read by routers. Cluster scope. Fields only; the content is pkg/plan/pages.ts.
import { z } from "zod";
import { clusterKind } from "./envelope.ts";
import { choiceField, countField, listField, patternField, textField } from "./fields.ts";
import { routerNameField } from "./names.ts";
import { changeRule, ruled } from "./rules.ts";

const digest = { max: 64, pattern: /^[0-9a-f]{64}$/, what: "a SHA-256 of 64 hex digits", example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" };

const configNameField = patternField({ description: "Name of the router, or of a page.", example: "branch-7", max: 64, pattern: /^([0-9a-f]{64}|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*)$/, what: "the name of a router or of a page" });

const headField = z.strictObject({
  router: routerNameField.meta({ description: "Router that it is for; also the name of the object.", examples: ["branch-7"] }),
  nodeName: textField({ description: "Node of the Router: whose account may write the status. Default: none, a branch.", example: "node-1", max: 253, min: 0 }).default(""),
  format: countField({ description: "Version of the content; routers refuse others.", example: 1, min: 1, max: 1_000 }),
  version: textField({ description: "Version of the operator that wrote it.", example: "0.1.0", max: 64 }),
  hash: patternField({ description: "SHA-256 of the names of the pages in their order, one a line.", ...digest }),
  pages: listField(patternField({ description: "Name of a page.", ...digest }), { description: "Pages in their order.", example: [digest.example], max: 4_096 }),
}).meta({ description: "What a router is to read." });

const pageField = z.strictObject({
  content: textField({ description: "Lines of the configuration.", example: "config {}", max: 524_288 }),
}).meta({ description: "A part of configurations, shared by all heads that name it." });

const routerConfigSpec = changeRule(ruled(ruled(z.strictObject({
  type: choiceField(["Head", "Page"], { description: "Head: what a router is to read. Page: a part of it." }),
  head: headField.optional(),
  page: pageField.optional(),
}), {
  holds: (spec) => (spec.type === "Head") === (spec.head !== undefined), cel: "(self.type == 'Head') == has(self.head)", error: "goes with type: Head, and only with it", path: "head", fix: "leave RouterConfigs to the operator",
}), {
  holds: (spec) => (spec.type === "Page") === (spec.page !== undefined), cel: "(self.type == 'Page') == has(self.page)", error: "goes with type: Page, and only with it", path: "page", fix: "leave RouterConfigs to the operator",
}).meta({ description: "The compiled configuration of a router. Written by the operator; do not edit." }), {
  cel: "self.type == oldSelf.type && (!has(self.page) || !has(oldSelf.page) || self.page.content == oldSelf.page.content)",
  error: "neither the type nor the content of a page ever changes", fix: "leave RouterConfigs to the operator",
});

/** routerConfigSchema is kind RouterConfig. */
export const routerConfigSchema = ruled(clusterKind("RouterConfig", configNameField, routerConfigSpec), {
  holds: ({ metadata, spec }) => (spec.type === "Head" ? metadata.name === spec.head?.router : digest.pattern.test(metadata.name)),
  cel: "self.spec.type == 'Head' ? !has(self.spec.head) || self.metadata.name == self.spec.head.router : self.metadata.name.matches('^[0-9a-f]{64}$')",
  path: "metadata.name", error: "metadata.name is not that of the router of the head, or the SHA-256 of the content of the page", fix: "leave RouterConfigs to the operator",
});

/** RouterConfigObject is a head or a page. */
export type RouterConfigObject = z.output<typeof routerConfigSchema>;
