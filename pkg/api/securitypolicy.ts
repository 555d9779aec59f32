// Kind SecurityPolicy: how the sessions of a service are authenticated and encrypted (behaviour 1.3, protocol 7, 8).
// Namespaced. Fields only; the compiler refuses what this version does not do, so that nothing runs weaker than asked.
import { z } from "zod";
import { durationField } from "./duration.ts";
import { namespacedKind } from "./envelope.ts";
import { choiceField, switchField } from "./fields.ts";
import { nameField } from "./names.ts";

const securityPolicySpec = z.strictObject({
  hmacScope: choiceField(["MetadataOnly", "EveryPacket"], { description: "Packets that carry a tag. Default: MetadataOnly." }).default("MetadataOnly"),
  payloadEncryption: choiceField(["None", "CBC", "GCM"], { description: "Cipher for payloads, AES-256. Default: None." }).default("None"),
  adaptive: switchField({ description: "Leave payloads that are encrypted already as they are; only with payloadEncryption. Default: true." }).default(true),
  clearPaths: switchField({ description: "A path that says payloadEncryption: None carries payloads in the clear; else it encrypts them all the same. Default: false.", example: true }).default(false),
  payloadKeyRotation: durationField({ description: "Age at which a payload key is replaced. Default: 24h.", example: "24h", min: "1h", max: "720h" }).default("24h"),
  postQuantumRequired: switchField({ description: "Use only peers by certificate, whose keys come from an exchange with ML-KEM-768: a peer with a pre-shared key alone gets no session of the service, and none from it. Default: false.", example: false }).default(false),
}).prefault({}).meta({ description: "How the sessions of a service are protected." });

/** securityPolicySchema is kind SecurityPolicy. */
export const securityPolicySchema = namespacedKind("SecurityPolicy", nameField, securityPolicySpec);

/** SecurityPolicy is how sessions are protected. */
export type SecurityPolicy = z.output<typeof securityPolicySchema>;
