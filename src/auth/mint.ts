import { randomBytes } from 'node:crypto';
import type { CapFormat } from '../../spec/vocabulary.ts';
import { scopeOf } from './caveats.ts';
import type { Keyring } from './keyring.ts';
import { mintToken } from './macaroon.ts';

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 26 characters of Crockford's base32: 130 random bits. */
function freshNonce(): string {
  let nonce = '';
  for (const byte of randomBytes(26)) nonce += BASE32[byte & 31];
  return nonce;
}

/** A capability signed by the newest key. @throws Error when a mandatory caveat is missing or one is unknown (E1). */
export function mint(
  keyring: Keyring,
  caveats: readonly string[],
  format: CapFormat = 'v1',
): { readonly token: string; readonly nonce: string } {
  const scope = scopeOf(caveats);
  if (typeof scope === 'string') throw new Error(`capability: ${scope}`);
  const { id, key } = keyring.newest;
  const nonce = freshNonce();
  return { token: mintToken(key, id, nonce, caveats, format), nonce };
}
