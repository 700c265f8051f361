/** Revoked nonces and key ids of this process (S3). Bounded: what cannot be remembered is not promised. */
export const REVOCATIONS_MAX = 100_000;

export class Revocations {
  private readonly nonces = new Set<string>();
  private readonly keyIds = new Set<string>();

  /** False when the list is full: the caller must be told that nothing was revoked. */
  add(kind: 'nonce' | 'key_id', value: string): boolean {
    const set = kind === 'nonce' ? this.nonces : this.keyIds;
    if (set.size >= REVOCATIONS_MAX && !set.has(value)) return false;
    set.add(value);
    return true;
  }

  has(nonce: string, keyId: string): boolean {
    return this.nonces.has(nonce) || this.keyIds.has(keyId);
  }
}
