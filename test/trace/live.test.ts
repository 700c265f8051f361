import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checkTrace } from '../../src/trace/check.ts';
import { MailboxProcess, run } from '../support/process.ts';

let folder = '';
const started: MailboxProcess[] = [];
const serve = (...args: string[]): MailboxProcess => {
  const process = new MailboxProcess(['serve', '--bind', '127.0.0.1:0', '--metrics-bind', '127.0.0.1:0', ...args]);
  started.push(process);
  return process;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trace-'));
});
afterEach(() => {
  for (const process of started.splice(0)) process.child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('serve --trace', () => {
  it('what a live server did is a behaviour of the specification, and gives nothing away (V3, I2)', async () => {
    const [trace, data] = [join(folder, 'run.ndjson'), join(folder, 'data')];
    const server = serve('--data', data, '--trace', trace, '--max-attempts', '2');
    const { http } = await server.logged('server.ready');
    await server.until(() => server.err.endsWith('\n\n'));
    const authorization = `Bearer ${/MAILBOX_CAP=(\S+)/.exec(server.err)?.[1]}`;
    // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
    const post = async (path: string, body: object): Promise<any> => {
      const headers = { authorization, 'content-type': 'application/json' };
      return (await fetch(`http://${http}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    };
    const receipts: string[] = [];
    const recv = async (n: number): Promise<{ msg_id: string; receipt: string }[]> => {
      const { messages } = await post('/v1/recv', { topic: 'demo', max_messages: n });
      receipts.push(...messages.map(({ receipt }: { receipt: string }) => receipt));
      return messages;
    };
    const secret = Buffer.from('a payload nobody else may see').toString('base64');
    for (let i = 0; i < 8; i++) await post('/v1/send', { topic: 'demo', idem_key: `k${i % 6}`, payload_b64: secret });
    // Whatever a client calls its reason, a nack is a nack.
    const [first, second, ...rest] = await recv(4);
    await post(`/v1/ack/${first?.msg_id}`, { receipt: first?.receipt });
    await post(`/v1/extend/${second?.msg_id}`, { receipt: second?.receipt, visibility_ms: 40_000 });
    for (const { msg_id, receipt } of rest)
      await post(`/v1/nack/${msg_id}`, { receipt, retry_after_ms: 0, reason: 'expired' });
    for (const { msg_id, receipt } of await recv(4)) await post(`/v1/nack/${msg_id}`, { receipt, dead_letter: true });
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);

    const text = readFileSync(trace, 'utf8');
    const { header, matched, mismatch } = checkTrace(text);
    expect([mismatch, header.producer, header.constants.MaxAttempts]).toEqual([null, 'server', 2]);
    const actions = new Set([...text.matchAll(/"action":"(\w+)"/g)].map((match) => match[1]));
    expect([...actions].sort()).toEqual(['Ack', 'Extend', 'Nack', 'Recv', 'Send']);
    expect(matched).toBe(text.trimEnd().split('\n').length - 1);
    for (const hidden of [secret, authorization.slice(7), ...receipts]) expect(text).not.toContain(hidden);
    expect(statSync(trace).mode & 0o777).toBe(0o600);
  });

  it('begins where no message is, in a new file: else the server does not start', async () => {
    const [trace, data] = [join(folder, 'second.ndjson'), join(folder, 'data')];
    const args = ['serve', '--bind', '127.0.0.1:0', '--metrics-bind', '127.0.0.1:0'];
    const again = await run([...args, '--data', data, '--trace', trace]);
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('the data directory holds messages already')]);
    expect(existsSync(trace)).toBe(false);
    const over = await run([...args, '--profile', 'micronode', '--trace', join(folder, 'run.ndjson')]);
    expect([over.code, over.err]).toEqual([2, expect.stringMatching(/--trace .*run\.ndjson: exists/)]);
  });
});
