// The product's key exchange against the second implementation of test/support/kxoracle.ts, in both roles: same transcripts, same keys.
import { createHash, sign, verify } from "node:crypto";
import { ok } from "../base/result.ts";
import { toHex } from "../base/bytes.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { KxInitiator } from "../svr/kxinitiator.ts";
import { readKx } from "../svr/kxmessage.ts";
import type { KxMessage } from "../svr/kxmessage.ts";
import { KxResponder } from "../svr/kxresponder.ts";
import type { KxSelf, KxTrust } from "../svr/kxsecret.ts";
import { oracleEnd, oracleInitiator, oracleResponder } from "../../test/support/kxoracle.ts";
import type { OracleEnd, OracleKeys, OraclePeer } from "../../test/support/kxoracle.ts";
import { nodeKxCrypto } from "./kxcrypto.ts";

const hashOf = (data: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(data).digest());
const selfOf = (end: OracleEnd): KxSelf => ({ name: end.name, chain: end.chain, leafHash: hashOf(end.chain), sign: (data) => sign(null, data, end.privateKey) });
const trustOf = (peer: OraclePeer): KxTrust => (chain) => ok({ name: peer.name, serial: "1", notAfter: 0, leafHash: hashOf(chain), verify: (data, signature) => verify(null, data, peer.publicKey, signature) });
const keysOf = (keys: PeerKeys): OracleKeys => ({ hmac: toHex(keys.hmac), meta: toHex(keys.meta), salt: toHex(keys.salt), keyId: keys.keyId });

function read<Kind extends KxMessage["kind"]>(data: Uint8Array, kind: Kind): Extract<KxMessage, { kind: Kind }> {
  const message = readKx(data);
  if (!message.ok || message.value.kind !== kind) throw new Error(`not ${kind}`);
  return message.value as Extract<KxMessage, { kind: Kind }>;
}

const psk = Buffer.alloc(32, 9);

test.each([["without", undefined], ["with", psk]] as const)("15.2 the product begins, the oracle answers, %s a pre-shared key", (_desc, secret) => {
  const east = oracleEnd("east", 0), west = { ...oracleEnd("west", 0xfffffff0), ...(secret === undefined ? {} : { psk: secret }) };
  const initiator = new KxInitiator({ primitives: nodeKxCrypto, self: () => selfOf(east), peer: "west", trust: trustOf(west), psk: secret, newKeyId: () => 77 });
  const responder = oracleResponder(west, east, Buffer.from(initiator.start(0)[0]!));
  const answered = initiator.answered(read(responder.kx2, "kx2"), 0);
  if (!answered.ok) throw new Error(answered.error);
  const theirs = responder.told(Buffer.from(answered.value.send[0]!)), ours = answered.value.done!;
  expect([keysOf(ours.send), keysOf(ours.receive)]).toEqual([theirs.receive, theirs.send]);
  expect([ours.send.keyId, ours.receive.keyId]).toEqual([0xfffffff0, 77]);
});

test.each([["without", undefined], ["with", psk]] as const)("15.2 the oracle begins, the product answers, %s a pre-shared key", (_desc, secret) => {
  const east = { ...oracleEnd("east", 1), ...(secret === undefined ? {} : { psk: secret }) }, west = oracleEnd("west", 0);
  const responder = new KxResponder({ primitives: nodeKxCrypto, self: () => selfOf(west), trust: trustOf(east), pskAt: () => secret, sourceOf: (key) => ({ key, isExpected: true }), mayBe: (name) => name === "east", newKeyId: () => 88 }, 0);
  const initiator = oracleInitiator(east, west);
  const kx2 = responder.asked(read(initiator.kx1, "kx1"), "place", 0);
  if (!kx2.ok) throw new Error(kx2.error);
  const theirs = initiator.answered(Buffer.from(kx2.value));
  const told = responder.told(read(theirs.kx3, "kx3"), "place", 0);
  if (!told.ok || told.value === undefined) throw new Error("not told");
  expect([keysOf(told.value.send), keysOf(told.value.receive)]).toEqual([theirs.receive, theirs.send]);
});
