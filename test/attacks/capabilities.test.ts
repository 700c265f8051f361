import { createSecretKey, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attenuateToken, parseToken } from '../../src/auth/macaroon.ts';
import { type Attack, attacked, MARKER_B64, post, request, type Victim, victimOf } from '../support/attack.ts';
import { inSeconds, Target } from '../support/target.ts';
import { type Crafted, craft, packet } from '../support/tokens.ts';

let target: Target;
let victim: Victim;
beforeAll(async () => {
  target = await Target.start({ enable_admin: '', auth_failure_burst: '100000' });
  victim = await victimOf(target);
});
afterAll(() => target.stop());

const NONCE = '0123456789ABCDEFGHJKMNPQRS';
const QUOTA = 'quota_ops = 1000000/1';
const full = (): string[] => [
  `topic = ${victim.topic}`,
  'op = send,recv,ack,nack,extend,stats',
  `expires = ${inSeconds(3600)}`,
  QUOTA,
];
const without = (key: string): string[] => full().filter((line) => !line.startsWith(key));
/** Signed by a root key of ours, whatever it says. */
const signed = (caveats: readonly (string | Buffer)[], how: Partial<Crafted> = {}): string =>
  craft(target.keyring.newest.key, { identifier: `v1:k2:${NONCE}`, caveats, ...how });
const message = () => ({ topic: victim.topic, idem_key: 'attack', payload_b64: MARKER_B64 });
const sending = (cap: string): string => post('/v1/send', cap, message());
const header = (...lines: string[]): string => request('POST', '/v1/send', [...lines, 'Content-Length: 2'], '{}');

/** A token that nobody stands behind: refused before the body is read, and the connection goes on behind it. */
const nobody = (name: string, token: () => string, reason: string): Attack => ({
  name: `${name} (S2, AU1)`,
  sends: () => sending(token()),
  gets: ['401 E_CAP_AUTH'],
  logs: [`auth.denied ${reason}`],
  stays: true,
});
const mutated = (name: string, change: (token: string) => string, reason: string): Attack =>
  nobody(name, () => change(signed(full())), reason);
const caveats = (name: string, lines: () => (string | Buffer)[], reason = 'caveats'): Attack =>
  nobody(name, () => signed(lines()), reason);
/** A head that brings no capability. */
const headless = (name: string, lines: () => string[], reason: string): Attack => ({
  name: `${name} (S2, E3)`,
  sends: () => header(...lines()),
  gets: ['401 E_CAP_AUTH'],
  logs: [`auth.denied ${reason}`],
  stays: true,
});
/** Authentic, and not for this: found out before the body is read (`op`), or when it names its topic. */
const notFor = (name: string, sends: () => string, reason: 'op' | 'topic'): Attack => ({
  name: `${name} (AU1)`,
  sends,
  gets: ['403 E_CAP_SCOPE'],
  logs: [`auth.denied ${reason}`],
  stays: true,
});
const flipped = (token: string, at: number): string => {
  const bytes = Buffer.from(token, 'base64url');
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return bytes.toString('base64url');
};

const ATTACKS: Attack[] = [
  headless('no capability at all', () => [], 'missing'),
  headless('another scheme', () => [`Authorization: Basic ${signed(full())}`], 'malformed'),
  headless('a scheme and nothing else', () => ['Authorization: Bearer'], 'malformed'),
  headless('two spaces', () => [`Authorization: Bearer  ${signed(full())}`], 'malformed'),
  headless('the token in another header', () => [`X-Authorization: Bearer ${signed(full())}`], 'missing'),
  headless('the token as a cookie', () => [`Cookie: Authorization=Bearer ${signed(full())}`], 'missing'),
  headless(
    'coming from loopback, says a header',
    () => ['X-Forwarded-For: 127.0.0.1', 'Forwarded: for=127.0.0.1'],
    'missing',
  ),
  headless('being root, says a header', () => ['X-Peer-Uid: 0', 'X-Real-IP: ::1', 'Via: 1.1 localhost'], 'missing'),

  mutated('padding', (token) => `${token}=`, 'malformed'),
  mutated('the other alphabet', (token) => `+${token.slice(1)}`, 'malformed'),
  mutated('a token behind the token', (token) => `${token}${token}`, 'malformed'),
  mutated('bytes behind the signature', (token) => `${token}AAAA`, 'malformed'),
  mutated('a flipped bit in the signature', (token) => flipped(token, -10), 'forged'),
  mutated('a flipped bit in the topic', (token) => flipped(token, 95), 'forged'),
  mutated('cut short', (token) => token.slice(0, -8), 'malformed'),
  nobody('junk', () => randomBytes(96).toString('base64url'), 'malformed'),
  nobody('4096 characters of nothing', () => 'A'.repeat(4096), 'malformed'),
  nobody('more than any token has', () => 'A'.repeat(8000), 'malformed'),
  nobody('a signature of zeros', () => signed(full(), { sign: () => Buffer.alloc(32) }), 'forged'),
  nobody('no signature', () => signed(full(), { sign: () => Buffer.alloc(0) }), 'malformed'),
  nobody('caveats in another order', () => signed(full(), { arrange: (all) => [...all].reverse() }), 'forged'),
  nobody('a caveat twice', () => signed(full(), { arrange: (all) => [...all, all[0]!] }), 'forged'),
  nobody(
    'a caveat taken away',
    () => signed([...full(), 'op = stats'], { arrange: (all) => all.slice(0, -1) }),
    'forged',
  ),
  nobody(
    'a caveat that the signature does not cover, wider than what it does',
    () => signed(full(), { arrange: (all) => [...all, packet('cid', 'topic prefix v')] }),
    'forged',
  ),
  nobody(
    'a third-party caveat',
    () => signed(full(), { arrange: (all) => [...all, packet('vid', randomBytes(72)), packet('cl', 'http://x')] }),
    'malformed',
  ),
  nobody('another service', () => signed(full(), { location: 'svc-mailboxes' }), 'malformed'),
  nobody('the beginning of this service', () => signed(full(), { location: 'svc-mail' }), 'malformed'),
  nobody('another version of the format', () => signed(full(), { identifier: `v3:k2:${NONCE}` }), 'malformed'),
  nobody('the signature of another version', () => signed(full(), { identifier: `v2:k2:${NONCE}` }), 'forged'),
  nobody('a nonce in lower case', () => signed(full(), { identifier: `v1:k2:${NONCE.toLowerCase()}` }), 'malformed'),
  nobody('a key id that is a wildcard', () => signed(full(), { identifier: `v1:*:${NONCE}` }), 'malformed'),
  nobody('a key id of nobody', () => signed(full(), { identifier: `v1:k9:${NONCE}` }), 'unknown_key'),
  nobody('another key of ours', () => signed(full(), { identifier: `v1:k1:${NONCE}` }), 'forged'),
  nobody(
    'a root key of zeros',
    () => craft(createSecretKey(Buffer.alloc(32)), { identifier: `v1:k2:${NONCE}`, caveats: full() }),
    'forged',
  ),

  caveats('no topic', () => without('topic')),
  caveats('no op', () => without('op')),
  caveats('no expiry', () => without('expires')),
  caveats('no quota of operations', () => [...without('quota_ops'), 'quota_bytes = 100/1']),
  caveats('nothing at all', () => []),
  caveats('a caveat that nobody knows', () => [...full(), 'ip = 127.0.0.1']),
  caveats('a caveat with another spacing', () => [...full(), 'op=send']),
  caveats('a topic that is a wildcard', () => [...without('topic'), 'topic = *']),
  caveats('a prefix that is empty', () => [...without('topic'), 'topic prefix ']),
  caveats('an op that is a wildcard', () => [...without('op'), 'op = *']),
  caveats('admin beside another op', () => [...without('op'), 'op = admin,send']),
  caveats('admin of a prefix', () => ['topic prefix v', 'op = admin', `expires = ${inSeconds(60)}`, QUOTA]),
  caveats('a quota without a window', () => [...without('quota_ops'), 'quota_ops = 10']),
  caveats('an expiry beyond all numbers', () => [...without('expires'), `expires = ${'9'.repeat(40)}`]),
  caveats('a caveat of other letters', () => [...full(), Buffer.from('op = sénd')], 'malformed'),
  caveats('a caveat of two lines', () => [...full(), 'op = send\nop = recv'], 'malformed'),
  caveats('33 caveats', () => [...full(), ...Array(29).fill(QUOTA)], 'malformed'),
  caveats('expired, tolerance and all', () => [...without('expires'), `expires = ${inSeconds(-122)}`], 'expired'),
  caveats('not valid yet', () => [...full(), `not_before = ${inSeconds(125)}`], 'not_yet_valid'),

  notFor('an op that is not its own', () => sending(target.cap(`topic = ${victim.topic}`, 'op = recv')), 'op'),
  notFor(
    'ops that attenuation would widen',
    () => sending(attenuateToken(target.cap(`topic = ${victim.topic}`, 'op = recv'), ['op = send,recv'])),
    'op',
  ),
  notFor('a consumer that sends', () => sending(attenuateToken(signed(full()), ['role = consumer'])), 'op'),
  notFor('an admin that sends', () => sending(target.cap(`topic = ${victim.topic}`, 'op = admin')), 'op'),
  notFor('another topic', () => sending(target.cap('topic = other', 'op = send')), 'topic'),
  notFor(
    'the beginning of a topic',
    () => sending(target.cap(`topic = ${victim.topic.slice(0, -1)}`, 'op = send')),
    'topic',
  ),
  notFor('a prefix of something else', () => sending(target.cap('topic prefix victim.x', 'op = send')), 'topic'),
  notFor(
    'a topic that attenuation would exchange',
    () => sending(attenuateToken(target.cap('topic = other', 'op = send'), [`topic = ${victim.topic}`])),
    'topic',
  ),
  {
    name: 'two capabilities, the good one first (S2)',
    sends: () => header(`Authorization: Bearer ${signed(full())}`, 'Authorization: Bearer x'),
    gets: ['400 E_SCHEMA'],
    logs: ['request.refused schema'],
  },
  {
    name: 'the token in the query (S2, I2)',
    sends: () => request('GET', `/v1/stats?topic=${victim.topic}&access_token=${signed(full())}`),
    gets: ['401 E_CAP_AUTH'],
    logs: ['auth.denied missing'],
    stays: true,
  },
  {
    name: 'more than its quota, attenuated to another quota (AU2)',
    does: async () => {
      const cap = target.cap(`topic = ${victim.topic}`, 'op = stats', 'quota_ops = 1/600');
      const first = await target.ask('GET', `/v1/stats?topic=${victim.topic}`, cap);
      if (first.status !== 200) throw new Error('the first is within the quota');
      const wider = attenuateToken(cap, ['quota_ops = 100/1']);
      return target.exchange(
        request('GET', `/v1/stats?topic=${victim.topic}`, [`Authorization: Bearer ${wider}`, 'Connection: close']),
      );
    },
    gets: ['429 E_SATURATED'],
    logs: ['request.refused quota'],
  },
  {
    name: 'more bytes than its quota (AU2)',
    sends: () => sending(target.cap(`topic = ${victim.topic}`, 'op = send', 'quota_bytes = 4/600')),
    gets: ['429 E_SATURATED'],
    logs: ['request.refused quota'],
    stays: true,
  },
];

describe('attacks on capabilities', () => {
  it.each(ATTACKS.map((attack) => [attack.name, attack] as const))('%s', (_name, attack) =>
    attacked(target, attack, victim),
  );

  it('a child that adds ever new quotas of 115 days: neither its parent nor a sibling notices (AU6)', async () => {
    const topic = `${victim.topic}.quota`;
    const parent = target.cap(`topic = ${topic}`, 'op = send,stats', 'quota_bytes = 9999/600');
    const child = attenuateToken(parent, ['op = stats']);
    const sibling = attenuateToken(parent, ['role = producer', 'quota_ops = 50/600']);
    const stats = (cap: string) => target.ask('GET', `/v1/stats?topic=${topic}`, cap);
    for (let n = 0; n < 40; n++) {
      const lines = Array.from({ length: 7 }, (_, i) => `quota_ops = ${1e6 + 7 * n + i}/9999999`);
      expect((await stats(attenuateToken(child, lines))).status).toBe(200);
    }
    for (const cap of [parent, sibling, child]) expect((await stats(cap)).status).toBe(200);
    expect((await stats(attenuateToken(child, Array(26).fill('quota_ops = 1/9999999')))).status).toBe(401);
  });

  it('revoked, and attenuated afterwards: neither is anybody any more (S3, AU3)', async () => {
    const cap = target.cap(`topic = ${victim.topic}`, 'op = send,recv');
    const admin = target.cap('topic = mailbox.admin', 'op = admin');
    const nonce = parseToken(cap)?.nonce;
    const revoked = await target.ask('POST', '/v1/admin/revoke', admin, { nonce, reason: 'lost' });
    if (revoked.status !== 200) throw new Error(`revoke: ${revoked.status}`);
    for (const token of [cap, attenuateToken(cap, ['op = send'])]) {
      await attacked(
        target,
        nobody('revoked', () => token, 'revoked'),
        victim,
      );
    }
  });
});
