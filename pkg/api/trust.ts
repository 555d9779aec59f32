// Whom a Router believes by certificate, and how often it takes new keys (protocol 15.1, 15.5; behaviour 9.2). Part of router.ts.
import { z } from "zod";
import { durationField } from "./duration.ts";
import { choiceField, listField, patternField, switchField, textField } from "./fields.ts";
import { routerNameField, tenantOrGlobalField } from "./names.ts";
import { ruled } from "./rules.ts";

const authorityField = ruled(z.strictObject({
  pem: textField({ description: "Certificate of the authority, PEM; several ones one after the other count too.", example: "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n", max: 16_384 }).optional(),
  file: textField({ description: "File with such certificates, found as psk.file is.", example: "ca.pem", max: 4_096 }).optional(),
}), {
  holds: ({ pem, file }) => (pem === undefined) !== (file === undefined), cel: "has(self.pem) != has(self.file)",
  error: "has not one of pem and file", fix: "write either pem or file",
}).meta({ description: "An authority." });

const originField = z.strictObject({
  router: routerNameField.meta({ description: "Name of the router, as in its certificate.", examples: ["branch"] }),
  ed25519: patternField({ description: "Its public Ed25519 key, 32 bytes as base64. Default: in a cluster that of the certificate that the Router reports, else none, and its signatures say nothing.", example: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", max: 44, pattern: /^[A-Za-z0-9+/]{43}=$/, what: "32 bytes as base64" }).optional(),
  allowedTenants: listField(tenantOrGlobalField, { description: "Tenants that it may assert, each with its children; the peer that delivers them must be allowed them too. Default: those of the peer of this name, else none.", example: ["acme"], max: 1_024, unique: true }).optional(),
}).meta({ description: "A router that signs what it asserts. Two entries for one router: both keys count." });

/** trustField says which certificates count. */
export const trustField = z.strictObject({
  authorities: listField(authorityField, { description: "Authorities whose certificates count, beside that of the cluster where it has one. Default: those that came with the router's own certificate.", max: 8 }).default([]),
  revoked: listField(patternField({ description: "Serial number of a certificate that counts no more, lower-case hexadecimal.", example: "1f8b3c", max: 40, pattern: /^[0-9a-f]+$/, what: "a serial number in lower-case hexadecimal digits" }), { description: "Certificates that count no more. Their routers lose their keys within 60s. Default: none.", example: ["1f8b3c"], max: 4_096, unique: true }).default([]),
  origins: listField(originField, { description: "Keys of routers whose origin signatures are verified. A router signs when its own key is among them. Default: none.", max: 4_096 }).default([]),
  onFailure: choiceField(["Refuse", "KeepKeys"], { description: "When the certificate of a peer expires: Refuse takes its keys away within 60s, KeepKeys at the next rotation. Revoked ones are refused at once. Default: Refuse.", example: "Refuse" }).default("Refuse"),
}).meta({ description: "Which certificates of peers count." });

/** keyRotationField says how often keys of peers by certificate are replaced. */
export const keyRotationField = z.strictObject({
  enabled: switchField({ description: "Replace the keys again and again. Default: true." }).default(true),
  interval: durationField({ description: "Age at which they are replaced, in whole hours. Default: 24h.", example: "24h", min: "1h", max: "720h" }).default("24h"),
}).meta({ description: "Replacement of the keys between routers." });
