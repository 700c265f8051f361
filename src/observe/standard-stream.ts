import { fstatSync, write } from 'node:fs';
import { isatty } from 'node:tty';
import type { ByteOut } from './log-output.ts';

/**
 * Standard output or error as the system gave it to us: what it leads to decides how it is written, so that nothing holds the
 * event loop. Pipes, sockets and terminals are asked whether they take more; files are written in the thread pool.
 */
export function standardStream(fd: 1 | 2): ByteOut {
  const stat = fstatSync(fd);
  if (!stat.isFIFO() && !stat.isSocket() && !isatty(fd)) return fileOut(fd);
  return streamOut(fd === 1 ? process.stdout : process.stderr);
}

interface WithHandle {
  readonly _handle?: { setBlocking?(blocking: boolean): void } | null;
}

function streamOut(stream: NodeJS.WriteStream): ByteOut {
  // Told to the callback of each write as well; without a listener it would end the process.
  stream.on('error', () => {});
  // Node makes terminals blocking: somebody who stops the output (Ctrl-S) would stop the server.
  (stream as WithHandle)._handle?.setBlocking?.(false);
  return { write: (bytes, done) => void stream.write(bytes, (error) => done(error ?? null)) };
}

/** Remembers how much is written: of a text that comes again, the rest is written (a disk that fills up takes a part). */
function fileOut(fd: number): ByteOut {
  let rest: Buffer | null = null;
  const go = (bytes: Buffer, done: (error: Error | null) => void): void =>
    write(fd, bytes, 0, bytes.length, null, (error, written) => {
      const left = error === null ? bytes.subarray(written) : bytes;
      rest = left.length === 0 ? null : left;
      if (error !== null || rest === null) done(error);
      else if (written === 0) done(new Error('nothing was written'));
      else go(left, done);
    });
  return { write: (bytes, done) => go(rest ?? bytes, done) };
}
