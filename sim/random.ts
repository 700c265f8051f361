import type { Random } from '../src/ports/random.ts';

/** FNV-1a: spreads a name over the seed space. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const WORDS = 2 ** 32;

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Everything that is drawn, from 32-bit words. A word near 0 is always the plain choice: the least, and "no". */
export abstract class Draws implements Random {
  /** 32 random bits, 0 .. 2^32-1. */
  abstract next(): number;

  below(below: number): number {
    if (below <= WORDS) return Math.floor((this.next() / WORDS) * below);
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
    return probability > 0 && this.next() >= (1 - probability) * WORDS;
  }

  /** Whole, uniform in [range.min, range.max]. */
  within({ min, max }: Range): number {
    return min + this.below(max - min + 1);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/**
 * One named stream of pseudo-random numbers (sfc32). Streams of one seed are independent: a draw more in one place moves
 * nothing elsewhere.
 */
export class Stream extends Draws {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, name: string) {
    super();
    this.a = seed | 0;
    this.b = Math.floor(seed / 2 ** 32) | 0;
    this.c = hashOf(name) | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  next(): number {
    const t = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t;
    this.c |= 0;
    return t >>> 0;
  }
}

/**
 * The words a node drew, written down or read back: a replay needs no generator. Past its end a tape gives 1, 2, 3 ..:
 * plain choices that are still all different, so that an empty tape is the simplest randomness there is.
 */
export class Tape extends Draws {
  readonly words: number[];
  private readonly source: Draws | null;
  private at = 0;
  private spare = 0;

  /** Records what it draws from `source`, or with null plays `words`. */
  constructor(source: Draws | null, words: readonly number[] = []) {
    super();
    this.source = source;
    this.words = [...words];
  }

  next(): number {
    if (this.source !== null) {
      const word = this.source.next();
      this.words.push(word);
      return word;
    }
    return this.at < this.words.length ? (this.words[this.at++] as number) : ++this.spare;
  }
}
