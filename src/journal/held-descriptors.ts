import { closeSync, openSync } from 'node:fs';
import { lackOf } from './lack.ts';

/**
 * Descriptors that are kept back, open for nothing (journal rule 4): when the process has none left, because its peers hold them
 * all, what the journal opens gets one of these. Whatever closes one of its own fills them up again.
 */
export class HeldDescriptors {
  private readonly held: number[] = [];
  private count: number;

  constructor(count: number) {
    this.count = count;
    this.refill();
  }

  /** Opens something, with one of these if there is no other. @throws what `open` throws */
  open<T>(open: () => T): T {
    try {
      return open();
    } catch (error) {
      const spare = lackOf(error) === 'descriptors' ? this.held.pop() : undefined;
      if (spare === undefined) throw error;
      closeSync(spare);
      return open();
    }
  }

  /** As many as there are to be, or as there are to be had. */
  refill(): void {
    try {
      while (this.held.length < this.count) this.held.push(openSync('/dev/null', 'r'));
    } catch {}
  }

  /** Lets so many go, for another thread of this process to open what it needs. What is returned takes them back. */
  lend(count: number): () => void {
    this.count -= count;
    while (this.held.length > Math.max(0, this.count)) closeSync(this.held.pop() as number);
    return () => {
      this.count += count;
      this.refill();
    };
  }

  close(): void {
    this.count = 0;
    for (const fd of this.held.splice(0)) closeSync(fd);
  }
}
