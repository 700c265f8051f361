import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { writeKeyringFile } from '../../src/auth/keyring-file.ts';
import { attenuateToken } from '../../src/auth/macaroon.ts';
import { mint } from '../../src/auth/mint.ts';
import { type MailboxProcess, serve } from '../support/process.ts';
import { type Answered, Caller, Loop, stepsOf } from '../support/traffic.ts';

let folder: string;
let server: MailboxProcess;
let caller: Caller;
const keyring = new Keyring([freshKey('k1', Date.now())]);
const cap = (...caveats: string[]) =>
  mint(keyring, [...caveats, 'quota_ops = 1000000/1', `expires = ${Math.floor(Date.now() / 1000) + 3600}`]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drill-'));
  writeKeyringFile(join(folder, 'keyring.json'), keyring, true);
  server = serve('--keyring', join(folder, 'keyring.json'), '--enable-admin', '--default-visibility', '1s');
  caller = new Caller(`http://${(await server.logged('server.ready'))['http']}`, { sockets: 64 });
});
afterAll(async () => {
  caller.close();
  server.child.kill('SIGTERM');
  await server.finished;
  rmSync(folder, { recursive: true });
});

describe('drill: revoke mid-traffic', () => {
  it('everything under the capability ends, nothing else is touched, its leases come back for others (E2, V4, AU3, S3)', async () => {
    const victim = cap('topic prefix d', 'op = send,recv,ack,stats');
    const honest = cap('topic prefix d', 'op = send,recv,ack,stats').token;
    const admin = cap('topic = mailbox.admin', 'op = admin').token;
    const narrowed = attenuateToken(victim.token, ['topic = d.busy']);
    let revoked = false;
    const late: number[] = [];
    const send = (name: string, token: string) => async (n: number) => {
      const after = revoked;
      const answer = await caller.post('/v1/send', token, {
        topic: 'd.busy',
        idem_key: `${name}-${n}`,
        payload_b64: '',
      });
      if (after && token !== honest) late.push(answer.status);
      return answer;
    };
    const consume = (token: string) => async () => {
      const after = revoked;
      const answer = await caller.post('/v1/recv', token, { topic: 'd.busy', wait_ms: 50 });
      if (after && token !== honest) late.push(answer.status);
      for (const { msg_id, receipt } of answer.body.messages ?? [])
        await caller.post(`/v1/ack/${msg_id}`, token, { receipt });
      return answer;
    };
    const theirs = [0, 1, 2].map((i) => new Loop(send(`v${i}`, i === 0 ? narrowed : victim.token)));
    theirs.push(new Loop(consume(victim.token)), new Loop(consume(narrowed)));
    const ours = [new Loop(send('h', honest)), new Loop(consume(honest))];

    // Under way when the revocation comes: a lease, long polls, and a send whose body is still to come.
    await caller.post('/v1/send', honest, { topic: 'd.lease', idem_key: 'k', payload_b64: '' });
    const leased = (await caller.post('/v1/recv', victim.token, { topic: 'd.lease' })).body.messages[0];
    const polls = [victim.token, victim.token, narrowed].map((token, i) =>
      caller.post('/v1/recv', token, { topic: i < 2 ? 'd.quiet' : 'd.busy', wait_ms: i < 2 ? 20_000 : 0 }),
    );
    await stepsOf([...theirs, ...ours], 5);
    const answer = await caller.post('/v1/admin/revoke', admin, { nonce: victim.nonce, reason: 'drill' });
    revoked = true;
    expect(answer).toMatchObject({ status: 200, body: { ok: true } });

    await caller.post('/v1/send', honest, { topic: 'd.quiet', idem_key: 'k', payload_b64: 'aGVsbG8=' });
    const ended = (await Promise.all(polls)).slice(0, 2);
    expect(ended.map(({ status, body }) => [status, body.code, body.messages])).toEqual(
      Array(2).fill([401, 'E_CAP_AUTH', undefined]),
    );
    await stepsOf(ours, 20);
    await stepsOf(theirs, 1);
    await Promise.all([...theirs, ...ours].map((loop) => loop.stop()));
    // Those that go on asking are held back like any other flood.
    expect(late.filter((status) => status !== 401 && status !== 429)).toEqual([]);
    expect(late).toContain(401);
    for (const loop of ours) expect([...loop.statuses.keys()]).toEqual([200]);

    const { msg_id, receipt } = leased;
    expect([401, 429]).toContain((await caller.post(`/v1/ack/${msg_id}`, victim.token, { receipt })).status);
    const got = async (topic: string): Promise<Answered> => caller.post('/v1/recv', honest, { topic, wait_ms: 5_000 });
    expect((await got('d.quiet')).body.messages).toMatchObject([{ attempt: 1, payload_b64: 'aGVsbG8=' }]);
    expect((await got('d.lease')).body.messages).toMatchObject([{ msg_id, attempt: 2 }]);
  });
});
