import { hash } from 'node:crypto';

/** One quota; `line` is the caveat's own text. */
export interface Quota {
  readonly line: string;
  readonly unit: 'ops' | 'bytes';
  readonly max: number;
  readonly windowMs: number;
}

/** A piece of a capability's chain of caveats: some lines, and the quota that the last of them is. */
export interface Piece {
  readonly text: string;
  readonly quota: Quota | null;
}

/** A place in the tree of all that was ever made from one nonce. Its name says the whole chain down to it. */
export interface Link {
  readonly name: string;
  readonly quota: Quota | null;
}

const NAME_CHARS = 16;

/**
 * Cuts a chain wherever one holder may have ended and another gone on: behind each caveat, but not before the first of every
 * mandatory kind is there, for so much was minted. And behind each quota, since a link counts one. What comes after the last
 * quota counts nothing.
 */
export class Cutting {
  private readonly pieces: Piece[] = [];
  private readonly quotas = new Set<string>();
  private lines: string[] = [];
  private counting = 0;

  /** `isWhole`: with this line, or before it, everything mandatory is there. A quota that is said again is the same one. */
  add(line: string, quota: Quota | null, isWhole: boolean): void {
    const counts = quota !== null && !this.quotas.has(line);
    this.lines.push(line);
    if (!counts && !isWhole) return;
    this.pieces.push({ text: this.lines.join('\n'), quota: counts ? quota : null });
    this.lines = [];
    if (!counts) return;
    this.quotas.add(line);
    this.counting = this.pieces.length;
  }

  done(): readonly Piece[] {
    return this.pieces.slice(0, this.counting);
  }
}

/**
 * The nonce, then every link below it. A name is 96 bits of SHA-256 over the nonce and all lines down to the link: nobody can make
 * a chain that has the name of another's.
 */
export function linksOf(nonce: string, pieces: readonly Piece[]): Link[] {
  const links: Link[] = [{ name: nonce, quota: null }];
  let name = nonce;
  for (const { text, quota } of pieces) {
    name = hash('sha256', `${name}\n${text}`, 'base64url').slice(0, NAME_CHARS);
    links.push({ name, quota });
  }
  return links;
}
