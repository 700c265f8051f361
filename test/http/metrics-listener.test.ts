import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scrapers } from '../../src/http/scrapers.ts';
import { TestServer, until } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ metrics_hosts: 'metrics.internal,10.0.0.7,[fd00::7]' });
});
afterAll(() => server.stop());

const open = (): Promise<Socket> => {
  const [host, port] = new URL(server.metricsUrl).host.split(':') as [string, string];
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => resolve(socket));
    socket.on('error', () => {});
    // What is not read does not close.
    socket.resume();
  });
};

/** What is answered on this connection to one GET of the metrics, asked for by this name. */
function scrape(socket: Socket, lines: readonly string[] = ['Host: localhost']): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => resolve(text);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.endsWith('\r\n0\r\n\r\n')) done();
    });
    socket.on('close', done);
    socket.write(['GET /metrics HTTP/1.1', ...lines, '', ''].join('\r\n'));
  });
}
const statusOf = (answer: string): number => Number(answer.slice(9, 12));

describe('metrics listener', () => {
  it('names: loopback, its own address and those of metrics_hosts are answered, any other page’s is not (B5, E3)', async () => {
    const port = new URL(server.metricsUrl).host.split(':')[1];
    const good = [
      'localhost',
      `localhost:${port}`,
      'LOCALHOST',
      '127.0.0.1',
      `127.0.0.1:${port}`,
      '127.3.4.5',
      '[::1]:9600',
    ];
    const listed = ['metrics.internal', 'Metrics.Internal:80', '10.0.0.7:9600', '[fd00:0:0::7]:1'];
    const bad = [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '10.0.0.8',
    ];
    const odd = [
      'x@localhost',
      'localhost/',
      'localhost:99999',
      '',
      '127.0.0.1:80:80',
      '[::2]',
      'metrics.internal.evil.example',
    ];
    for (const host of [...good, ...listed]) {
      expect([host, statusOf(await scrape(await open(), [`Host: ${host}`]))]).toEqual([host, 200]);
    }
    for (const host of [...bad, ...odd]) {
      const answer = await scrape(await open(), [`Host: ${host}`]);
      expect([host, statusOf(answer)]).toEqual([host, 421]);
      expect(answer).toContain('metrics_hosts');
      expect(answer).not.toContain('queue_depth');
    }
    expect(statusOf(await scrape(await open(), []))).toBe(400);
  });

  it('idle connections make room for scrapers, the oldest first, and there are never more than sixteen (D4, B5)', async () => {
    const silent = await Promise.all(Array.from({ length: 16 }, open));
    const first = await open();
    expect(statusOf(await scrape(first))).toBe(200);
    await until(() => silent.some((socket) => socket.closed));
    const kept = await Promise.all(Array.from({ length: 30 }, open));
    const last = kept.at(-1) as Socket;
    expect(statusOf(await scrape(last))).toBe(200);
    const openNow = (): number => [...silent, first, ...kept].filter((socket) => !socket.closed).length;
    await until(() => openNow() <= 16);
    for (const socket of [...silent, first, ...kept]) socket.destroy();
  });

  it('whoever is asking is not cut while others are idle; when all are, the oldest is (D4)', () => {
    const listener = new EventEmitter();
    new Scrapers(3).watch(listener as Server);
    const cut: string[] = [];
    const enter = (name: string): EventEmitter => {
      const socket = Object.assign(new EventEmitter(), { destroyed: false, destroy: () => cut.push(name) });
      listener.emit('connection', socket);
      return socket;
    };
    const ask = (socket: EventEmitter): EventEmitter => {
      const response = new EventEmitter();
      listener.emit('request', { socket }, response);
      return response;
    };
    const [a, b] = [enter('a'), enter('b')];
    const answer = ask(a);
    enter('c');
    for (const name of ['d', 'e']) enter(name);
    expect(cut).toEqual(['b', 'c']);
    answer.emit('close');
    for (const name of ['f', 'g', 'h']) enter(name);
    expect(cut).toEqual(['b', 'c', 'd', 'e', 'a']);
    b.emit('close');
    for (const name of ['i', 'j', 'k']) ask(enter(name));
    enter('l');
    expect(cut.slice(5)).toEqual(['f', 'g', 'h', 'i']);
  });
});
