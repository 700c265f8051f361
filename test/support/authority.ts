import { type AuthFailure, Authority, type AuthorityOptions, type Capability } from '../../src/auth/authorize.ts';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { mint } from '../../src/auth/mint.ts';

export const START_S = 1_800_000_000;
export const LATER = `expires = ${START_S + 3600}`;
export const FULL = ['topic = orders', 'op = send,recv,ack', LATER, 'quota_ops = 5/10'];

/** An authority on clocks of its own. */
export class AuthorityBench {
  wall = START_S * 1000;
  now = 5_000;
  readonly keyring = new Keyring([freshKey('k1', (START_S - 1000) * 1000), freshKey('k2', (START_S - 500) * 1000)]);
  readonly authority: Authority;

  constructor(options: AuthorityOptions = {}, cacheTtlMs = 30_000) {
    const clock = { nowMs: () => this.now, wallMs: () => this.wall };
    this.authority = new Authority(options.remote === undefined ? this.keyring : null, clock, cacheTtlMs, options);
  }

  token(...caveats: string[]): string {
    return mint(this.keyring, caveats).token;
  }
  ask(token: string): Capability | AuthFailure {
    return this.authority.authenticate(`Bearer ${token}`);
  }
  capability(token: string): Capability {
    const answer = this.ask(token);
    if (typeof answer === 'string') throw new Error(answer);
    return answer;
  }
  /** Both clocks go on. */
  pass(ms: number): void {
    this.now += ms;
    this.wall += ms;
  }
}
