/** Reads the feed at its head, in a process of its own: it takes what it is told as fast as that comes, and says how many lines that were. */
import { type ClientRequest, get } from 'node:http';
import type { Ready } from './http-server.ts';

let asked: ClientRequest | null = null;
let lines = 0;

function follow({ port, viewer }: Ready): void {
  lines = 0;
  const headers = { authorization: `Bearer ${viewer}` };
  asked = get({ port, path: '/v1/feed?prefix=bench.&after=now', headers }, (response) => {
    if (response.statusCode !== 200) throw new Error(`feed: ${response.statusCode}`);
    response.on('data', (chunk: Buffer) => {
      const isFirst = lines === 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      // It is open.
      if (isFirst && lines > 0) process.send?.(lines);
    });
    response.on('error', () => {});
  });
}

/** Where to read, or null: enough is read. */
process.on('message', (where: Ready | null) => {
  if (where !== null) return follow(where);
  asked?.destroy();
  process.send?.(lines);
});
