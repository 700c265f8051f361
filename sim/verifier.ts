import { Authority } from '../src/auth/authorize.ts';
import type { AskRemote } from '../src/auth/remote.ts';
import type { Clock } from '../src/ports/clock.ts';
import { keyringOf } from './capabilities.ts';
import type { Draws, Range } from './random.ts';

/** What is wrong with a verifier: it answers nothing, or nothing that is a verdict. */
export const VERIFIER_TROUBLES = ['silent', 'erring'] as const;
export type VerifierTrouble = (typeof VERIFIER_TROUBLES)[number];

/** Whoever asks waits no longer for an answer. */
const TIMEOUT_MS = 1_000;

/** A remote verifier, as one node reaches it (B8): it holds the root keys. */
export class SimVerifier {
  keys: readonly number[] = [1];
  trouble: VerifierTrouble | null = null;
  private readonly parts: { readonly clock: Clock; readonly random: Draws; readonly answerMs: Range };
  private readonly later: (ms: number, run: () => void) => void;

  /** `later`: when its answer comes, the process may be gone or asleep. */
  constructor(parts: SimVerifier['parts'], later: (ms: number, run: () => void) => void) {
    this.parts = parts;
    this.later = later;
  }

  readonly ask: AskRemote = (token, done) => {
    const { random, answerMs } = this.parts;
    const { trouble } = this;
    if (trouble === 'silent') return this.later(TIMEOUT_MS, () => done(null, false));
    this.later(random.within(answerMs), () => {
      if (trouble === 'erring') done(null, true);
      else done({ valid: this.isValid(token) }, true);
    });
  };

  private isValid(token: string): boolean {
    const authority = new Authority(keyringOf(this.keys), this.parts.clock, 0);
    return typeof authority.authenticate(`Bearer ${token}`) !== 'string';
  }
}
