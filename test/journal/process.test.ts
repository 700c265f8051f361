import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';

let server: DurableServer;
let cap = '';
beforeEach(() => {
  server = new DurableServer();
  cap = server.cap('topic = t', 'op = send,recv,ack,nack,extend,stats').token;
});
afterEach(() => server.end());

const post = (path: string, body: object, by = cap) => server.caller.post(path, by, body);
const send = (key: string, more = {}) => post('/v1/send', { topic: 't', idem_key: key, payload_b64: 'aGk=', ...more });
const recv = async () =>
  (await post('/v1/recv', { topic: 't', max_messages: 1, visibility_ms: 60_000 })).body.messages[0];
const ack = (msgId: string, receipt: string) => post(`/v1/ack/${msgId}`, { receipt });

describe('durable server', () => {
  it('kill -9: messages, leases, receipts, settled receipts and windows are there again (AC1, R3, LE4, ID4, RT4)', async () => {
    await server.start();
    const sent = (await send('acked')).body;
    await send('leased');
    await send('queued');
    const done = await recv();
    expect(done.msg_id).toBe(sent.msg_id);
    expect((await ack(done.msg_id, done.receipt)).status).toBe(200);
    const held = await recv();

    await server.restart();
    expect((await ack(done.msg_id, done.receipt)).body).toEqual({ ok: true });
    expect((await send('acked')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: sent.msg_id });
    expect((await send('acked', { payload_b64: 'b3RoZXI=' })).body.code).toBe('E_IDEM_MISMATCH');
    const stats = (await server.caller.ask('GET', '/v1/stats?topic=t', cap)).body;
    expect(stats).toMatchObject({ queued: 1, leased: 1, redelivered: 0 });
    expect((await ack(held.msg_id, 'AAAAAAAAAAAAAAAAAAAAAA')).status).toBe(409);
    expect((await ack(held.msg_id, held.receipt)).body).toEqual({ ok: true });
    expect(await recv()).toMatchObject({ idem_key: 'queued', attempt: 1, epoch: 1 });
    expect(await recv()).toBeUndefined();
  });

  it('kill -9: dead letters with reason and redrives; then it is reprocessed, epoch going on (DL1, DL2, R3)', async () => {
    await server.start();
    const dlq = server.cap('topic = t', 'op = admin').token;
    const { msg_id } = (await send('poison')).body;
    const reject = async (reason: string) => {
      const { receipt } = await recv();
      await post(`/v1/nack/${msg_id}`, { receipt, reason, dead_letter: true });
    };
    await reject('first');
    await post('/v1/dlq/reprocess', { topic: 't', msg_ids: [msg_id] }, dlq);
    await reject('second');

    await server.restart();
    const { dead_letters } = (await server.caller.ask('GET', '/v1/dlq?topic=t', dlq)).body;
    expect(dead_letters).toEqual([
      expect.objectContaining({ msg_id, reason: 'rejected', last_error: 'second', redrives: 1, epoch: 2, attempt: 1 }),
    ]);
    await post('/v1/dlq/reprocess', { topic: 't', msg_ids: [msg_id] }, dlq);
    await server.restart();
    expect(await recv()).toMatchObject({ msg_id, attempt: 1, epoch: 3 });
  });

  it('kill -9: a revocation that was answered holds, and no quota is new again (S3, AU2, AU3)', async () => {
    await server.start();
    const revoked = server.cap('topic = t', 'op = stats');
    const stats = (by: string) => server.caller.ask('GET', '/v1/stats?topic=t', by);
    expect((await stats(revoked.token)).status).toBe(200);
    const limited = server.cap('topic = t', 'op = send', 'quota_ops = 3/600').token;
    for (let i = 0; i < 3; i++) {
      expect((await post('/v1/send', { topic: 't', idem_key: `${i}`, payload_b64: '' }, limited)).status).toBe(200);
    }
    const root = server.cap('topic = mailbox.admin', 'op = admin').token;
    expect((await post('/v1/admin/revoke', { nonce: revoked.nonce, reason: 'lost' }, root)).status).toBe(200);

    await server.restart();
    expect((await stats(revoked.token)).status).toBe(401);
    expect(await post('/v1/send', { topic: 't', idem_key: 'more', payload_b64: '' }, limited)).toMatchObject({
      status: 429,
      body: { reason: 'quota' },
    });
  });

  it('SIGTERM: what was answered is there, and nothing was torn', async () => {
    await server.start();
    await send('a');
    server.process.child.kill('SIGTERM');
    expect((await server.process.finished).code).toBe(0);
    await server.start();
    expect(server.process.out).not.toContain('torn');
    expect((await recv()).idem_key).toBe('a');
  });

  it('ready_shards: fixed for a data directory', async () => {
    await server.start();
    await server.process.crash();
    const { code, err } = await server.begin('--ready-shards', '4').finished;
    expect([code, err]).toEqual([2, expect.stringContaining('ready_shards: ')]);
    expect(err).toContain('has 2');
  });
});

describe('data directory', () => {
  const refused = async (what: string): Promise<void> => {
    const { code, err } = await server.begin().finished;
    expect([code, err]).toEqual([1, expect.stringContaining(what)]);
  };

  it('made private; a second process on it refuses, with the lock file deleted too, and the first serves on (journal rule 7, B14)', async () => {
    await server.start();
    await refused('in use by another process');
    rmSync(join(server.data, 'lock'));
    await refused('in use by another process');
    expect((await send('a')).status).toBe(200);
    expect(statSync(server.data).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(server.data)) {
      const { mode } = statSync(join(server.data, name));
      expect([name, mode & 0o077]).toEqual([name, 0]);
    }
  });

  it.each([
    ['removed', (file: string) => rmSync(file), /log-0+1: removed while it was in use/],
    ['cut off', (file: string) => truncateSync(file, 512), /log-0+1: 512 bytes long, cut off while it was in use/],
  ] as const)(
    'its log %s under the server: nothing more is answered as durable, and it ends (journal rules 3, 4)',
    async (_what, harm, says) => {
      await server.start();
      expect((await send('before')).status).toBe(200);
      harm(join(server.data, 'log-000000000000001'));
      expect((await send('after')).body).toMatchObject({ code: 'E_UNAVAILABLE', reason: 'journal' });
      expect((await server.process.finished).code).toBe(1);
      expect(server.process.out).toMatch(says);
    },
  );

  it('others let in: refuses and says what to do, whether the directory or one file (B14)', async () => {
    mkdirSync(server.data, { mode: 0o755 });
    await refused('mode 0755 lets others in; chmod 0700 it');
    chmodSync(server.data, 0o700);
    await server.start();
    await server.process.crash();
    const file = join(server.data, 'log-000000000000001');
    chmodSync(file, 0o644);
    await refused('log-000000000000001: mode 0644 lets others in; chmod 0600 it');
    chmodSync(file, 0o600);
    await server.start();
  });

  it('a symbolic link in it: refuses (B14)', async () => {
    await server.start();
    await server.process.crash();
    symlinkSync('/etc/passwd', join(server.data, 'log-000000000000009'));
    await refused('a symbolic link');
  });

  it('something else in place of a payload or a segment: refuses, and does not wait for it (journal rule 3)', async () => {
    await server.start();
    expect((await send('a', { payload_b64: Buffer.alloc(100_000, 1).toString('base64') })).status).toBe(200);
    await server.process.crash();
    const [payload] = readdirSync(join(server.data, 'payloads'));
    for (const file of [join('payloads', payload as string), 'log-000000000000001']) {
      const path = join(server.data, file);
      renameSync(path, join(server.folder, 'aside'));
      execFileSync('mkfifo', ['-m', '600', path]);
      await refused(`${path}: a FIFO, not a regular file`);
      renameSync(join(server.folder, 'aside'), path);
    }
    await server.start();
    expect((await recv()).idem_key).toBe('a');
  });

  it('no flock program: refuses rather than serve unlocked (journal rule 7)', async () => {
    const { PATH } = process.env;
    process.env['PATH'] = '/nowhere';
    try {
      await refused('cannot be locked, the program flock (util-linux) is needed: ENOENT');
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  it('damage in the middle: refuses and names segment and offset, whatever the operator accepts (journal rule 3)', async () => {
    await server.start();
    for (let i = 0; i < 5; i++) await send(`${i}`);
    await server.process.crash();
    const file = join(server.data, 'log-000000000000001');
    const bytes = readFileSync(file);
    const at = bytes.indexOf('aGk') >= 0 ? bytes.indexOf('aGk') : bytes.indexOf('hi', 512);
    bytes[at]! ^= 1;
    writeFileSync(file, bytes);
    for (const args of [[], ['--accept-torn-tail']]) {
      const { code, err } = await server.begin(...args).finished;
      expect(code).toBe(1);
      expect(err).toMatch(
        /journal: log-000000000000001 at \d+: body damaged, with a valid frame after it in log-000000000000001 at \d+/,
      );
    }
  });
});
