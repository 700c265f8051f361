import { EventEmitter } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPooled } from '../../src/postgres/server-check.ts';

const LET_IN = Buffer.from([
  ...Buffer.from('R'),
  0,
  0,
  0,
  8,
  0,
  0,
  0,
  0,
  ...Buffer.from('Z'),
  0,
  0,
  0,
  5,
  ...Buffer.from('I'),
]);

describe('whether a pooler stands in front', () => {
  let server: Server;
  let port: number;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      // Whoever knocks is let in, and nothing they ask is answered.
      socket.once('data', () => socket.write(LET_IN));
    });
    port = await new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  it('one that takes a question and answers nothing counts as one, in time, and its connection is given up', async () => {
    const client = new EventEmitter() as unknown as Client;
    const ask = async () => ({ rows: [{ pid: 1 }], rowCount: 1 });
    expect(await isPooled(ask, client, { host: '127.0.0.1', port, user: 'me', database: 'db' })).toBe(true);
    const [socket] = sockets as [Socket];
    if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
    expect(client.listenerCount('notification')).toBe(0);
  });
});
