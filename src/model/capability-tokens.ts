import type { RootKey } from '../auth/keyring.ts';
import { attenuateToken, mintToken } from '../auth/macaroon.ts';
import { numberOf } from './capability-project.ts';

/** Capabilities are good for this much longer than they say (TM2). */
const TOLERANCE_S = 120;
const CAVEATS = ['topic = orders', 'op = send,recv,ack', 'quota_ops = 9/1'];

/** A capability that someone has. */
export interface Token {
  readonly header: string;
  readonly token: string;
  /** Number of the key that signed it. */
  readonly key: number;
  /** From here on it is over. */
  readonly endMs: number;
}

/** The tokens of a model: real ones, each made once however often the explorer comes by. */
export class Tokens {
  private readonly made = new Map<string, Token>();

  mint(root: RootKey, nonce: string, endMs: number): Token {
    return this.once(`${root.id} ${nonce} ${endMs}`, numberOf(root.id), endMs, (expires) =>
      mintToken(root.key, root.id, nonce, [...CAVEATS, expires]),
    );
  }

  /** A narrower one, for as long or for less. */
  attenuate(from: Token, endMs: number): Token {
    return this.once(`${from.token} ${endMs}`, from.key, endMs, (expires) =>
      attenuateToken(from.token, ['role = consumer', expires]),
    );
  }

  private once(name: string, key: number, endMs: number, make: (expires: string) => string): Token {
    let token = this.made.get(name);
    if (token === undefined) {
      // Over when the clock shows more than the expiry and the tolerance.
      const text = make(`expires = ${Math.ceil(endMs / 1000) - 1 - TOLERANCE_S}`);
      token = { token: text, header: `Bearer ${text}`, key, endMs };
      this.made.set(name, token);
    }
    return token;
  }
}
