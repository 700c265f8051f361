import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

export const KEY_BYTES = 32;
const DAY_MS = 86_400_000;
/** A root key may be this old (K5); the warning comes before. */
export const KEY_AGE_MAX_MS = 30 * DAY_MS;
export const KEY_AGE_WARN_MS = 25 * DAY_MS;

export interface RootKey {
  readonly id: string;
  readonly createdMs: number;
  readonly key: KeyObject;
}

/** Something is wrong with a keyring: the message says what, and never a byte of a key. */
export class KeyringError extends Error {
  readonly setting = 'keyring';
}

/** `fresh`, `aging` (rotate soon) or `overdue` (K5). */
export type KeyAge = 'fresh' | 'aging' | 'overdue';

/** Root keys, newest last; capabilities are minted with the newest and verified with any that is not too old (K2, K5). */
export class Keyring {
  readonly keys: readonly RootKey[];
  private readonly byId: ReadonlyMap<string, RootKey>;

  constructor(keys: readonly RootKey[]) {
    if (keys.length === 0) throw new KeyringError('keyring: holds no key');
    this.byId = new Map(keys.map((key) => [key.id, key]));
    if (this.byId.size !== keys.length) throw new KeyringError('keyring: an id is there twice');
    this.keys = [...keys].sort((a, b) => a.createdMs - b.createdMs);
  }

  get newest(): RootKey {
    return this.keys[this.keys.length - 1] as RootKey;
  }

  find(id: string): RootKey | undefined {
    return this.byId.get(id);
  }

  /**
   * Wall time from which this key verifies nothing: 30 days after it was made, once another took its place. The newest one goes
   * on, so that consumers can finish; the server is then not ready and takes no sends (K5, BD3).
   */
  endsMs(key: RootKey): number {
    return key === this.newest ? Number.POSITIVE_INFINITY : key.createdMs + KEY_AGE_MAX_MS;
  }

  /** The age of the key that signs now. */
  age(wallMs: number): KeyAge {
    const ageMs = wallMs - this.newest.createdMs;
    if (ageMs >= KEY_AGE_MAX_MS) return 'overdue';
    return ageMs >= KEY_AGE_WARN_MS ? 'aging' : 'fresh';
  }

  /** With a fresh key; those older than `keepMs` before now are left out (K5: the overlap of a rollover). */
  rotated(nowMs: number, keepMs: number): Keyring {
    const number = Math.max(0, ...this.keys.map((key) => Number(/^k([0-9]{1,9})$/.exec(key.id)?.[1] ?? 0))) + 1;
    return new Keyring([...this.keys.filter((key) => key.createdMs > nowMs - keepMs), freshKey(`k${number}`, nowMs)]);
  }

  /** The same ring; keys that `before` holds too are its very objects, so that identity tells which ones stayed. */
  keeping(before: Keyring): Keyring {
    return new Keyring(
      this.keys.map((key) => {
        const known = before.find(key.id);
        return known?.key.equals(key.key) && known.createdMs === key.createdMs ? known : key;
      }),
    );
  }
}

export function freshKey(id: string, createdMs: number): RootKey {
  const bytes = randomBytes(KEY_BYTES);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return { id, createdMs, key };
}
