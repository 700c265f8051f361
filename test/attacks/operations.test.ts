import { afterAll, beforeAll, describe, it } from 'vitest';
import { parseToken } from '../../src/auth/macaroon.ts';
import { type Attack, attacked, MARKER_B64, post, request, type Victim, victimOf } from '../support/attack.ts';
import { type Response, Target } from '../support/target.ts';

let target: Target;
let victim: Victim;
/** May do everything, elsewhere. */
let stranger: string;
beforeAll(async () => {
  target = await Target.start({ enable_admin: '' });
  victim = await victimOf(target);
  stranger = target.cap('topic = elsewhere', 'op = send,recv,ack,nack,extend,stats');
});
afterAll(() => target.stop());

const NOBODYS = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const admin = (topic = victim.topic): string => target.cap(`topic = ${topic}`, 'op = admin');
const nonceOf = (token: string): string => parseToken(token)?.nonce as string;
const get = (path: string, cap: string): string => request('GET', path, [`Authorization: Bearer ${cap}`]);

const attack = (name: string, sends: () => string, gets: string, logs: string | null): Attack => ({
  name,
  sends,
  gets: [gets],
  logs: logs === null ? [] : [logs],
  stays: true,
});
/** Not allowed to: told before the body is read. */
const early = (name: string, sends: () => string): Attack => attack(name, sends, '403 E_CAP_SCOPE', 'auth.denied op');
const settle = (name: string, verb: string, body: () => object, cap: () => string, gets: string, logs: string | null) =>
  attack(name, () => post(`/v1/${verb}/${victim.msgId}`, cap(), body()), gets, logs);

const SETTLING: Attack[] = [
  settle(
    'ack with a guess (LE3)',
    'ack',
    () => ({ receipt: 'A'.repeat(22) }),
    () => victim.cap,
    '409 E_LEASE_LOST',
    null,
  ),
  settle(
    'ack with the beginning of the receipt (LE3)',
    'ack',
    () => ({ receipt: victim.receipt.slice(0, 21) }),
    () => victim.cap,
    '409 E_LEASE_LOST',
    null,
  ),
  settle(
    'ack with the receipt in capitals (LE3)',
    'ack',
    () => ({ receipt: victim.receipt.toUpperCase() }),
    () => victim.cap,
    '409 E_LEASE_LOST',
    null,
  ),
  settle(
    'nack with a guess (LE3)',
    'nack',
    () => ({ receipt: 'x', dead_letter: true }),
    () => victim.cap,
    '409 E_LEASE_LOST',
    null,
  ),
  settle(
    'extend with a guess (LE5)',
    'extend',
    () => ({ receipt: 'x' }),
    () => victim.cap,
    '409 E_LEASE_LOST',
    null,
  ),
  settle(
    "ack of another's message, receipt and all (LE3, AU1)",
    'ack',
    () => ({ receipt: victim.receipt }),
    () => stranger,
    '404 E_NOT_FOUND',
    'auth.denied topic',
  ),
  settle(
    "nack of another's message (LE3, AU1)",
    'nack',
    () => ({ receipt: victim.receipt, dead_letter: true }),
    () => stranger,
    '404 E_NOT_FOUND',
    'auth.denied topic',
  ),
  settle(
    "extend of another's message (LE3, AU1)",
    'extend',
    () => ({ receipt: victim.receipt }),
    () => stranger,
    '404 E_NOT_FOUND',
    'auth.denied topic',
  ),
  attack(
    "ack of nobody's message: as of another's (LE3)",
    () => post(`/v1/ack/${NOBODYS}`, stranger, { receipt: 'x' }),
    '404 E_NOT_FOUND',
    null,
  ),
  attack(
    "acks of another's messages, in a batch (LE3, O3)",
    () =>
      post('/v1/ack/batch', stranger, {
        acks: [
          { msg_id: victim.msgId, receipt: victim.receipt },
          { msg_id: NOBODYS, receipt: 'x' },
        ],
      }),
    '200 E_NOT_FOUND',
    'auth.denied topic',
  ),
  attack(
    "acks of another's messages, riding on a recv (LE3, O3)",
    () => post('/v1/recv', stranger, { topic: 'elsewhere', acks: [{ msg_id: victim.msgId, receipt: victim.receipt }] }),
    '200 E_NOT_FOUND',
    'auth.denied topic',
  ),
  attack(
    'acks that ride without leave to ack (AU1)',
    () =>
      post('/v1/recv', target.cap(`topic = ${victim.topic}`, 'op = recv'), {
        topic: victim.topic,
        acks: [{ msg_id: victim.msgId, receipt: victim.receipt }],
      }),
    '403 E_CAP_SCOPE',
    'auth.denied op',
  ),
  attack(
    'a dead letter acked (DL1)',
    () => post(`/v1/ack/${victim.deadMsgId}`, victim.cap, { receipt: victim.receipt }),
    '409 E_LEASE_LOST',
    null,
  ),
  early('ack without leave to (AU1)', () =>
    post(`/v1/ack/${victim.msgId}`, target.cap(`topic = ${victim.topic}`, 'op = recv'), { receipt: victim.receipt }),
  ),
  early('extend without leave to (AU1)', () =>
    post(`/v1/extend/${victim.msgId}`, target.cap(`topic = ${victim.topic}`, 'op = recv,ack'), {
      receipt: victim.receipt,
    }),
  ),
];

const SENDING: Attack[] = [
  attack(
    'the same again is not stored again (ID2)',
    () => post('/v1/send', victim.cap, { topic: victim.topic, idem_key: 'queued', payload_b64: MARKER_B64 }),
    '409 E_DUPLICATE',
    null,
  ),
  attack(
    'the same key with another payload says nothing of the first (ID3)',
    () => post('/v1/send', victim.cap, { topic: victim.topic, idem_key: 'queued', payload_b64: '' }),
    '409 E_IDEM_MISMATCH',
    null,
  ),
  attack(
    'the key of a message that is leased (ID4)',
    () => post('/v1/send', victim.cap, { topic: victim.topic, idem_key: 'leased', payload_b64: '' }),
    '409 E_IDEM_MISMATCH',
    null,
  ),
  attack(
    'the key of a dead letter (ID4)',
    () => post('/v1/send', victim.cap, { topic: victim.topic, idem_key: 'dead', payload_b64: '' }),
    '409 E_IDEM_MISMATCH',
    null,
  ),
  attack(
    'a way of answering that nobody knows',
    () => post('/v1/send', victim.cap, {}, 'X-Idempotency-Mode: overwrite'),
    '400 E_SCHEMA',
    'request.refused schema',
  ),
  attack(
    "a batch into another's topic (AU1, O3)",
    () => post('/v1/send/batch', stranger, { messages: [{ topic: victim.topic, idem_key: 'a', payload_b64: '' }] }),
    '200 E_CAP_SCOPE',
    'auth.denied topic',
  ),
];

const READING: Attack[] = [
  attack(
    "recv of another's topic (AU1)",
    () => post('/v1/recv', stranger, { topic: victim.topic }),
    '403 E_CAP_SCOPE',
    'auth.denied topic',
  ),
  attack(
    "a stream of another's topic (AU1)",
    () => post('/v1/recv/stream', stranger, { topic: victim.topic }),
    '403 E_CAP_SCOPE',
    'auth.denied topic',
  ),
  attack(
    "the counts of another's topic (AU1)",
    () => get(`/v1/stats?topic=${victim.topic}`, stranger),
    '403 E_CAP_SCOPE',
    'auth.denied topic',
  ),
  attack(
    'dead letters without being admin (E5)',
    () => get(`/v1/dlq?topic=${victim.topic}&include=payload`, victim.cap),
    '403 E_CAP_SCOPE',
    'auth.denied op',
  ),
  attack(
    "dead letters of another's topic (E5)",
    () => get(`/v1/dlq?topic=${victim.topic}&include=payload`, admin('elsewhere')),
    '403 E_CAP_SCOPE',
    'auth.denied topic',
  ),
  attack(
    'a page that is no page (T4)',
    () => get(`/v1/dlq?topic=${victim.topic}&cursor=-1`, admin()),
    '400 E_SCHEMA',
    'request.refused schema',
  ),
];

const ADMIN: Attack[] = [
  early('reprocess without being admin (B7)', () => post('/v1/dlq/reprocess', victim.cap, { topic: victim.topic })),
  early('purge without being admin (E5)', () =>
    post('/v1/dlq/purge', victim.cap, { topic: victim.topic, older_than_ms: 0 }),
  ),
  early('revoke without being admin (AU4)', () => post('/v1/admin/revoke', victim.cap, { nonce: NOBODYS, reason: '' })),
  attack(
    "reprocess of another's topic (AU4)",
    () => post('/v1/dlq/reprocess', admin('elsewhere'), { topic: victim.topic }),
    '403 E_CAP_SCOPE',
    'auth.denied topic',
  ),
  attack(
    "purge of another's topic (AU4)",
    () => post('/v1/dlq/purge', admin('elsewhere'), { topic: victim.topic, older_than_ms: 0 }),
    '403 E_CAP_SCOPE',
    'auth.denied topic',
  ),
  attack(
    "purge of another's message under one's own topic (AU4)",
    () => post('/v1/dlq/purge', admin('elsewhere'), { topic: 'elsewhere', msg_ids: [victim.deadMsgId] }),
    '200',
    null,
  ),
  attack(
    "reprocess of another's message under one's own topic (AU4)",
    () => post('/v1/dlq/reprocess', admin('elsewhere'), { topic: 'elsewhere', msg_ids: [victim.deadMsgId] }),
    '200',
    null,
  ),
  attack(
    'purge of what is alive (DL3)',
    () => post('/v1/dlq/purge', admin(), { topic: victim.topic, msg_ids: [victim.msgId] }),
    '200',
    null,
  ),
  attack(
    'revoke as the admin of something else (AU4)',
    () => post('/v1/admin/revoke', admin(), { nonce: nonceOf(victim.cap), reason: '' }),
    '403 E_CAP_SCOPE',
    'auth.denied topic',
  ),
  attack(
    'revoke nothing (AU4)',
    () => post('/v1/admin/revoke', admin('mailbox.admin'), { reason: '' }),
    '400 E_SCHEMA',
    'request.refused schema',
  ),
  attack(
    'revoke two things (AU4)',
    () => post('/v1/admin/revoke', admin('mailbox.admin'), { nonce: NOBODYS, key_id: 'k1', reason: '' }),
    '400 E_SCHEMA',
    'request.refused schema',
  ),
  attack(
    'revoke with a reason that forges a line of the log (R1)',
    () =>
      post('/v1/admin/revoke', admin('mailbox.admin'), { nonce: NOBODYS, reason: 'x\n{"event":"capability.revoked"}' }),
    '400 E_SCHEMA',
    'request.refused schema',
  ),
];

describe('attacks with operations', () => {
  it.each([...SETTLING, ...SENDING, ...READING, ...ADMIN].map((one) => [one.name, one] as const))('%s', (_name, one) =>
    attacked(target, one, victim),
  );

  it('a long poll that was revoked gets no message that comes afterwards (AU3)', async () => {
    const topic = `${victim.topic}.poll`;
    const thief = target.cap(`topic = ${topic}`, 'op = recv');
    const owner = target.cap(`topic = ${topic}`, 'op = send,recv,ack');
    const expectOk = ({ status, body }: Response): void => {
      if (status !== 200) throw new Error(`${status} ${body}`);
    };
    const polling = target.exchange(post('/v1/recv', thief, { topic, wait_ms: 20_000 }, 'Connection: close'));
    const waiting = async (): Promise<boolean> => /^long_polls 1$/m.test(await target.metrics());
    while (!(await waiting()));
    expectOk(
      await target.ask('POST', '/v1/admin/revoke', admin('mailbox.admin'), { nonce: nonceOf(thief), reason: 'left' }),
    );
    expectOk(await target.ask('POST', '/v1/send', owner, { topic, idem_key: 'k', payload_b64: MARKER_B64 }));
    const one: Attack = { name: '', does: () => polling, gets: ['401 E_CAP_AUTH'], logs: [] };
    await attacked(target, one, victim);
    const { body } = await target.ask('POST', '/v1/recv', owner, { topic });
    if (JSON.parse(body.toString()).messages[0]?.attempt !== 1) throw new Error(body.toString());
  });
});
