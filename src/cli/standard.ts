import { readSync, writeSync } from 'node:fs';
import { TooLarge, unlessBusy } from '../platform/bounded.ts';
import { visibleBlock } from '../platform/visible.ts';

const [STDIN, STDOUT] = [0, 1];
const PIECE_BYTES = 64 * 1024;

/** All of standard input, at most `max` bytes of it. Pipes may not block, whoever made them so: then there is nothing to read yet, which is no error. */
export function standardInput(max = Number.POSITIVE_INFINITY): Buffer {
  const pieces: Buffer[] = [];
  for (let total = 0; ; ) {
    const piece = Buffer.alloc(PIECE_BYTES);
    const bytes = unlessOver(() => readSync(STDIN, piece));
    if (bytes === null) continue;
    if (bytes === 0) return Buffer.concat(pieces);
    total += bytes;
    if (total > max) throw new TooLarge(max);
    pieces.push(piece.subarray(0, bytes));
  }
}

/** Bytes as they are, on standard output, however slow the reader is. */
export function writeOut(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += unlessOver(() => writeSync(STDOUT, bytes, at)) ?? 0;
}

/**
 * Standard output for a lot of text, lines that do nothing to a terminal: no more of it waits in memory than a piece, however slow
 * the reader is.
 */
export class Output {
  private text = '';

  write(text: string): void {
    this.text += visibleBlock(text);
    if (this.text.length >= PIECE_BYTES) this.flush();
  }

  flush(): void {
    const { text } = this;
    this.text = '';
    writeOut(Buffer.from(text));
  }
}

/** Null when it could not be done yet. */
function unlessOver(work: () => number): number | null {
  try {
    return unlessBusy(work);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The reader has what it wanted (`| head`), or the writer said all it had: no error of ours.
    if (code === 'EPIPE') process.exit(0);
    if (code === 'EOF') return 0;
    throw error;
  }
}
