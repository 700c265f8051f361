import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { LineReader } from '../support/lines.ts';
import { until } from '../support/server.ts';

let server: DurableServer;
afterEach(() => server.end());

interface Line {
  readonly cursor: string;
  readonly fact?: string;
  readonly idem_key?: string;
  readonly msg_id?: string;
  readonly state?: string;
}

describe('the past that no process remembers', () => {
  it('the feed and a timeline go back to the first fact, over snapshots, kill -9 and 16 facts remembered (B10, B15)', async () => {
    server = new DurableServer();
    const options = ['--recent-facts', '16', '--feed-history', '1GiB'];
    await server.start(...options);
    const { token } = server.cap('topic prefix t.', 'op = send,recv,ack,nack');
    const viewer = server.cap('topic prefix t.', 'op = view').token;
    const ask = async (path: string, body: object) => {
      const { status, body: answer } = await server.caller.post(path, token, body);
      expect(status, JSON.stringify(answer)).toBe(200);
      return answer;
    };
    const read = async (query: string): Promise<Line[]> => {
      const { http } = await server.process.logged('server.ready');
      const [host = '', port] = (http as string).split(':');
      const reader = new LineReader(
        { host, port: Number(port) },
        `GET /v1/feed?wait_ms=0&${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${viewer}\r\n\r\n`,
      );
      await reader.closed();
      return reader.values as Line[];
    };
    const factsOf = (lines: readonly Line[]) => lines.filter(({ fact }) => fact !== undefined);

    // One that becomes a dead letter at once, and stays.
    const { msg_id: dead } = await ask('/v1/send', { topic: 't.dead', idem_key: 'dead', payload_b64: '' });
    const [lease] = (await ask('/v1/recv', { topic: 't.dead' })).messages;
    await ask(`/v1/nack/${dead}`, { receipt: lease.receipt, reason: 'no such customer', dead_letter: true });

    const expected = ['sent dead', 'received dead', 'nacked dead'];
    const payload_b64 = Buffer.alloc(48 * 1024).toString('base64');
    const isRolled = (): boolean =>
      readdirSync(join(server.data, 'history')).filter((name) => name.startsWith('log-')).length >= 3;
    const traffic = async (round: number): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        const keys = Array.from({ length: 10 }, (_, n) => `r${round}-${i}-${n}`);
        await ask('/v1/send/batch', { messages: keys.map((idem_key) => ({ topic: 't.a', idem_key, payload_b64 })) });
        const { messages } = await ask('/v1/recv', { topic: 't.a', max_messages: 10, max_bytes: 524_288 });
        await ask('/v1/ack/batch', {
          acks: messages.map(({ msg_id, receipt }: Record<string, string>) => ({ msg_id, receipt })),
        });
        for (const fact of ['sent', 'received', 'acked']) expected.push(...keys.map((key) => `${fact} ${key}`));
      }
    };
    let rounds = 0;
    for (; rounds < 12 && !(rounds > 2 && isRolled()); rounds++) {
      await traffic(rounds);
      if (rounds === 1) await server.restart(...options);
    }
    await until(isRolled);
    await server.restart(...options);

    const told = factsOf(await read('prefix=t.&after=oldest'));
    expect(told.map(({ fact, idem_key }) => `${fact} ${idem_key}`)).toEqual(expected);
    const middle = told[Math.floor(told.length / 3)] as Line;
    expect(factsOf(await read(`prefix=t.&after=${middle.cursor}`)).map(({ cursor }) => cursor)).toEqual(
      told.slice(Math.floor(told.length / 3) + 1).map(({ cursor }) => cursor),
    );
    const one = factsOf(await read(`topic=t.a&msg_id=${middle.msg_id}&after=oldest`));
    expect(one.map(({ fact }) => fact)).toEqual(['sent', 'received', 'acked']);

    const { body: shown } = await server.caller.ask('GET', `/v1/messages/${dead}`, viewer);
    expect(shown.timeline.map(({ fact, state }: Line) => `${fact} ${state}`)).toEqual([
      'sent queued',
      'received leased',
      'nacked dead_lettered',
    ]);
    expect(shown).toMatchObject({ is_complete: true, timeline: [{}, {}, { last_error: 'no such customer' }] });

    // Without what is kept: what a start needs is all there is, and the answer says where to begin.
    await server.restart('--recent-facts', '16', '--feed-history', '0B');
    const { status, body: gone } = await server.caller.ask(
      'GET',
      `/v1/feed?prefix=t.&after=${told[0]?.cursor}`,
      viewer,
    );
    expect([status, gone.code]).toEqual([410, 'E_CURSOR_GONE']);
    const oldest = /after=(\S+)$/.exec(gone.message)?.[1] as string;
    const rest = factsOf(await read(`prefix=t.&after=${oldest}`));
    expect(rest.length).toBeGreaterThan(16);
    expect(rest.at(-1)?.cursor).toBe(told.at(-1)?.cursor);
    const { body: later } = await server.caller.ask('GET', `/v1/messages/${dead}`, viewer);
    expect(later).toMatchObject({ is_complete: false, timeline: [] });
  });
});
