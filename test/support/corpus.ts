import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** One input that is kept: what it is, whether it is to be taken, its bytes. */
export interface Kept {
  readonly name: string;
  readonly isGood: boolean;
  readonly bytes: Buffer;
}

const FOLDER = resolve(import.meta.dirname, '../fuzz/corpus');
const LINE = /^(ok|no) ([^=]+?) = (.*)$/;
const PIECE = /("(?:[^"\\]|\\.)*"|[0-9a-f]+)(?:\*(\d+))?/g;

/**
 * The kept inputs of one fuzzer. A line is `ok` or `no` (to be taken or refused), a name, `=`, and pieces one after the
 * other: bytes in hex or text as JSON writes it, each with `*` and how often. So an input of 1 MiB is one short line.
 */
export function corpus(name: string): Kept[] {
  const lines = readFileSync(resolve(FOLDER, `${name}.txt`), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => keptIn(line));
}

function keptIn(line: string): Kept {
  const [, verdict, name, pieces] = LINE.exec(line) ?? [];
  if (name === undefined || pieces === undefined) throw new Error(`corpus: ${line.slice(0, 80)}`);
  const bytes = [...pieces.matchAll(PIECE)].map(([, piece = '', times = '1']) => {
    const once = piece.startsWith('"') ? Buffer.from(JSON.parse(piece)) : Buffer.from(piece, 'hex');
    return Buffer.alloc(once.length * Number(times), once);
  });
  return { name, isGood: verdict === 'ok', bytes: Buffer.concat(bytes) };
}
