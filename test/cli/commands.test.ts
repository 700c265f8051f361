import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Finished, type MailboxProcess, run, runMany, serve } from '../support/process.ts';

let folder = '';
let keyring = '';
let server: MailboxProcess;
let env: Record<string, string> = {};

const mailbox = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await run(args, env);
  if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}: ${err}`);
  return out.trim();
};
const cap = (...args: string[]): Promise<string> =>
  mailbox('cap', 'mint', '--keyring', keyring, '--expires', '1h', '--quota-ops', '1000/1', ...args);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  keyring = join(folder, 'keyring.json');
  await mailbox('keyring', 'init', keyring);
  server = serve('--keyring', keyring, '--enable-admin', '--max-attempts', '1');
  const { http } = await server.logged('server.ready');
  env = {
    MAILBOX_URL: `http://${http}`,
    MAILBOX_CAP: await cap('--topic', 'a', '--op', 'send,recv,ack,nack,extend,stats'),
  };
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  expect((await server.finished).code).toBe(0);
  rmSync(folder, { recursive: true });
});

describe('commands', () => {
  it('send, recv, ack, extend, stats: a client for people', async () => {
    const id = await mailbox('send', 'a', 'hello', '--idem-key', 'k1', '--attr', 'x=1');
    expect(await mailbox('send', 'a', 'hello', '--idem-key', 'k1')).toBe(`${id}  (duplicate: sent before)`);
    const envelope = JSON.parse(await mailbox('recv', 'a', '--wait', '1s', '--visibility', '60s', '--json'));
    expect(envelope).toMatchObject({ msg_id: id, idem_key: 'k1', attrs: { x: '1' } });
    expect(await mailbox('extend', id, envelope.receipt, '--visibility', '90s')).toBe('90000 ms left');
    expect(await mailbox('stats', 'a')).toMatch(/leased +1/);
    expect(await mailbox('ack', id, envelope.receipt)).toBe('acked');
    await mailbox('send', 'a', 'again');
    expect(await mailbox('recv', 'a', '--ack')).toMatch(/attempt 1.*\nagain$/);
    expect(await mailbox('stats', 'a')).toMatch(/depth +0/);
  });

  it('topics, peek, show, tail: look at it all and touch nothing (B10, B15, AU7)', async () => {
    const viewer = { ...env, MAILBOX_CAP: await cap('--topic-prefix', 'a', '--op', 'view', '--role', 'viewer') };
    const id = await mailbox('send', 'a', 'looked at', '--idem-key', 'look-1');
    const look = async (...args: string[]) => {
      const { code, out, err } = await run(args, viewer);
      expect([code, err], args.join(' ')).toEqual([0, '']);
      return out;
    };
    const sender = { ...env, MAILBOX_CAP: await cap('--topic-prefix', 'a.', '--op', 'send') };
    const longer = (await run(['send', 'a.longer.name', 'beside', '--idem-key', 'look-2'], sender)).out.trim();
    expect((await look('topics')).split('\n').map((line) => line.replace(/[0-9.]+ s$/, 'AGE s'))).toEqual([
      'topic          depth  queued  leased  redelivered  dead  oldest',
      expect.stringMatching(/^a {18}1 {7}1 {7}0 {12}0 {5}0 +AGE s$/),
      expect.stringMatching(/^a\.longer\.name {6}1 {7}1 {7}0 {12}0 {5}0 +AGE s$/),
      '',
    ]);
    expect(await look('topics', 'a.nothing')).toBe('');
    expect(JSON.parse(await look('topics', 'a', '--json')).topics[0]).toMatchObject({ topic: 'a', depth: 1 });
    expect(await look('peek', 'a', '--payload', '--state', 'queued')).toMatch(
      new RegExp(
        `^msg_id {22}state {3}sent {22}idem_key {2}attempt {2}bytes {2}reason\n${id} {2}queued {2}\\S{24} {2}look-1 {10}0 {6}9 {2}-\nlooked at\n$`,
      ),
    );
    expect(await look('peek', 'a', '--state', 'leased')).toBe('');
    const shown = await look('show', id);
    expect(shown).toMatch(/state +queued[\s\S]*sent +queued {2}attempt 0/);
    // What a message has not has no row: no reason, no error, no time at which it died.
    expect(shown).not.toMatch(/^(reason|last_error|dead_at) |null/m);
    expect(await look('show', longer)).toContain('look-2');
    expect(JSON.parse(await look('show', id, '--json'))).toMatchObject({ is_complete: true, message: { msg_id: id } });
    const told = await look('tail', 'a', '--after', 'start', '--wait', '0s');
    expect(told.trim().split('\n').at(-1)).toMatch(new RegExp(`sent +queued {2}attempt 0 {2}a {2}${id}$`));
    const lines = (await look('tail', '--prefix', 'a', '--after', 'start', '--wait', '0s', '--json'))
      .trim()
      .split('\n');
    const sent = lines.map((line) => JSON.parse(line)).filter(({ fact }) => fact === 'sent');
    expect(sent.slice(-2).map(({ msg_id }) => msg_id)).toEqual([id, longer]);
    const refused = await run(['send', 'a', 'x'], viewer);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('E_CAP_SCOPE')]);
    expect((await run(['tail'], viewer)).code).toBe(2);
    expect((await run(['tail', 'a', '--after', 'zz-1'], viewer)).err).toContain('E_CURSOR_GONE');
    expect(await mailbox('recv', 'a', '--ack')).toMatch(/attempt 1.*\nlooked at$/);
  });

  it('nack and dlq: list, show, reprocess, purge', async () => {
    const id = await mailbox('send', 'a', 'poison');
    const lease = async () => JSON.parse(await mailbox('recv', 'a', '--wait', '1s', '--json')).receipt;
    expect(await mailbox('nack', id, await lease(), '--reason', 'bad')).toBe('dead_lettered');
    const admin = {
      MAILBOX_URL: env['MAILBOX_URL'] as string,
      MAILBOX_CAP: await cap('--topic', 'a', '--op', 'admin'),
    };
    const dlq = async (...args: string[]) => (await run(['dlq', ...args], admin)).out.trim();
    expect(await dlq('list', 'a')).toMatch(
      new RegExp(
        `^msg_id {22}dead_at {19}reason {8}attempt {2}last_error\n${id} {2}\\S{24} {2}max_attempts {8}1 {2}bad$`,
      ),
    );
    expect(JSON.parse(await dlq('show', 'a', id, '--json')).payload_b64).toBe(Buffer.from('poison').toString('base64'));
    expect(await dlq('reprocess', 'a', '--dry-run')).toBe('would be moved 1, skipped 0, failed 0');
    expect(await dlq('reprocess', 'a', id)).toBe('moved 1, skipped 0, failed 0');
    expect(await mailbox('nack', id, await lease(), '--dead-letter')).toBe('dead_lettered');
    expect(await dlq('purge', 'a', '--older-than', '0s')).toBe('purged 1');
    expect(await dlq('list', 'a')).toBe('');
    // What could not be moved is said, and is no success.
    const gone = await run(['dlq', 'reprocess', 'a', '01M8Q42S62001TXETKKW000000'], admin);
    expect([gone.code, gone.out.trim()]).toEqual([1, 'moved 0, skipped 0, failed 1']);
    expect(gone.err).toContain('dlq reprocess: 1 could not be moved');
  });

  it('cap: inspect, attenuate, revoke; a revoked one is refused', async () => {
    const own = env['MAILBOX_CAP'] as string;
    const narrow = await mailbox('cap', 'attenuate', own, '--op', 'stats');
    const shown = JSON.parse(await mailbox('cap', 'inspect', narrow, '--json'));
    expect(shown).toMatchObject({ key_id: 'k1', usable: true });
    expect(shown.caveats.at(-1)).toBe('op = stats');
    const refused = await run(['send', 'a', 'x'], { ...env, MAILBOX_CAP: narrow });
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('E_CAP_SCOPE')]);
    const admin = await cap('--topic', 'mailbox.admin', '--op', 'admin');
    const victim = await cap('--topic', 'b', '--op', 'stats');
    const { nonce } = JSON.parse(await mailbox('cap', 'inspect', victim, '--json'));
    expect((await run(['cap', 'revoke', nonce], { ...env, MAILBOX_CAP: admin })).out).toBe('revoked\n');
    const revoked = await run(['stats', 'b'], { ...env, MAILBOX_CAP: victim });
    expect([revoked.code, revoked.err]).toEqual([1, expect.stringContaining('E_CAP_AUTH')]);
  });

  it('keyring: rotate and list, ids and ages only', async () => {
    const own = join(folder, 'rotated.json');
    await mailbox('keyring', 'init', own);
    expect(await mailbox('keyring', 'rotate', own)).toContain('minted with k2');
    const listed = await mailbox('keyring', 'list', own, '--json');
    expect(JSON.parse(listed)).toMatchObject([
      { id: 'k1', age_days: 0, state: 'overlap' },
      { id: 'k2', age_days: 0, state: 'fresh' },
    ]);
    expect(Object.keys(JSON.parse(listed)[0])).toEqual(['id', 'created', 'age_days', 'state']);
    expect((await run(['keyring', 'init', own])).code).toBe(2);
  });

  it('config: check and print, with the origin of each value', async () => {
    expect(await mailbox('config', 'check')).toBe('configuration: ok');
    const { out } = await run(['config', 'print', '--json', '--max-attempts', '7'], { MAILBOX_T_REPLAY: '10m' });
    const rows = JSON.parse(out) as { name: string; value: string; origin: string }[];
    expect(rows).toContainEqual(
      expect.objectContaining({ name: 'max_attempts', value: '7', origin: 'flag', live: true }),
    );
    expect(rows).toContainEqual(expect.objectContaining({ name: 't_replay', value: '10m', origin: 'environment' }));
    expect(rows).toContainEqual(
      expect.objectContaining({ name: 'ready_shards', value: '8', origin: 'default', live: false }),
    );
  });

  it('config print: where each value comes from, its default, its range, and whether it is live (docs/operations.md)', async () => {
    const text = await mailbox('config', 'print', '--max-attempts', '7');
    expect(text).toMatch(/^setting +value +from +default +live +allowed$/m);
    expect(text).toMatch(/^max_attempts +7 +flag +5 +live +a whole number 1\.\.1000$/m);
    expect(text).toMatch(/^ready_shards +8 +default +8 {2,}a whole number 1\.\.1024$/m);
    expect(text).toMatch(/^t_replay +5m +default +5m +live +a duration 500ms\.\.1d, like 5s 1h$/m);
  });

  it('quota: what would take longer than --retry-for fails at once; errors name reason, corr_id and what to do, as JSON too', async () => {
    const huge = await cap('--topic', 'q', '--op', 'send,stats', '--quota-ops', '1/9999');
    const with_ = (MAILBOX_CAP: string) => ({ ...env, MAILBOX_CAP });
    const send = (it: string, ...more: string[]) => run(['send', 'q', 'x', ...more], with_(it));
    expect(await send(huge)).toMatchObject({ code: 0, err: '' });
    const late = await send(huge);
    expect(late.code).toBe(1);
    expect(late.err).toMatch(
      /^E_SATURATED: .*\(reason quota, corr_id [0-9a-f-]{36}, again in 99\d\d\.0 s\)\n {2}the quota/,
    );
    const json = await send(huge, '--json', '--retry-for', '0s');
    expect([json.code, json.out]).toEqual([1, '']);
    expect(JSON.parse(json.err)).toEqual({
      ...{ code: 'E_SATURATED', reason: 'quota', retryable: true, message: expect.any(String) },
      ...{ corr_id: expect.stringMatching(/^[0-9a-f-]{36}$/), retry_after_ms: expect.any(Number) },
      remedy: expect.stringContaining('larger quota_ops'),
    });
  });

  it('usage: wrong calls exit 2 and say how; failures exit 1', async () => {
    const wrong: [string[], RegExp][] = [
      [['sned', 'a', 'x'], /unknown command 'sned'[\s\S]*Did you mean send/],
      [['send'], /missing required argument/],
      [['send', 'a'], /a payload, --file or --lines/],
      [['recv', 'a', '--max', '0'], /^--max "0": must be a whole number 1\.\.256, with --stream 1\.\.1000000000$/m],
      [['recv', 'a', '--max', '257'], /^--max 257: must be a whole number 1\.\.256, with --stream 1\.\.1000000000$/m],
      [['cap', 'inspect', 'garbage'], /^inspect: not a capability of this service; is it whole\?$/m],
      [
        ['config', 'check', '--enable-admin', 'true'],
        /^--enable-admin "true": the flag takes no value; it is off where it is left out$/m,
      ],
      [['config', 'check', 'true'], /^"true": too many arguments, none is taken$/m],
      [['stats', 'a', '--json', 'b'], /"--json \\"b\\": the flag takes no value/],
      [['stats', 'a', 'b'], /^"b": too many arguments, at most 1 are taken$/m],
      [['recv', 'a', '--mx', '1'], /unknown option '--mx'/],
      [['cap', 'mint', '--keyring', keyring, '--topic', 'a'], /no op caveat/],
      [['cap', 'mint', '--keyring', keyring, '--topic', 'a', '--op', 'fly'], /^--op "fly": must be ops of send, recv/],
      [['dlq', 'list', 'a', '--reason', 'x'], /reason.* 'x' is invalid\. Allowed choices are max_attempts, rejected/],
      [['ack', 'ID', '-86w'], /unknown option '-86w'[\s\S]*goes after --/],
      [['stats', 'a', '--ca', '/none'], /^--ca \/none: no such file or directory \(ENOENT\)$/m],
      [['send', 'a', '--file', '/none/x'], /^--file \/none\/x: no such file or directory \(ENOENT\)$/m],
      [['recv', 'a', '--wait', 'long'], /^--wait "long": must be a duration, like 250ms/],
      [['stats', 'a', '--url', 'ftp://x'], /^--url "ftp:\/\/x": must be http:/],
      [['cap', 'mint', '--keyring', keyring, '--topic', 'A'], /^--topic "A": must be a lower-case letter/],
    ];
    const finished = await runMany(
      wrong.map(([args]) => args),
      env,
    );
    for (const [i, { code, err }] of finished.entries()) {
      expect([code, err]).toEqual([2, expect.stringMatching(wrong[i]?.[1] as RegExp)]);
    }
    const [help, json, file] = (await runMany(
      [
        ['serve', '--help'],
        ['recv', 'a', '--mx', '1', '--json'],
        ['send', 'a', '--file', '/none/x', '--json'],
      ],
      env,
    )) as [Finished, Finished, Finished];
    expect(JSON.parse(file.err)).toMatchObject({ code: 'E_FILE', remedy: expect.stringMatching(/^is the path right/) });
    expect(help.out).toMatch(/--enable-admin +serve the admin endpoints\n/);
    expect([json.code, json.out, JSON.parse(json.err)]).toEqual([
      ...[2, ''],
      {
        code: 'E_USAGE',
        message: expect.stringMatching(/^unknown option '--mx'/),
        remedy: 'mailbox recv --help shows how',
      },
    ]);
    const unreachable = await run(['stats', 'a'], { ...env, MAILBOX_URL: 'http://127.0.0.1:1' });
    expect([unreachable.code, unreachable.err]).toEqual([1, expect.stringContaining('E_UNREACHABLE')]);
    expect((await run(['--help'])).code).toBe(0);
  });
});
