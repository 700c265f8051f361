import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { victimOf } from '../support/attack.ts';
import { Target } from '../support/target.ts';
import { until } from '../support/until.ts';

const ADMIN = { enable_admin: '' };
/** More than any bound here lets in. */
const TRIES_MAX = 2000;

interface Held {
  readonly socket: Socket;
  answered: string;
}

/** Someone with capabilities for all topics of its own, who holds whatever it can get and never lets go. */
class Hog {
  private readonly target: Target;
  private readonly held: Held[] = [];

  constructor(target: Target) {
    this.target = target;
  }

  cap(op: string, topic = 'topic prefix hog.'): string {
    return this.target.cap(topic, `op = ${op}`);
  }

  /** A connection on which these bytes were sent, and which stays open. */
  hold(bytes: string): Held {
    const one: Held = { socket: this.target.connect(), answered: '' };
    one.socket.on('data', (chunk: Buffer) => {
      one.answered += chunk.toString('latin1');
    });
    one.socket.on('error', () => {});
    one.socket.write(bytes);
    this.held.push(one);
    return one;
  }

  /** Holds ever more until something is refused. @returns what was answered then, and how many are held */
  async holdAll(bytes: (nth: number) => string): Promise<{ refused: string; count: number }> {
    for (let nth = 0; nth < TRIES_MAX; nth++) {
      const one = this.hold(bytes(nth));
      await until(() => one.answered !== '' || one.socket.destroyed);
      if (!one.answered.startsWith('HTTP/1.1 200')) return { refused: one.answered, count: nth };
    }
    throw new Error('nothing is ever refused');
  }

  leave(): void {
    for (const { socket } of this.held) socket.destroy();
  }
}

const get = (path: string, cap: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer ${cap}\r\n\r\n`;
const post = (path: string, cap: string, body: string, length = body.length): string =>
  `POST ${path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer ${cap}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;

const TENANT = /^HTTP\/1\.1 429 [\s\S]*"code":"E_SATURATED"[\s\S]*"reason":"tenant"/;

describe('a tenant that holds all it can get (BD5, E6), against the real server with all defaults', () => {
  let target: Target;
  let hog: Hog;
  beforeAll(async () => {
    target = await Target.start(ADMIN);
    hog = new Hog(target);
  });
  afterAll(async () => {
    hog.leave();
    await target.stop();
  });
  const sends = async (victim: { topic: string; cap: string }, nth: number): Promise<number> => {
    const body = { topic: victim.topic, idem_key: `after-${nth}`, payload_b64: 'AAAA' };
    return (await target.ask('POST', '/v1/send', victim.cap, body)).status;
  };

  it('feeds: whoever reads its own gets one', async () => {
    const victim = await victimOf(target);
    const view = hog.cap('view');
    const { refused, count } = await hog.holdAll(() => get('/v1/feed?prefix=hog.&wait_ms=60000', view));
    expect(refused).toMatch(TENANT);
    expect(count).toBeGreaterThan(64 / 4);
    const own = target.cap(`topic = ${victim.topic}`, 'op = view');
    const feed = hog.hold(get(`/v1/feed?topic=${victim.topic}&wait_ms=60000`, own));
    await until(() => feed.answered.includes(victim.msgId));
    expect(feed.answered).toMatch(/^HTTP\/1\.1 200/);
    hog.leave();
  }, 120_000);

  it('redrives: whoever puts its own dead letters back can begin', async () => {
    const victim = await victimOf(target);
    const send = hog.cap('send,recv,nack');
    const admin = hog.cap('admin', 'topic = hog.dead');
    for (let i = 0; i < 32; i++)
      await target.ask('POST', '/v1/send', send, { topic: 'hog.dead', idem_key: `k${i}`, payload_b64: '' });
    const { body } = await target.ask('POST', '/v1/recv', send, { topic: 'hog.dead' });
    for (const { msg_id, receipt } of JSON.parse(body.toString()).messages)
      await target.ask('POST', `/v1/nack/${msg_id}`, send, { receipt, dead_letter: true });
    let refused = '';
    for (let nth = 0; refused === '' && nth < 32; nth++) {
      const answer = await target.ask('POST', '/v1/dlq/redrives', admin, { topic: 'hog.dead', rate_per_s: 1 });
      if (answer.status !== 200) refused = `${answer.status} ${answer.body}`;
    }
    expect(refused).toMatch(/^429 .*"reason":"tenant"/);
    const own = target.cap(`topic = ${victim.topic}`, 'op = admin');
    const begun = await target.ask('POST', '/v1/dlq/redrives', own, { topic: victim.topic });
    expect([begun.status, JSON.parse(begun.body.toString()).moved]).toEqual([200, 1]);
  }, 120_000);

  it('connections: those that are open go on, and new ones of others get in', async () => {
    const victim = await victimOf(target);
    const own = target.cap(`topic = ${victim.topic}`, 'op = stats');
    const before = new Hog(target);
    const open = before.hold(get(`/v1/stats?topic=${victim.topic}`, own));
    await until(() => open.answered !== '');
    const stats = hog.cap('stats');
    const { refused, count } = await hog.holdAll(() => get('/v1/stats?topic=hog.a', stats));
    expect(refused).toMatch(TENANT);
    expect(refused).toMatch(/connection: close/i);
    expect(count).toBeGreaterThan(500);
    for (let nth = 0; nth < 20; nth++) expect(await sends(victim, nth)).toBe(200);
    open.answered = '';
    open.socket.write(get(`/v1/stats?topic=${victim.topic}`, own));
    await until(() => open.answered.startsWith('HTTP/1.1 200'));
    before.leave();
    hog.leave();
  }, 120_000);
});

describe('a tenant that sends large bodies and does not end them (BD5, E6)', () => {
  it('those of others are read', async () => {
    const target = await Target.start({ max_body_memory: '8MiB', read_timeout: '60s' });
    const hog = new Hog(target);
    try {
      const victim = await victimOf(target);
      const send = hog.cap('send');
      const slow = Array.from({ length: 24 }, () =>
        hog.hold(post('/v1/send', send, `{"topic":"hog.a","payload_b64":"${'A'.repeat(500_000)}`, 900_000)),
      );
      await until(() => slow.some(({ answered }) => answered !== ''));
      expect(slow.find(({ answered }) => answered !== '')?.answered).toMatch(TENANT);
      await until(async () => Number(/^body_memory_bytes (\d+)$/m.exec(await target.metrics())?.[1]) > 6_000_000);
      const body = { topic: victim.topic, idem_key: 'large', payload_b64: 'AAAA'.repeat(150_000) };
      expect((await target.ask('POST', '/v1/send', victim.cap, body)).status).toBe(200);
    } finally {
      hog.leave();
      await target.stop();
    }
  }, 120_000);
});
