import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Pausable } from '../../src/http/pausable.ts';
import { until } from '../support/server.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(port = 0): Promise<Server> {
  const server = createServer();
  servers.push(server);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Does this, and waits until the server says so. */
async function seen(server: Server, event: string, act: () => void): Promise<void> {
  const said = new Promise((resolve) => server.once(event, resolve));
  act();
  await said;
}

describe('a server that stops listening for a while', () => {
  it('listens again at the same place', async () => {
    const server = await listening();
    const port = portOf(server);
    const pausable = new Pausable(server);
    for (let i = 0; i < 3; i++) {
      await seen(server, 'close', () => pausable.pause(true));
      expect(server.listening).toBe(false);
      await seen(server, 'listening', () => pausable.pause(false));
      expect(portOf(server)).toBe(port);
    }
  });

  it('its place taken by somebody else: told once, and it listens again with the next call, when that is free', async () => {
    const server = await listening();
    const port = portOf(server);
    const told: (string | undefined)[] = [];
    const pausable = new Pausable(server, undefined, ({ code }) => told.push(code));
    await seen(server, 'close', () => pausable.pause(true));
    const other = await listening(port);
    for (let i = 0; i < 3; i++) await seen(server, 'error', () => pausable.pause(false));
    expect([server.listening, told]).toEqual([false, ['EADDRINUSE']]);
    await seen(other, 'close', () => other.close());
    pausable.pause(false);
    await until(() => server.listening);
    expect(portOf(server)).toBe(port);
  });

  it('nothing to listen with: it listens again with the next call, when there is', async () => {
    const server = await listening();
    const port = portOf(server);
    let lacks = true;
    const pausable = new Pausable(server, () => {
      if (lacks) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
      return { host: '127.0.0.1', port };
    });
    await seen(server, 'close', () => pausable.pause(true));
    pausable.pause(false);
    expect([server.listening, server.listenerCount('error')]).toEqual([false, 0]);
    lacks = false;
    await seen(server, 'listening', () => pausable.pause(false));
    expect(portOf(server)).toBe(port);
  });

  it('an error when it listens again already says nothing of its place: it can be stopped', async () => {
    const server = await listening();
    const pausable = new Pausable(server);
    await seen(server, 'close', () => pausable.pause(true));
    await seen(server, 'listening', () => pausable.pause(false));
    server.once('error', () => {});
    server.emit('error', new Error('of a connection'));
    pausable.pause(true);
    expect(server.listening).toBe(false);
  });
});
