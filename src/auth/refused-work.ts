/** Work that was refused, as time of a processor: what one capability may cost at once, and what is worked off a second (BD4). */
const BURST_US = 2_000_000;
const RELIEF_US_S = 100_000;
/** Capabilities, and nonces, whose debts are kept; the one quiet for longest makes room. */
const DEBTS_MAX = 10_000;
/** Of a request that is refused whatever it holds; of a byte that was read and looked at; of an item of several. */
const REQUEST_US = 100;
const BYTE_US = 0.01;
const ITEM_US = 50;

/** What it took to refuse so much, measured on the dearest bodies (`npm run bench -- refusals`). */
export const refusedUs = (bytes: number, items = 0): number => REQUEST_US + bytes * BYTE_US + items * ITEM_US;

interface Debt {
  us: number;
  atMs: number;
}

/** Debts that are worked off with time, the newest last. */
class Debts {
  private readonly debts = new Map<string, Debt>();

  add(name: string, us: number, nowMs: number): void {
    const left = this.left(name, nowMs);
    // Set anew, so that the order is that of the last one added.
    this.debts.delete(name);
    if (this.debts.size >= DEBTS_MAX) this.debts.delete(this.debts.keys().next().value as string);
    // No debt takes longer than a minute beyond the burst to work off.
    this.debts.set(name, { us: Math.min(left + us, BURST_US + 60 * RELIEF_US_S), atMs: nowMs });
  }

  /** ms until it is below the burst again; 0 when it is. */
  waitMs(name: string, nowMs: number): number {
    const over = this.left(name, nowMs) - BURST_US;
    return over < 0 ? 0 : Math.ceil((over * 1000) / RELIEF_US_S) + 1;
  }

  private left(name: string, nowMs: number): number {
    const debt = this.debts.get(name);
    return debt === undefined ? 0 : Math.max(0, debt.us - ((nowMs - debt.atMs) * RELIEF_US_S) / 1000);
  }
}

/** Who answers for refused work: a capability, and whatever was made from its nonce. */
export interface Debtor {
  /** Of its whole chain: what is made from it has another. */
  readonly id: string;
  readonly nonce: string;
}

/**
 * What no quota counts, since it is refused before: expensive bodies slow the capability that sends them, and nobody else (BD4).
 * Capabilities cost nothing to make from another, so all that come of one nonce share a debt as well; it holds against those that have
 * done nothing yet but be refused, so that nobody suffers for a sibling (AU6).
 */
export class RefusedWork {
  private readonly own = new Debts();
  private readonly shared = new Debts();
  private readonly proven = new Set<string>();

  refused({ id, nonce }: Debtor, us: number, nowMs: number): void {
    this.own.add(id, us, nowMs);
    this.shared.add(nonce, us, nowMs);
  }

  /** It did something that was not refused. */
  prove({ id }: Debtor): void {
    this.proven.delete(id);
    if (this.proven.size >= DEBTS_MAX) this.proven.delete(this.proven.values().next().value as string);
    this.proven.add(id);
  }

  /** ms until its next request is read; 0 for now. */
  waitMs({ id, nonce }: Debtor, nowMs: number): number {
    const own = this.own.waitMs(id, nowMs);
    if (own > 0 || this.proven.has(id)) return own;
    return this.shared.waitMs(nonce, nowMs);
  }
}
