import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, request, victimOf } from '../support/attack.ts';
import { Target } from '../support/target.ts';
import { until } from '../support/until.ts';

/** Connections of one tenant, and the items of what each of them asks for. */
const CONNECTIONS = 300;
const ITEMS = 256;

/** A connection that has been let in, and what is answered on it. */
class Line {
  readonly socket: Socket;
  answers = 0;
  readonly statuses: string[] = [];

  constructor(target: Target, heard: (line: Line) => void = () => {}) {
    this.socket = target.connect();
    this.socket.setNoDelay();
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => {
      for (const [, status] of chunk.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        this.statuses.push(status as string);
        this.answers++;
        heard(this);
      }
    });
  }

  async enters(topic: string, cap: string): Promise<void> {
    this.socket.write(request('GET', `/v1/stats?topic=${topic}`, [`Authorization: Bearer ${cap}`]));
    await until(() => this.answers === 1);
  }
}

describe('a tenant that asks for much on many connections at once (BD5, E6), against the real server with all defaults', () => {
  let target: Target;
  const lines: Line[] = [];
  beforeAll(async () => {
    target = await Target.start();
  });
  afterAll(async () => {
    for (const { socket } of lines) socket.destroy();
    await target.stop();
  });

  it('batches: whoever else asks is answered before most of them', async () => {
    const victim = await victimOf(target);
    const cap = target.cap('topic prefix hog.', 'op = send,stats');
    let answered = 0;
    const order: number[] = [];
    for (let i = 0; i < CONNECTIONS; i++) lines.push(new Line(target, () => answered++));
    await Promise.all(lines.map((line) => line.enters('hog.a', cap)));
    const own = new Line(target, () => order.push(answered));
    lines.push(own);
    await own.enters(victim.topic, victim.cap);
    answered = 0;
    const whole = lines.slice(0, CONNECTIONS).map((_, i) => {
      const messages = Array.from({ length: ITEMS }, (_, k) => ({
        topic: 'hog.a',
        idem_key: `${i}.${k}`,
        payload_b64: '',
      }));
      return post('/v1/send/batch', cap, { messages });
    });
    // All but the last byte of each, so that all of them are whole at the same time.
    for (const [i, bytes] of whole.entries()) lines[i]?.socket.write(bytes.slice(0, -1));
    for (const line of lines.slice(0, CONNECTIONS)) line.socket.write('}');
    own.socket.write(post('/v1/send', victim.cap, { topic: victim.topic, idem_key: 'mine', payload_b64: 'AAAA' }));
    await until(() => answered === CONNECTIONS && own.answers === 2);
    expect(own.statuses).toEqual(['200', '200']);
    expect(order[1]).toBeLessThan(CONNECTIONS / 4);
  }, 120_000);
});
