// explain says what the lookup does, for any configuration: its verdict, its service, its reason, its way out.
import fc from "fast-check";
import { addressOfWords } from "../base/address.ts";
import { randomObjects, randomQuestions } from "../../test/support/config/random.ts";
import { compile } from "./compile.ts";
import type { PathConfig, PeerConfig, ServiceConfig } from "./config.ts";
import { explain } from "./explain.ts";
import type { WhyQuestion } from "./explain.ts";
import { buildLookup } from "./lookup.ts";
import type { Lookup } from "./lookup.ts";

interface Verdict { allow: boolean; reason?: string; service?: string }

/** Whether payloads of a service are encrypted on a path, if their hosts do not encrypt them. */
function isSecret({ security }: ServiceConfig, { payload }: PathConfig): boolean {
  if (payload === 0 && security?.clearPaths === true) return false;
  return (payload ?? 0) > 0 || (security?.suite ?? 0) > 0;
}

/** Their key travels in metadata, and each packet has a tag (protocol 8.2). */
const holdsSecrets = ({ metadataEncryption, hmac }: PeerConfig): boolean => metadataEncryption.enabled && hmac.mode !== "Disabled";

/** The verdict from the lookup's own answers. */
function verdictOf(lookup: Lookup, { tenant = "", proto, port, destination: asked }: WhyQuestion): Verdict {
  const destination = lookup.nat.insideOf(asked)?.address ?? asked;
  const found = lookup.find(lookup.tenantId(tenant) ?? -1, proto, port, destination);
  if (found.access === "miss") return { allow: false, reason: found.why };
  const service = found.service.name;
  if (found.access === "deny") return { allow: false, reason: "access", service };
  const route = lookup.routes(service, destination.family).find((one) => one.kind !== "peer" || !isSecret(found.service, lookup.path(one.path)!) || holdsSecrets(lookup.peer(one.peer)!));
  if (route === undefined) return { allow: false, reason: "no-path", service };
  if (route.kind === "peer") return { allow: true, service };
  const source = addressOfWords(destination.family, 0);
  const choice = lookup.nat.sourceFor({ sourceNat: found.service.sourceNat, out: route, tenant, source, turnsBack: false, wasOutside: destination !== asked });
  if (choice.kind === "ports" && choice.addresses.length === 0) return { allow: false, reason: "nat", service };
  return { allow: true, service };
}

test("P-1 P-2 P-3 the verdict is that of the lookup, and the last step is the one that decides", () => {
  const seen = new Set<string>();
  fc.assert(fc.property(randomObjects, randomQuestions, (objects, questions) => {
    for (const config of compile({ objects }).routers.values()) {
      const lookup = buildLookup(config);
      for (const question of questions) {
        const { steps, tenant, ...verdict } = explain(config, question);
        expect(verdict).toEqual(verdictOf(lookup, question));
        expect(tenant).toBe(question.tenant);
        expect(steps.map((step) => step.ok)).toEqual(steps.map((_step, index) => verdict.allow || index < steps.length - 1));
        seen.add(verdict.reason ?? "allow");
      }
    }
  }), { numRuns: 150 });
  expect([...seen]).toEqual(expect.arrayContaining(["access", "allow", "no-path", "no-service"]));
});
