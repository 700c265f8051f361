import type { IncomingMessage } from 'node:http';

const EMPTY = Buffer.alloc(0);

/** Collects a body of at most `bytesMax` bytes; null as soon as there are more. A client that leaves gets no callback. */
export function collect(
  req: IncomingMessage,
  contentLength: number,
  bytesMax: number,
  callback: (body: Buffer | null) => void,
): void {
  let first: Buffer | null = null;
  let chunks: Buffer[] | null = null;
  let bytes = 0;
  let over = false;
  req.on('data', (chunk: Buffer) => {
    if (over) return;
    bytes += chunk.length;
    if (bytes > bytesMax) {
      over = true;
      chunks = null;
      req.pause();
      callback(null);
    } else if (first === null) first = chunk;
    else if (chunks === null) chunks = [first, chunk];
    else chunks.push(chunk);
  });
  req.on('end', () => {
    if (!over) callback(chunks === null ? (first ?? EMPTY) : Buffer.concat(chunks, bytes));
  });
  if (contentLength === 0) req.resume();
}
