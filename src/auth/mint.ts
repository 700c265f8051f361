import { randomBytes } from 'node:crypto';
import type { CapFormat } from '../../spec/vocabulary.ts';
import { futility, scopeOf } from './caveats.ts';
import type { Keyring } from './keyring.ts';
import { attenuateToken, mintToken, parseToken } from './macaroon.ts';

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 26 characters of Crockford's base32: 130 random bits. */
function freshNonce(): string {
  let nonce = '';
  for (const byte of randomBytes(26)) nonce += BASE32[byte & 31];
  return nonce;
}

/** A capability signed by the newest key. @throws Error when no server would take it, or it would be good for nothing (E1). */
export function mint(
  keyring: Keyring,
  caveats: readonly string[],
  format: CapFormat = 'v1',
): { readonly token: string; readonly nonce: string } {
  checkUsable(caveats);
  const { id, key } = keyring.newest;
  const nonce = freshNonce();
  return { token: mintToken(key, id, nonce, caveats, format), nonce };
}

/** The same capability with more caveats; needs no key. @throws Error as `mint`, or when it cannot be read */
export function attenuate(token: string, caveats: readonly string[]): string {
  const narrowed = attenuateToken(token, caveats);
  checkUsable(parseToken(narrowed)?.caveats ?? []);
  return narrowed;
}

function checkUsable(caveats: readonly string[]): void {
  const scope = scopeOf(caveats);
  const wrong = typeof scope === 'string' ? scope : futility(scope);
  if (wrong !== null) throw new Error(`capability: ${wrong}`);
}
