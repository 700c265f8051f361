import { closeSync, openSync, readSync } from 'node:fs';

const MIB = 1024 ** 2;
const PIECE_BYTES = 64 * 1024;

/** A file holds more than it may. */
export class TooLarge extends Error {
  constructor(max: number) {
    super(`larger than ${max < MIB ? `${max / 1024} KiB` : `${Math.floor(max / MIB)} MiB`}`);
  }
}

/**
 * What a file holds, read in pieces and not by its size: pipes and devices have none, and some never end.
 * @throws TooLarge, or Error with the system's code
 */
export function readBounded(path: string, max: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (let total = 0; ; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES * (pieces.length + 1), 16 * MIB));
      const bytes = readSync(file, piece);
      if (bytes === 0) return Buffer.concat(pieces, total);
      total += bytes;
      if (total > max) throw new TooLarge(max);
      pieces.push(piece.subarray(0, bytes));
    }
  } finally {
    closeSync(file);
  }
}
