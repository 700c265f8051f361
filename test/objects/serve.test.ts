import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { FakeBucket, KEYS } from '../support/fake-bucket.ts';
import { run } from '../support/process.ts';
import { until } from '../support/until.ts';

const LARGE = Buffer.alloc(200_000, 'large').toString('base64');

describe('a server whose large payloads are in a bucket (B11)', () => {
  let bucket: FakeBucket;
  let server: DurableServer;
  let credentials: string;
  let cap: string;
  beforeEach(async () => {
    bucket = await new FakeBucket().start();
    server = new DurableServer();
    credentials = join(server.folder, 'bucket.json');
    const { accessKeyId: access_key_id, secretAccessKey: secret_access_key } = KEYS;
    writeFileSync(credentials, JSON.stringify({ access_key_id, secret_access_key }), { mode: 0o600 });
    cap = server.cap('topic = t', 'op = send,recv,ack,nack,extend,stats').token;
  });
  afterEach(async () => {
    await server.end();
    await bucket.stop();
  });

  const flags = (): string[] => [
    ...['--payload-store', bucket.url, '--payload-store-credentials', credentials, '--payload-store-timeout', '1s'],
  ];
  const send = async (key: string, payload_b64 = LARGE) =>
    (await server.caller.post('/v1/send', cap, { topic: 't', idem_key: key, payload_b64 })).status;
  const recv = async () =>
    (await server.caller.post('/v1/recv', cap, { topic: 't', max_messages: 1, visibility_ms: 60_000 })).body
      .messages[0];
  const settle = (verb: string, { msg_id, receipt }: { msg_id: string; receipt: string }, more = {}) =>
    server.caller.post(`/v1/${verb}/${msg_id}`, cap, { receipt, ...more });
  const files = (): string[] => readdirSync(join(server.data, 'payloads'));
  const journal = (...args: string[]) =>
    run(['journal', ...args, '--data', server.data], {
      ...{ MAILBOX_PAYLOAD_STORE: bucket.url, MAILBOX_PAYLOAD_STORE_CREDENTIALS: credentials },
    });

  it('kill -9: messages and dead letters have their payloads again; one that nobody needs goes', async () => {
    await server.start(...flags());
    expect([await send('dead'), await send('same-payload'), await send('small', 'aGk=')]).toEqual([200, 200, 200]);
    await settle('nack', await recv(), { dead_letter: true });
    expect([bucket.names.length, files()]).toEqual([1, []]);
    await server.restart(...flags());
    const first = await recv();
    expect(first.payload_b64).toBe(LARGE);
    await settle('ack', first);
    const admin = server.cap('topic = t', 'op = admin').token;
    const dead = (await server.caller.ask('GET', '/v1/dlq?topic=t&include=payload', admin)).body;
    expect(dead.dead_letters[0].payload_b64).toBe(LARGE);
    expect(bucket.names).toHaveLength(1);
    await server.caller.post('/v1/dlq/purge', admin, { topic: 't', older_than_ms: 0 });
    await until(() => bucket.names.length === 0);
  });

  it('away: sends are taken into the log, and a start waits for no longer than it is told to', async () => {
    await server.start(...flags());
    expect(await send('there')).toBe(200);
    bucket.trouble = 'error';
    expect([await send('away', `${LARGE.slice(0, -8)}AAAAAAAA`), bucket.names.length]).toEqual([200, 1]);
    const told = await server.process.logged('payloads.store');
    expect(told['reason']).toMatch(/^PUT was answered 500 InternalError: payloads go into the log$/);
    await server.process.crash();
    const refused = server.begin(...flags());
    const { code, out, err } = await refused.finished;
    expect(code).not.toBe(0);
    expect(out + err).toMatch(/payload_store: GET was answered 500 InternalError/);
    expect(out + err).not.toContain(KEYS.secretAccessKey);
    bucket.trouble = null;
    await server.start(...flags());
    expect([(await recv()).payload_b64, (await recv()).payload_b64.slice(-8)]).toEqual([LARGE, 'AAAAAAAA']);
  });

  it('damaged there: dead letters with reason integrity, and never to a consumer (IN1)', async () => {
    await server.start(...flags());
    expect(await send('one')).toBe(200);
    await server.process.crash();
    const [key] = bucket.objects.keys();
    bucket.objects.set(key as string, Buffer.alloc(200_000));
    await server.start(...flags());
    expect(await recv()).toBeUndefined();
    const admin = server.cap('topic = t', 'op = admin').token;
    const dead = (await server.caller.ask('GET', '/v1/dlq?topic=t', admin)).body;
    expect(dead.dead_letters[0].reason).toBe('integrity');
  });

  it('a directory remembers where its payloads are: another place, or none, is refused; files of before stay good', async () => {
    await server.start();
    expect(await send('before')).toBe(200);
    expect(files()).toHaveLength(1);
    await server.restart(...flags());
    expect(await send('after', `${LARGE.slice(0, -8)}AAAAAAAA`)).toBe(200);
    await server.process.crash();
    for (const wrong of [[], ['--payload-store', `${bucket.url}2`, '--payload-store-credentials', credentials]]) {
      const { code, out, err } = await server.begin(...wrong).finished;
      expect(code).not.toBe(0);
      expect(out + err).toContain('payload_store: payloads of this data directory are in');
    }
    await server.start(...flags());
    expect([(await recv()).payload_b64, (await recv()).payload_b64.slice(-8)]).toEqual([LARGE, 'AAAAAAAA']);
  });

  it('a backup needs them in files: fetched, it is whole; and there is a way back', async () => {
    await server.start(...flags());
    expect(await send('one')).toBe(200);
    const target = join(server.folder, 'backup');
    expect((await journal('backup', target)).err).toContain(
      '1 payloads are in a bucket: first `mailbox journal fetch`',
    );
    expect((await journal('verify')).out).toContain('payloads   those of 1 message are in a bucket');
    expect(await journal('fetch')).toMatchObject({ code: 0, out: expect.stringContaining('1 payload fetched') });
    expect((await journal('backup', target)).code).toBe(0);
    expect((await journal('fetch', '--leave')).code).not.toBe(0);
    await server.process.crash();
    expect((await journal('fetch', '--leave')).out).toContain('start without payload_store');
    bucket.trouble = 'silent';
    await server.start();
    expect((await recv()).payload_b64).toBe(LARGE);
    expect((await run(['journal', 'verify', '--data', target])).out).toContain('verdict    intact');
  });

  it('credentials: refused in one line that repeats nothing of them (I2, I3)', async () => {
    const refusal = async (): Promise<string> => {
      const { code, out, err } = await server.begin(...flags()).finished;
      expect(code).not.toBe(0);
      expect(out + err).not.toContain(KEYS.secretAccessKey);
      return out + err;
    };
    chmodSync(credentials, 0o644);
    expect(await refusal()).toContain('must be 0600');
    chmodSync(credentials, 0o600);
    writeFileSync(credentials, `{"access_key_id": "a", "secret_access_key": "${KEYS.secretAccessKey}", "more": 1}`);
    expect(await refusal()).toContain('must have access_key_id and secret_access_key, and nothing else');
    writeFileSync(credentials, `${KEYS.secretAccessKey}`);
    expect(await refusal()).toContain('not JSON');
  });
});
