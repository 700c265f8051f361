import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';

const MIB = 1024 ** 2;
const servers: DurableServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.end();
});

/** What accepted messages are full of, payloads being empty. */
const SHAPES: readonly { readonly name: string; readonly attrs: (i: number) => Record<string, string> }[] = [
  { name: 'all the attributes there may be', attrs: () => thirtyTwo(() => 'a', 'x'.repeat(1024)) },
  {
    name: 'attributes of two bytes a character, each under a name of its own',
    attrs: (i) => thirtyTwo(() => `a${i}.`, '€'.repeat(341)),
  },
];
const thirtyTwo = (prefix: () => string, value: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`${prefix()}${i}`, value]));

const TOPICS = 50;
const rssOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

describe('memory that accepted messages take (BD0)', () => {
  for (const { name, attrs } of SHAPES) {
    it(`${name}: refused when it is used up, nothing accepted is lost, and the server starts again`, async () => {
      const server = new DurableServer();
      servers.push(server);
      // A heap that a few thousand full messages used up when payloads alone were counted.
      server.under = ['env', 'NODE_OPTIONS=--max-old-space-size=128'];
      await server.start();
      const { token } = server.cap('topic prefix t.', 'op = send,recv,ack');
      const ask = (path: string, body: object) => server.caller.post(path, token, body);
      const send = (i: number) =>
        ask('/v1/send', { topic: `t.${i % TOPICS}`, idem_key: `k${i}`, payload_b64: '', attrs: attrs(i) });
      let accepted = 0;
      let refused: unknown = null;
      for (let i = 0; refused === null && i < 20_000; i += 20) {
        for (const one of await Promise.all(Array.from({ length: 20 }, (_, k) => send(i + k)))) {
          if (one.status === 200) accepted++;
          else refused = one;
        }
      }
      console.log(`${accepted} accepted, ${Math.round(rssOf(server.process.child.pid as number) / MIB)} MiB`);
      expect(refused).toMatchObject({ status: 429, body: { code: 'E_SATURATED', reason: 'memory' } });
      expect(accepted).toBeGreaterThan(300);

      await server.restart();
      expect((await send(50_000)).status).toBe(429);
      let received = 0;
      for (let topic = 0; topic < TOPICS; topic++) {
        for (let acks: object[] = []; ; ) {
          const { body } = await ask('/v1/recv', { topic: `t.${topic}`, max_messages: 10, acks });
          const messages = body.messages as { msg_id: string; receipt: string }[];
          if (messages.length === 0) break;
          received += messages.length;
          acks = messages.map(({ msg_id, receipt }) => ({ msg_id, receipt }));
        }
      }
      expect(received).toBe(accepted);
      expect((await send(50_000)).status).toBe(200);
    });
  }
});
