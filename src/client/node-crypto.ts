import { createPublicKey, verify } from 'node:crypto';
import { blake3 } from '@napi-rs/blake-hash';
import type { ClientCrypto } from './crypto.ts';

/** The same in native code: about ten times as fast. */
export const nodeCrypto: ClientCrypto = {
  blake3: (bytes) => blake3(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  isSigned: ({ kty, crv, x }, bytes, signature) =>
    verify(null, bytes, createPublicKey({ key: { kty, crv, x }, format: 'jwk' }), signature),
};
