/** Answers missing in a row, to questions of our own, that make the verifier unhealthy; one answer makes it healthy again. */
const SILENT_MAX = 3;
/** An unhealthy verifier is asked this often. */
const PROBE_MS = 1000;
/** Capabilities of so many nonces are kept to ask about. */
const WITNESSES_MAX = 8;

/** A capability that the verifier has vouched for. */
export interface Witness {
  readonly nonce: string;
  readonly token: string;
  /** Whether anything that is known here speaks against it by now. */
  readonly isGood: () => boolean;
}

/** Asks about a token: whether there was a verdict, and whether there was an answer of any kind. */
export type Probe = (token: string, done: (isVerdict: boolean, isReached: boolean) => void) => void;

/**
 * Whether a remote verifier is well (BD3). What strangers present says nothing about that: a forged token may be answered with an
 * error, or never. So it is asked about what it has vouched for before, capabilities of several holders in turn; and where there is
 * none yet, about a token that is nobody's, to which every answer will do. Sans-I/O.
 */
export class VerifierHealth {
  private readonly witnesses = new Map<string, Witness>();
  private readonly nobodys: string;
  private silent = 0;
  private isProbing = false;
  private isByWitness = false;
  private nextMs = Number.NEGATIVE_INFINITY;

  /** `nobodys`: a token that is well-formed and signed by nobody. */
  constructor(nobodys: string) {
    this.nobodys = nobodys;
  }

  get isHealthy(): boolean {
    return this.silent < SILENT_MAX;
  }

  /** It does not answer about what it has vouched for: nobody need wait to hear so again. */
  get isSilent(): boolean {
    return !this.isHealthy && this.isByWitness;
  }

  vouched(witness: Witness): void {
    const { nonce } = witness;
    this.witnesses.delete(nonce);
    this.witnesses.set(nonce, witness);
    if (this.witnesses.size > WITNESSES_MAX) this.witnesses.delete(this.witnesses.keys().next().value as string);
  }

  /** There was a verdict, whatever it was about. */
  answered(): void {
    this.silent = 0;
  }

  /** When `tick` next has something to ask; Infinity for never, -Infinity for now. */
  nextWakeMs(wonders: boolean): number {
    if (this.isProbing || (!wonders && this.silent === 0)) return Number.POSITIVE_INFINITY;
    return this.isHealthy ? Number.NEGATIVE_INFINITY : this.nextMs;
  }

  /** Asks when it is time: at once when something makes us wonder, now and then while it is unhealthy. */
  tick(nowMs: number, wonders: boolean, probe: Probe): void {
    if (this.isProbing || (!wonders && this.silent === 0) || (!this.isHealthy && nowMs < this.nextMs)) return;
    this.isProbing = true;
    this.nextMs = nowMs + PROBE_MS;
    const token = this.nextWitness();
    probe(token ?? this.nobodys, (isVerdict, isReached) => {
      this.isProbing = false;
      this.isByWitness = token !== null;
      if (isVerdict || (token === null && isReached)) this.silent = 0;
      else this.silent++;
    });
  }

  /** Each in its turn; those that are no good any more are let go. */
  private nextWitness(): string | null {
    for (const [nonce, witness] of this.witnesses) {
      this.witnesses.delete(nonce);
      if (!witness.isGood()) continue;
      this.witnesses.set(nonce, witness);
      return witness.token;
    }
    return null;
  }
}
