import { blake3 } from '@noble/hashes/blake3.js';
import { bytesOfBase64 } from './bytes.ts';
import type { PublicJwk } from './types.ts';

/** The two algorithms that an envelope is checked with; another implementation may be given for speed. */
export interface ClientCrypto {
  /** BLAKE3-256: 32 bytes. */
  blake3(bytes: Uint8Array): Uint8Array;
  /** Whether the key made this Ed25519 signature of these bytes. */
  isSigned(key: PublicJwk, bytes: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

/** What runs everywhere; signatures need Web Crypto, which browsers give to pages over https and from localhost. */
export const portableCrypto: ClientCrypto = {
  blake3: (bytes) => blake3(bytes),
  async isSigned({ x }, bytes, signature) {
    const key = await crypto.subtle.importKey('raw', whole(bytesOfBase64(x)), 'Ed25519', false, ['verify']);
    return crypto.subtle.verify('Ed25519', key, whole(signature), whole(bytes));
  },
};

const whole = (bytes: Uint8Array): ArrayBuffer =>
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
