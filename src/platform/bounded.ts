import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { devNull } from 'node:os';
import { FileRefused, kindOf } from './regular-file.ts';

const MIB = 1024 ** 2;
const PIECE_BYTES = 64 * 1024;

/** A file holds more than it may. */
export class TooLarge extends FileRefused {
  constructor(max: number) {
    super(`larger than ${max < MIB ? `${max / 1024} KiB` : `${Math.floor(max / MIB)} MiB`}`);
  }
}

/** A FIFO is opened at once, whether anyone writes to it or not; a terminal does not become ours. */
const OPEN = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * What a file or a pipe holds, like that of `<(..)`, read in pieces and not by its size: pipes have none, and some never end.
 * Whoever writes to a pipe is waited for, but not that somebody comes who does. @throws TooLarge, FileRefused for anything else that
 * stands there, or Error with the system's code
 */
export function readBounded(path: string, max: number): Buffer {
  checkKind(path, statSync(path));
  const file = openSync(path, OPEN);
  try {
    checkKind(path, fstatSync(file));
    const pieces: Buffer[] = [];
    for (let total = 0; ; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES * (pieces.length + 1), 16 * MIB));
      const bytes = unlessBusy(() => readSync(file, piece));
      if (bytes === null) continue;
      if (bytes === 0 && total === 0 && fstatSync(file).isFIFO())
        throw new FileRefused('a pipe that is empty and that nobody writes to');
      if (bytes === 0) return Buffer.concat(pieces, total);
      total += bytes;
      if (total > max) throw new TooLarge(max);
      pieces.push(piece.subarray(0, bytes));
    }
  } finally {
    closeSync(file);
  }
}

function checkKind(path: string, stat: Stats): void {
  if (!stat.isFile() && !stat.isFIFO() && path !== devNull)
    throw new FileRefused(`neither a file nor a pipe, but ${kindOf(stat)}`);
}

const PAUSE_MS = 2;

/** The other end of a pipe is slower than we are: null, after a pause, when it could not be done yet. */
export function unlessBusy(work: () => number): number | null {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    return null;
  }
}
