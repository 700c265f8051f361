/** Revoked nonces and key ids (S3). Bounded: what cannot be remembered is not promised. */
export const REVOCATIONS_MAX = 100_000;

export type RevocationKind = 'nonce' | 'key_id';

/** One revocation, as it is persisted. */
export interface Revocation {
  readonly kind: RevocationKind;
  /** A nonce of 26 characters, or a key id. */
  readonly value: string;
  /** When it was said, ms of the service clock. */
  readonly atMs: number;
}

export class Revocations {
  private readonly nonces = new Map<string, number>();
  private readonly keyIds = new Map<string, number>();

  /** Takes effect at once. False when the list is full: the caller must be told that nothing was revoked. */
  add({ kind, value, atMs }: Revocation): boolean {
    const map = this.of(kind);
    if (map.has(value)) return true;
    if (map.size >= REVOCATIONS_MAX) return false;
    map.set(value, atMs);
    return true;
  }

  has(nonce: string, keyId: string): boolean {
    return this.nonces.has(nonce) || this.keyIds.has(keyId);
  }

  /** Everything that is revoked, oldest first of each kind: what a snapshot keeps, and `add` takes back. */
  *list(): Generator<Revocation> {
    for (const kind of ['nonce', 'key_id'] as const) {
      for (const [value, atMs] of this.of(kind)) yield { kind, value, atMs };
    }
  }

  /**
   * Forgets nonces revoked before `beforeMs` of the service clock, when the oldest root key was made: whatever carries them was
   * signed by a key that is gone. @returns how many
   */
  forgetNonces(beforeMs: number): number {
    let forgotten = 0;
    for (const [nonce, atMs] of this.nonces) {
      if (atMs >= beforeMs) continue;
      this.nonces.delete(nonce);
      forgotten++;
    }
    return forgotten;
  }

  get size(): number {
    return this.nonces.size + this.keyIds.size;
  }

  private of(kind: RevocationKind): Map<string, number> {
    return kind === 'nonce' ? this.nonces : this.keyIds;
  }
}
