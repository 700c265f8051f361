import { afterEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { LineReader } from '../support/lines.ts';

let server: DurableServer;
afterEach(() => server.end());

describe('the feed over kill -9', () => {
  it('a reader that stored its cursor goes on with the next process: each fact once, in order, and a timeline stays whole (B10, B15)', async () => {
    server = new DurableServer();
    await server.start();
    const { token } = server.cap('topic prefix t.', 'op = send,recv,ack');
    const viewer = server.cap('topic prefix t.', 'op = view').token;
    const ask = async (path: string, body: object) => {
      const { status, body: answer } = await server.caller.post(path, token, body);
      expect(status, JSON.stringify(answer)).toBe(200);
      return answer;
    };
    const expected: string[] = [];
    const told: string[] = [];
    let cursor = '';
    let first = '';
    const follow = async (): Promise<void> => {
      const { http } = await server.process.logged('server.ready');
      const [host = '', port] = (http as string).split(':');
      const where = { host, port: Number(port) };
      const after = cursor === '' ? '' : `&after=${cursor}`;
      const reader = new LineReader(
        where,
        `GET /v1/feed?prefix=t.&wait_ms=0${after} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${viewer}\r\n\r\n`,
      );
      await reader.closed();
      for (const { fact, idem_key, cursor: at } of reader.values) {
        if (fact !== undefined) told.push(`${fact} ${idem_key}`);
        cursor = at;
      }
    };
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 20; i++) {
        const key = `r${round}-${i}`;
        const { msg_id } = await ask('/v1/send', { topic: 't.a', idem_key: key, payload_b64: '' });
        if (first === '') first = msg_id;
        expected.push(`sent ${key}`);
      }
      const { messages } = await ask('/v1/recv', { topic: 't.a', max_messages: 10, visibility_ms: 3_600_000 });
      for (const { msg_id, receipt, idem_key } of messages) {
        expected.push(`received ${idem_key}`);
        if (idem_key === 'r0-0') continue;
        await ask(`/v1/ack/${msg_id}`, { receipt });
      }
      expected.push(
        ...messages.flatMap(({ idem_key }: { idem_key: string }) => (idem_key === 'r0-0' ? [] : [`acked ${idem_key}`])),
      );
      // Half of the rounds nobody reads before the process is killed.
      if (round % 2 === 0) await follow();
      await server.restart();
    }
    await follow();
    expect(told).toEqual(expected);
    const { timeline, is_complete } = (await server.caller.ask('GET', `/v1/messages/${first}`, viewer)).body;
    expect(timeline.map(({ fact }: { fact: string }) => fact)).toEqual(['sent', 'received']);
    expect(is_complete).toBe(true);
  });
});
