// The port of origin signatures: Ed25519 by this router's own key, and by keys that the control plane lists (protocol 7.6). Used by each shard
// in its own thread, so every call is synchronous.

/** OriginKeys signs and verifies. */
export interface OriginKeys {
  /** 64 bytes, by the newest own key that is among those that others know (absent: by the newest); undefined while this router has no such Ed25519 key */
  sign(text: Uint8Array, known?: readonly Uint8Array[]): Uint8Array | undefined;
  /** `key` is a raw Ed25519 public key, 32 bytes; one that is none verifies nothing */
  verify(key: Uint8Array, text: Uint8Array, signature: Uint8Array): boolean;
}
