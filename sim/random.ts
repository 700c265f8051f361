import type { Random } from '../src/ports.ts';

/** FNV-1a: spreads a name over the seed space. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * One named stream of pseudo-random numbers (sfc32). Streams of one seed are independent: a draw more in one place moves
 * nothing elsewhere.
 */
export class Stream implements Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, name: string) {
    this.a = seed | 0;
    this.b = Math.floor(seed / 2 ** 32) | 0;
    this.c = hashOf(name) | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 32 random bits, 0 .. 2^32-1. */
  next(): number {
    const t = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t;
    this.c |= 0;
    return t >>> 0;
  }

  below(below: number): number {
    if (below <= 2 ** 32) return Math.floor((this.next() / 2 ** 32) * below);
    return (this.next() * 2 ** 16 + (this.next() >>> 16)) % below;
  }

  token(bytes: number): string {
    let text = '';
    for (let i = 0; i < bytes; i += 4) {
      const word = this.next();
      text += HEX[word >>> 24]! + HEX[(word >>> 16) & 255]! + HEX[(word >>> 8) & 255]! + HEX[word & 255]!;
    }
    return text;
  }

  /** True with this probability, 0..1. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability * 2 ** 32;
  }

  /** Whole, uniform in [range.min, range.max]. */
  within({ min, max }: Range): number {
    return min + this.below(max - min + 1);
  }
}

export interface Range {
  readonly min: number;
  readonly max: number;
}
