// Peers of a Router: who they are, what they may assert, and the paths to them (protocol 7, 8, 15.4). Part of router.ts.
import { z } from "zod";
import { choiceField, countField, keyedField, listField, switchField, textField } from "./fields.ts";
import { routerNameField, tenantOrGlobalField, wordField } from "./names.ts";
import { addressField, mtuField, vlanField, waypointPortsField } from "./network.ts";

const pathField = z.strictObject({
  name: wordField("Name of the path, unique for the peer; the peer sees it.", "internet"),
  interface: wordField("Own interface to leave by.", "wan0"),
  vlan: vlanField.optional().meta({ description: "VLAN id. Default: untagged.", examples: [100] }),
  localAddress: addressField("Own waypoint address. Default: the first waypoint of the interface in the family of remoteAddress.", "192.0.2.1").optional(),
  remoteAddress: addressField("Waypoint address of the peer; its public address when it is behind a 1:1 NAT.", "198.51.100.1"),
  gateway: addressField("Next hop. Default: none when the remote address is on link, else the gateway of the interface.", "192.0.2.254").optional(),
  ports: waypointPortsField.optional().meta({ description: "Range of waypoint ports that the peer announced. Default: what its Router object says, else the ports of the protocol.", examples: ["20000-29999"] }),
  vector: wordField("Vector for the path preference of a ServicePolicy. Default: that of the service route.", "mpls").optional(),
  mtu: mtuField.optional().meta({ description: "Largest IP packet of the path in bytes. Default: that of the interface.", examples: [1400] }),
  payloadEncryption: choiceField(["None", "CBC", "GCM"], { description: "Cipher for payloads on this path in place of that of the SecurityPolicy of the service, the same on both routers: CBC or GCM also where the policy has none (adaptive then, as policies are by default); None, for a line that is trusted, only where the policy says clearPaths. Default: as the policy says.", example: "GCM" }).optional(),
  pairs: countField({ description: "Pairs of waypoint ports, the most sessions of the path. Default: 50000.", example: 50_000, min: 1, max: 1_000_000 }).default(50_000),
}).meta({ description: "A path: a local and a remote address." });

const hmacField = z.strictObject({
  mode: choiceField(["TimeBased", "Regular", "Disabled"], { description: "How packets are authenticated; both sides must agree. Default: TimeBased." }).default("TimeBased"),
  window: countField({ description: "Epochs of 2 s accepted before and after now, with TimeBased. Default: 1.", example: 1, min: 1, max: 5 }).default(1),
}).meta({ description: "How packets between both are authenticated." });

const metadataEncryptionField = z.strictObject({
  enabled: switchField({ description: "Encrypt metadata to the peer. Default: true." }).default(true),
  suite: choiceField(["CBC", "GCM"], { description: "AES-256-CBC or AES-256-GCM. Default: CBC." }).default("CBC"),
  required: switchField({ description: "Drop clear metadata from the peer. Default: as enabled." }).optional(),
}).meta({ description: "Encryption of metadata." });

const pskField = z.strictObject({
  file: textField({ description: "File with the pre-shared key: at least 32 random bytes as hex, base64 or raw bytes; closed to other users. Relative to the key directory: in a pod the Secret of its class (keySecret), else --key-dir, which is the configuration directory by default.", example: "keys/branch-transit.psk", max: 4_096 }),
  generation: countField({ description: "Counts rotations; both sides must agree. Default: 1.", example: 1, min: 1, max: 2_147_483_647 }).default(1),
}).meta({ description: "Pre-shared key. Default: none, certificates say who the peer is." });

/** peerField is one peer of a router. */
export const peerField = z.strictObject({
  name: routerNameField.meta({ description: "Name of the peer router.", examples: ["transit"] }),
  paths: keyedField(pathField, { description: "Ways to the peer.", min: 1, max: 64, key: "name" }),
  psk: pskField.optional(),
  outboundOnly: choiceField(["None", "ThisRouter", "Peer"], { description: "Side that nothing reaches unasked, behind a NAT for example: it begins key exchanges, else the router with the lower name does. Default: None.", example: "Peer" }).default("None"),
  hmac: hmacField.prefault({}),
  metadataEncryption: metadataEncryptionField.prefault({}),
  originSignature: choiceField(["Ignore", "VerifyIfPresent", "Require"], { description: "Signatures of the first router of a session in what comes from the peer: Ignore does not look at them and sends the peer none, VerifyIfPresent drops what is signed wrongly, Require also what is not signed, or by a router that trust.origins does not list. Default: VerifyIfPresent.", example: "Require" }).default("VerifyIfPresent"),
  allowedTenants: listField(tenantOrGlobalField, { description: "Tenants that the peer may assert; each covers its children. Default: none.", example: ["acme"], max: 1_024, unique: true }).default([]),
}).meta({ description: "A peer." });

/** RouterPeer is one peer of a Router. */
export type RouterPeer = z.output<typeof peerField>;
