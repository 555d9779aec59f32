// Known answers of the key exchange's cryptography (RFC 7748, FIPS 203, RFC 5869), and that a wrong or missing one is named.
import { createPublicKey, decapsulate } from "node:crypto";
import { fromHex, toHex } from "../base/bytes.ts";
import { nodeKxCrypto } from "./kxcrypto.ts";
import { kxFaults, seededMlkem } from "./kxselftest.ts";

const SEED = "e34a701c4c87582f42264ee422d3c684d97611f2523efe0c998af05056d693dca85768f3486bd32a01bf9a8f21ea938e648eae4e5448c34c3eb88820b159eedd";
/** Made from the public key of this seed and m = 00 01 .. 1f by another implementation of FIPS 203 (Go's crypto/mlkem). */
const CIPHERTEXT = [
  "c608bfebb9a2349a594964aa0a136c392bb08f0cf86772bbc2d88ccb6979c47b3198c50acc7d7d8d6be54cc5218d463121c50e1c95792af899b4204c40ca46f6bf9faf88",
  "d99bd194f1817fc43b80614f59dd67499f6c400726fe56b60315d5fb9d551f42b0cc4c634dab9cb8b229f0b5beda9adfe779b45ec2405855454fe8b7303b9d4e6010ba87",
  "47ab693265c85080ae09268ea59be3a019ff0df602bc196f5474544ebf6d4e24e7f5fb7a0e5968275ffa72baebdc0cd7cf31acd2f849a149544ae486e99e79624d7f808e",
  "75e683540e1fb9d59ef86ba77dd9fda2bcf521d7c425d254763db0d1171167196068ceb5ac968324b42acd01786df85826ea5e3f855ae72b63d7729f9863558e7af3cbf1",
  "02c2ec676b66dbb56d7bc8b1fe1cc990f65542e0c7453e0f78d1267ad10016ea03baae20e937e4f192f17ba71e2bc1af58abef7fe3a81be04e4690d827be4eb839e0e42c",
  "47b89c9b6d36b750102b3c72d7a57f1fd3a245e2bb55a4f20499d1da420c58e5d2df2cb2430c5c7591c326daaf48fd4cb738dd156e44088a0695ca348b1c1c04a5fa9c41",
  "4490f73c1bd783384f672938a33c55fd3aee39a833c1311e5a515dc520fcf2bd0c2a9d4cbe6081b95814ba634e1b9066b5fce190076c9dfaf44bc9e82db87438afd92e6a",
  "f787a4252b28b8640b5e2c4e34376418e0bb8ff9ef40313cf00aa52cca42c6b7cf4e00bd769eea9125c6e467c91e6d98994fd7a33371ba6b64b21e24d5e2a80875cf5c3d",
  "69df9f261a916629ee6ada2a0f0c045051281e12dd849245e36381968f5a50cca4915696d94804524365bccca536fdeb31a03afbc7ed177ed48d811f9578f0e3429031bd",
  "a6c8e97b5268ce988cbbf1aa10202750b61e3bb5a432094c0a3bc103701e4462f0e4ea43ec99e766546ca217c8668b9103d5aa0ab6b55b1035ba5fdfdd437cae0e6fc074",
  "408d008fc04fa7240c603ab617803c257de343cb745bbe7801b873b9f6a4d868bd7353aae949614531c80b5fde400f53ed8e7a0d08cf27349d2d8eeb77f55b1d91152725",
  "2794de7fee2c6bd0e4a2a2610e0a62c23350713bdfa90ba6da73280b3e4d07a72c15823a970df207f18ea505af9d7ab70fa36ed75030c5e2b20454ec4627d16295b3a8af",
  "e4bf79015289c711c165a521eea56f8e6df062b1dc24e43c1773fc876375e54a47bb7d334e97426ca18108e07c2e3a403cd99d2730bbfccc969389a9df2441a07deea4af",
  "29a9073d12a81b00353aff4bd297c98bbf850b067e94f709dfbc9baa5d60fce7a2c73eee364f8665cdc7166bf9a355be3f4215bd90f5d4cb1ea8cfc4ae7718b22754b05b",
  "17ea567f388532f780ec77cb60e048202fac66bae0f80fd1cdfe26668b9026a079f081487f79de4a8d8d61bf4a6ebffcf04ecaa0bf844a139edea62e6e1b2286b0478cf4",
  "adbabc629940dbd1e3200789c0f328df63eb6f30199e3e746c96d7d3cea7a007cd3bf4eccb1503aed50223914f88b07b3966fa4f9b8cd9c8664a6d7697287c89f79bf1a3",
].join("");
const SECRET = "3e90d7d7aa86b4428c227966abbf5ed6a3d82f3dd0b8b35e0fa799ce83d97590";
/** What the same implementation gives for it with the first bit changed: implicit rejection (FIPS 203 6.3). */
const REJECTED = "0cf5e421d308dc48116c9711116696ec9ba623b7a936392f175bf8ae8523e71c";

test("all known answers are right on this runtime; wrong ones and missing ones are named", () => {
  expect(kxFaults()).toEqual([]);
  expect(kxFaults([["a", () => false], ["b", () => { throw new Error("unknown algorithm"); }], ["c", () => true]]))
    .toEqual(["a gives a wrong answer", "b is missing (unknown algorithm)"]);
});

test("FIPS 203: decapsulation gives what another implementation put in, and another secret for a forged ciphertext", () => {
  const key = seededMlkem(fromHex(SEED)!);
  const ciphertext = fromHex(CIPHERTEXT)!;
  expect(ciphertext.length).toBe(1088);
  expect(toHex(decapsulate(key, ciphertext))).toBe(SECRET);
  ciphertext[0]! ^= 1;
  expect(toHex(decapsulate(key, ciphertext))).toBe(REJECTED);
  expect(createPublicKey(key).export({ format: "raw-public" }).length).toBe(1184);
});

test("lengths and keys of strangers never throw", () => {
  const { agree } = nodeKxCrypto.x25519(), { decapsulate: open } = nodeKxCrypto.mlkem();
  for (const length of [0, 1, 31, 33, 1087, 1184]) expect([agree(new Uint8Array(length)), open(new Uint8Array(length)), nodeKxCrypto.encapsulate(new Uint8Array(length === 1184 ? 0 : length))]).toEqual([undefined, undefined, undefined]);
  expect(agree(new Uint8Array(32))).toBeUndefined(); // gives the all-zero secret
  expect(nodeKxCrypto.encapsulate(new Uint8Array(1184).fill(0xff))).toBeUndefined();
  expect(nodeKxCrypto.open(new Uint8Array(32), new Uint8Array(12), new Uint8Array(0), new Uint8Array(15))).toBeUndefined();
});
