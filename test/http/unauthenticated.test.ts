import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseToken } from '../../src/auth/macaroon.ts';
import { Unauthenticated } from '../../src/http/unauthenticated.ts';
import { TestCertificate } from '../support/certificates.ts';
import { TestServer, until } from '../support/server.ts';

const root = mkdtempSync(join(tmpdir(), 'unauthenticated-'));
let certificate: TestCertificate;
beforeAll(async () => {
  certificate = await TestCertificate.make();
});
afterAll(() => {
  certificate.remove();
  rmSync(root, { recursive: true });
});

/** A connection and what became of it. */
interface Held {
  readonly socket: Socket;
  closed: boolean;
}
const hold = (socket: Socket, ready: string): Promise<Held> =>
  new Promise((resolve) => {
    const held: Held = { socket, closed: false };
    socket.on('error', () => {});
    socket.on('close', () => {
      held.closed = true;
      resolve(held);
    });
    socket.once(ready, () => resolve(held));
  });

/** Shows a capability and keeps the connection. */
function show({ socket }: Held, token: string): Promise<string> {
  socket.write(`GET /v1/stats?topic=t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(data.toString('latin1', 0, 12)));
    socket.once('close', () => resolve('closed'));
  });
}

describe('connections at their bound', () => {
  it.each(['tcp', 'unix', 'tls'] as const)(
    '%s: the oldest that has shown nothing makes room; none that has shown a capability does (D4)',
    async (kind) => {
      mkdirSync(join(root, kind), { mode: 0o700 });
      const path = join(root, kind, 'socket');
      const server = await TestServer.start({
        max_connections: '4',
        ...(kind === 'unix' ? { uds: path } : {}),
        ...(kind === 'tls' ? certificate.settings : {}),
      });
      const open = (): Promise<Held> =>
        kind === 'tls'
          ? hold(connectTls({ ...server.where, ca: certificate.cert }), 'secureConnect')
          : hold(connect(kind === 'unix' ? { path } : server.where), 'connect');
      const known = [await open(), await open()];
      for (const held of known) expect(await show(held, server.capability)).toBe('HTTP/1.1 200');
      const silent = [await open(), await open()];
      expect(await show(silent[1] as Held, 'forged')).toBe('HTTP/1.1 401');

      const newcomer = await open();
      await until(() => silent[0]?.closed === true);
      expect([silent[1], newcomer, ...known].map((held) => held?.closed)).toEqual([false, false, false, false]);
      expect(await show(newcomer, server.capability)).toBe('HTTP/1.1 200');
      const another = await open();
      await until(() => silent[1]?.closed === true);
      expect(await show(another, server.capability)).toBe('HTTP/1.1 200');

      // Everybody is somebody now: the next one is the one too many.
      const tooMany = await open();
      await until(() => tooMany.closed);
      for (const held of [newcomer, another, ...known]) {
        expect(await show(held, server.capability)).toBe('HTTP/1.1 200');
        held.socket.destroy();
      }
      const cut = server.lines.filter(({ reason }) => reason === 'max_connections');
      expect(cut).toHaveLength(3);
      await server.stop();
    },
  );

  it('a connection whose capability was revoked is nobody’s again, and makes room (D4, AU3)', async () => {
    const server = await TestServer.start({ max_connections: '3' });
    const open = (): Promise<Held> => hold(connect(server.where), 'connect');
    const lost = server.cap('topic = t', 'op = stats');
    const admin = server.cap('topic = mailbox.admin', 'op = admin');
    const [kept, revoked, root] = [await open(), await open(), await open()];
    expect(await show(kept, server.capability)).toBe('HTTP/1.1 200');
    expect(await show(revoked, lost)).toBe('HTTP/1.1 200');
    const body = JSON.stringify({ nonce: parseToken(lost)?.nonce, reason: 'lost' });
    root.socket.write(
      `POST /v1/admin/revoke HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => root.socket.once('data', resolve));
    const newcomer = await open();
    await until(() => revoked.closed);
    expect([kept.closed, root.closed, newcomer.closed]).toEqual([false, false, false]);
    expect(await show(newcomer, server.capability)).toBe('HTTP/1.1 200');
    for (const { socket } of [kept, root, newcomer]) socket.destroy();
    await server.stop();
  });

  it('a connection that was passed over, and is nobody’s later, makes room then (D4)', () => {
    const known = new Set<Socket>();
    const unauthenticated = new Unauthenticated((socket) => known.has(socket));
    const from = (remotePort: number): Socket =>
      Object.assign(new EventEmitter(), { remoteAddress: '192.0.2.1', remotePort }) as unknown as Socket;
    const [first, second] = [from(1), from(2)];
    known.add(first);
    for (const socket of [first, second]) unauthenticated.add(socket, false);
    expect(unauthenticated.takeOldest()).toBe(second);
    expect(unauthenticated.takeOldest()).toBeUndefined();
    known.clear();
    expect(unauthenticated.takeOldest()).toBe(first);
  });
});
