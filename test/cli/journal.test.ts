import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { type Finished, run } from '../support/process.ts';
import { Swarm } from '../support/swarm.ts';

let server: DurableServer;
let cap = '';
beforeEach(() => {
  server = new DurableServer();
  cap = server.cap('topic = t', 'op = send,recv,ack,nack,extend,stats').token;
});
afterEach(() => server.end());

const post = (path: string, body: object) => server.caller.post(path, cap, body);
const send = async (key: string, payload = 'hello'): Promise<string> => {
  const payload_b64 = Buffer.from(payload).toString('base64');
  return (await post('/v1/send', { topic: 't', idem_key: key, payload_b64 })).body.msg_id;
};
const recv = async () =>
  (await post('/v1/recv', { topic: 't', max_messages: 1, visibility_ms: 12 * 3_600_000 })).body.messages[0];
const ack = (msgId: string, receipt: string) => post(`/v1/ack/${msgId}`, { receipt });
const journal = (...args: string[]): Promise<Finished> => run(['journal', ...args, '--data', server.data]);
const json = async (...args: string[]) => JSON.parse((await journal(...args, '--json')).out);

/** Three messages: one acked, one leased, one queued and large; gives the receipt of the lease. */
async function someMessages() {
  await server.start();
  await send('acked');
  const done = await recv();
  await ack(done.msg_id, done.receipt);
  await send('leased');
  const held = await recv();
  const large = await send('large', 'x'.repeat(100_000));
  return { done, held, large };
}

describe('journal verify, stat, cat', () => {
  it('while serving and after kill -9: intact; what there is, in words and in JSON (journal rule 10)', async () => {
    await someMessages();
    const serving = await journal('verify');
    expect([serving.code, serving.err]).toEqual([0, '']);
    expect(serving.out).toMatch(/facts {6}6 facts .*\nverdict {4}intact\n$/s);
    await server.restart();
    expect(await json('verify')).toMatchObject({ intact: true, problems: [], payloadFiles: 1, first: 1, tornBytes: 0 });
    expect(await json('stat')).toMatchObject({
      ...{
        format: 2,
        term: 2,
        shards: 2,
        torn_bytes: 0,
        snapshot_sequence: null,
        payload_files: { count: 1, bytes: 1e5 },
      },
      ...{ messages: { queued: 1, leased: 1, redelivered: 0, acked: 1, dead_lettered: 0, purged: 0 } },
      ...{ idempotency_entries: 3, settled_receipts: 1, reserve: true },
    });
    expect((await journal('stat')).out).toContain(
      'messages   queued 1, leased 1, redelivered 0, acked 1, dead_lettered 0',
    );
  });

  it('cat: every fact in order; no receipt ever, payloads when asked for (I2)', async () => {
    const { done, held, large } = await someMessages();
    const { out } = await journal('cat', '--json');
    const facts = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const story = facts.filter(({ shard }) => shard !== null).map(({ fact }) => fact);
    expect(story).toEqual(['sent', 'received', 'acked', 'sent', 'received', 'sent']);
    expect(facts[0]).toMatchObject({ frame: 1, shard: null, fact: 'started', term: 1, limits: { max_attempts: 5 } });
    const texts = [out, (await journal('cat', '--payload')).out];
    for (const text of texts) for (const { receipt } of [done, held]) expect(text).not.toContain(receipt);
    expect(texts[0]).not.toContain('aGVsbG8=');
    expect(texts[1]).toContain('payload_b64=aGVsbG8=');
    const one = (await journal('cat', '--json', '--payload', '--msg-id', large)).out;
    expect(JSON.parse(one)).toMatchObject({ fact: 'sent', payload_apart: true, ttl_at_ms: null });
    expect(JSON.parse(one).payload_b64).toBe(Buffer.from('x'.repeat(100_000)).toString('base64'));
    const { frame } = facts.at(-1);
    const last = (await journal('cat', '--from', `${frame}`, '--to', `${frame}`)).out;
    expect(last.split('\n')[0]).toContain(large);
    expect(last).not.toContain(held.msg_id);
  });

  it('bad use: one line that says what is wrong, and the exit code of it', async () => {
    const none = await journal('verify');
    expect([none.code, none.err]).toEqual([2, `data: ${server.data}: no such directory\n`]);
    mkdirSync(server.data, { mode: 0o700 });
    expect(await journal('verify')).toMatchObject({ code: 2, out: expect.stringContaining('there is no journal') });
    expect(await journal('cat')).toMatchObject({ code: 2, err: 'there is no journal\n' });
    expect(await journal('cat', '--from', '0')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--from "0": must be a whole'),
    });
    expect(await journal('cat', '--trace', '--payload')).toMatchObject({
      code: 2,
      err: expect.stringContaining('trace: '),
    });
    expect(await journal('backup')).toMatchObject({ code: 2, err: expect.stringContaining("argument 'directory'") });
    chmodSync(server.data, 0o755);
    expect(await journal('stat')).toMatchObject({ code: 2, err: expect.stringContaining('mode 0755 lets others in') });
  });

  it('damage: verify names file and place, cat tells what comes before it, both exit 1', async () => {
    await someMessages();
    await server.process.crash();
    const file = join(server.data, 'log-000000000000001');
    const bytes = readFileSync(file);
    const at = bytes.lastIndexOf('leased');
    bytes[at]! ^= 1;
    writeFileSync(file, bytes);
    const where = /log-000000000000001 at \d+: body damaged, with a valid frame after it in log-000000000000001 at \d+/;
    const verified = await journal('verify');
    expect([verified.code, verified.out]).toEqual([1, expect.stringMatching(where)]);
    expect(verified.out).toContain('NOT INTACT');
    const told = await journal('cat');
    expect([told.code, told.err]).toEqual([1, expect.stringMatching(where)]);
    expect(told.out).toContain('idem_key=acked');
    expect(told.out).not.toContain('idem_key=large');
    const copied = await journal('backup', join(server.folder, 'backup'));
    expect([copied.code, copied.err]).toEqual([1, expect.stringMatching(where)]);
    expect(readdirSync(join(server.folder, 'backup'))).toEqual([]);
  });
});

describe('journal cat --trace', () => {
  const traced = async () => {
    const { out, err, code } = await journal('cat', '--trace');
    expect(code).toBe(0);
    const file = join(server.folder, 'trace.ndjson');
    writeFileSync(file, out);
    const checked = await run(['trace', 'check', file, '--explain']);
    expect([checked.code, checked.err, checked.out]).toEqual([0, '', expect.stringContaining('a behaviour of the')]);
    return {
      steps: out
        .split('\n')
        .slice(1, -1)
        .map((line) => JSON.parse(line)),
      err,
      file,
    };
  };

  it('a behaviour of the specification, across a restart; a line changed is none (V5)', async () => {
    const { held } = await someMessages();
    await server.restart();
    expect((await ack(held.msg_id, held.receipt)).status).toBe(200);
    const { steps, err, file } = await traced();
    expect(err).toBe('');
    expect(steps.map(({ action }) => action)).toEqual(
      [['Send', 'Recv', 'Ack', 'Send', 'Recv', 'Send'], ['Recover'], ['Ack']].flat(),
    );
    // Through a pipe, as the help says: its reader is there long before there is anything to read.
    const [node, program] = [process.execPath, resolve(import.meta.dirname, '../../dist/mailbox.js')];
    const piped = `"${node}" "${program}" journal cat --trace --data "${server.data}" | "${node}" "${program}" trace check -`;
    expect((await promisify(execFile)('sh', ['-c', piped])).stdout).toBe(
      `a behaviour of the specification: ${steps.length} steps\n`,
    );
    writeFileSync(file, readFileSync(file, 'utf8').replace('"attempt":1', '"attempt":2'));
    expect((await run(['trace', 'check', file])).code).toBe(1);
  });

  it('other limits after a restart: the trace begins there, with what was found (V5)', async () => {
    const { held } = await someMessages();
    await server.restart('--max-attempts', '9');
    expect((await ack(held.msg_id, held.receipt)).status).toBe(200);
    const { steps, err } = await traced();
    expect(err).toMatch(/^the trace begins after frame \d+: other limits were in force before\n$/);
    expect(steps.map(({ action }) => action)).toEqual(['Found', 'Found', 'Found', 'Ack']);
  });
});

describe('journal backup, restore', () => {
  it('under load: what is restored is intact, and serves what was accepted before (journal rule 6)', async () => {
    await server.start();
    await send('kept');
    const held = await recv();
    const swarm = new Swarm(server, 5);
    swarm.start(4, 4);
    await swarm.answers(200);
    const backups = [1, 2, 3].map((n) => join(server.folder, `backup-${n}`));
    for (const backup of backups) {
      const made = await journal('backup', backup, '--json');
      expect([made.code, made.err]).toEqual([0, '']);
      await swarm.answers(100);
    }
    await swarm.drain();
    await server.process.crash();
    for (const backup of backups) {
      const verified = await run(['journal', 'verify', '--data', backup]);
      expect([verified.code, verified.out]).toEqual([0, expect.stringContaining('intact')]);
      expect(statSync(backup).mode & 0o777).toBe(0o700);
    }
    const restored = join(server.folder, 'restored');
    const done = await run(['journal', 'restore', backups[0] as string, '--data', restored, '--json']);
    expect([done.code, JSON.parse(done.out)]).toEqual([0, expect.objectContaining({ directory: restored })]);
    await server.start('--data', restored);
    expect((await post('/v1/send', { topic: 't', idem_key: 'kept', payload_b64: '' })).body.code).toBe(
      'E_IDEM_MISMATCH',
    );
    expect((await ack(held.msg_id, held.receipt)).body).toEqual({ ok: true });
  });

  it('large payloads: linked, not copied, and there after the message is gone', async () => {
    const { large } = await someMessages();
    const backup = join(server.folder, 'backup');
    expect(JSON.parse((await journal('backup', backup, '--json')).out)).toMatchObject({ files: 2, messages: 3 });
    const [name] = readdirSync(join(backup, 'payloads')) as [string];
    expect(statSync(join(backup, 'payloads', name)).nlink).toBe(2);
    const taken = await recv();
    expect(taken.msg_id).toBe(large);
    await ack(large, taken.receipt);
    await server.process.crash();
    expect(existsSync(join(backup, 'payloads', name))).toBe(true);
    const restored = join(server.folder, 'restored');
    expect((await run(['journal', 'restore', backup, '--data', restored])).code).toBe(0);
    await server.start('--data', restored);
    expect((await recv()).payload_b64).toBe(Buffer.from('x'.repeat(100_000)).toString('base64'));
  });

  it('refused: into what is not empty, from what is no backup or was cut off; nothing is changed', async () => {
    await someMessages();
    const backup = join(server.folder, 'backup');
    await journal('backup', backup);
    const before = readdirSync(server.data).sort();
    expect(await journal('restore', backup)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^restore: .* is not empty/),
    });
    expect(readdirSync(server.data).sort()).toEqual(before);
    expect(await journal('backup', backup)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^backup: .* is not empty/),
    });
    expect(await journal('backup', join(server.data, 'b'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('inside'),
    });
    const fresh = join(server.folder, 'fresh');
    const restore = (from: string) => run(['journal', 'restore', from, '--data', fresh]);
    expect(await restore(join(server.folder, 'nothing'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('no such'),
    });
    expect(existsSync(fresh)).toBe(false);
    // As a copy that was cut off leaves it: neither a backup nor a data directory.
    writeFileSync(join(backup, 'incomplete'), '', { mode: 0o600 });
    expect(await restore(backup)).toMatchObject({ code: 2, err: expect.stringContaining('was cut off') });
    await server.process.crash();
    linkSync(join(backup, 'incomplete'), join(server.data, 'incomplete'));
    expect(await server.begin().finished).toMatchObject({ code: 1, err: expect.stringContaining('was cut off') });
  });
});
