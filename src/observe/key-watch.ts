import type { Log } from './log.ts';

/** What is looked at of a keyring. */
interface WatchedKeyring {
  readonly newest: { readonly id: string; readonly createdMs: number };
  age(wallMs: number): 'fresh' | 'aging' | 'overdue';
}

const DAY_MS = 86_400_000;

/** Watches the age of the root key that signs (K5): a line when it begins to age, one when it is overdue, each once a day. */
export class KeyWatch {
  private readonly log: Log;
  private said = '';

  constructor(log: Log) {
    this.log = log;
  }

  look(keyring: WatchedKeyring, wallMs: number): 'fresh' | 'aging' | 'overdue' {
    const age = keyring.age(wallMs);
    if (age === 'fresh') return age;
    const { id, createdMs } = keyring.newest;
    const age_days = Math.floor((wallMs - createdMs) / DAY_MS);
    const news = `${id} ${age} ${age_days}`;
    if (news !== this.said) {
      this.said = news;
      if (age === 'aging') this.log.warn('keyring.aging', { key_id: id, age_days, reason: 'rotate before 30 days' });
      else this.log.error('keyring.overdue', { key_id: id, age_days, reason: 'sends are refused until it is rotated' });
    }
    return age;
  }
}
