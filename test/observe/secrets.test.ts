import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Keyring } from '../../src/auth/keyring.ts';
import { writeKeyringFile } from '../../src/auth/keyring-file.ts';
import { attenuateToken } from '../../src/auth/macaroon.ts';
import { mint } from '../../src/auth/mint.ts';
import { MailboxProcess } from '../support/process.ts';
import { spellingsOf, stretchesOf } from '../support/secrets.ts';
import { until } from '../support/server.ts';

const ROOT = Buffer.from('ROOT-KEY-MARKER-0123456789abcdef');
const PAYLOAD = 'PAYLOAD-MARKER-9f8e7d6c5b4a';
const ATTR = 'ATTR-MARKER-1a2b3c4d5e';
const keyring = new Keyring([{ id: 'k1', createdMs: Date.now(), key: createSecretKey(ROOT) }]);
const expires = `expires = ${Math.floor(Date.now() / 1000) + 3600}`;
const { token } = mint(keyring, ['topic = s', 'op = send,recv,ack,nack,extend,stats', 'quota_ops = 10000/1', expires]);
const admin = mint(keyring, ['topic = s', 'op = admin', 'quota_ops = 10000/1', expires]).token;
const narrowed = attenuateToken(token, ['op = send']);
const forged = `${token.slice(0, -20)}${token.slice(-20).split('').reverse().join('')}`;
const { privateKey } = generateKeyPairSync('ed25519');

/** Faults that only a bug could cause, from inside: one in a handler, one outside every request. Both quote what they should not. */
const PRELOAD = `
let signals = 0;
process.on('SIGUSR2', () => {
  if (++signals === 1) {
    const { write } = Buffer.prototype;
    Buffer.prototype.write = function (...args) {
      // Of a request, not of the log that is written beside it.
      if (args[1] !== 'base64') return write.apply(this, args);
      Buffer.prototype.write = write;
      throw Object.assign(new Error('line\\n    at ${PAYLOAD} (file:///x:1:1)\\n' + args[0]), { capability: '${token}' });
    };
  } else if (signals === 2) Promise.reject(Object.assign(new Error('${PAYLOAD} ${token}'), { payload: '${PAYLOAD}' }));
});`;

let folder: string;
let bugs: string;
let server: MailboxProcess;
let url: string;
/** Everything that was answered with something else than 200, and every scrape. */
let answers = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  bugs = mkdtempSync(join(tmpdir(), 'bugs-'));
  writeFileSync(join(bugs, 'preload.mjs'), PRELOAD);
  writeKeyringFile(join(folder, 'keyring.json'), keyring, true);
  writeFileSync(join(folder, 'sign.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  server = new MailboxProcess(
    [
      ...['serve', '--bind', '127.0.0.1:0', '--metrics-bind', '127.0.0.1:0', '--log-level', 'debug', '--enable-admin'],
      ...['--keyring', join(folder, 'keyring.json'), '--signing-key', join(folder, 'sign.pem'), '--max-attempts', '1'],
    ],
    { NODE_OPTIONS: `--import=${join(bugs, 'preload.mjs')}` },
  );
  url = `http://${(await server.logged('server.ready'))['http']}`;
});
afterAll(() => {
  server.child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
  rmSync(bugs, { recursive: true });
});

async function ask(path: string, body: unknown, cap = token, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${cap}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status !== 200) answers += `${response.status} ${[...response.headers].join()} ${text}\n`;
  return { status: response.status, text };
}

const payload_b64 = Buffer.from(PAYLOAD).toString('base64');
const message = (idem_key: string) => ({ topic: 's', idem_key, payload_b64, attrs: { a: ATTR } });

/** Every spelling a secret might leak in: whole or in part. */
function spellings(): string[] {
  const { d } = privateKey.export({ format: 'jwk' }) as { d: string };
  const signing = Buffer.from(d, 'base64url');
  const bytes = [ROOT, signing, Buffer.from(PAYLOAD), Buffer.from(ATTR)];
  const tokens = [token, admin, narrowed, forged];
  return [...bytes.flatMap(spellingsOf), ...tokens.flatMap(stretchesOf)];
}

describe('secrets', () => {
  it('no token, key or payload in any byte the process wrote, crash included (I2, K4)', async () => {
    const receipts: string[] = [];
    const lease = async (): Promise<{ msg_id: string; receipt: string }> => {
      const [envelope] = JSON.parse((await ask('/v1/recv', { topic: 's' })).text).messages;
      receipts.push(envelope.receipt);
      return envelope;
    };
    expect((await ask('/v1/send', message('k1'))).status).toBe(200);
    expect((await ask('/v1/send', message('k1'))).status).toBe(409);
    const first = await lease();
    await ask(`/v1/extend/${first.msg_id}`, { receipt: first.receipt });
    expect((await ask(`/v1/nack/${first.msg_id}`, { receipt: first.receipt, reason: PAYLOAD })).status).toBe(200);
    await ask(`/v1/ack/${first.msg_id}`, { receipt: first.receipt });
    await ask('/v1/dlq?topic=s', undefined, admin);
    await ask('/v1/dlq/purge', { topic: 's', older_than_ms: 0 }, admin);
    await ask('/v1/send', message('k2'));
    const second = await lease();
    await ask(`/v1/ack/${second.msg_id}`, { receipt: second.receipt });

    const refused: [string, unknown, string?, Record<string, string>?][] = [
      ['/v1/send', `{"payload_b64":"${payload_b64}","idem`],
      ['/v1/send', `"${PAYLOAD}`],
      ['/v1/send', { ...message('k3'), payload_hash: `b3:${'0'.repeat(64)}` }],
      ['/v1/send', { ...message('k3'), idem_key: `${PAYLOAD} ${ATTR}` }],
      ['/v1/send', { ...message('k3'), attrs: { [PAYLOAD]: ATTR } }],
      ['/v1/send', { ...message('k3'), attrs: { a: `${ATTR}\u0000` } }],
      ['/v1/send', { ...message('k3'), payload_b64: `${payload_b64}x` }],
      ['/v1/send', { ...message('k3'), topic: token }],
      ['/v1/send', message('k3'), forged],
      ['/v1/send', message('k3'), narrowed],
      ['/v1/recv', { topic: 's' }, narrowed],
      ['/v1/send', message('k3'), token, { authorization: `Basic ${token}` }],
      ['/v1/send', message('k3'), token, { 'x-corr-id': token }],
      ['/v1/send', message('k3'), token, { 'x-idempotency-mode': token }],
      ['/v1/send', message('k3'), token, { 'content-type': token }],
      [`/v1/stats?topic=${token}`, undefined],
      [`/v1/stats?${token}=s`, undefined],
      [`/v1/${token}`, undefined],
      [`/v1/ack/${token}`, { receipt: PAYLOAD }],
      ['/v1/dlq/purge', { topic: 's', older_than_ms: 0 }],
    ];
    for (const [path, body, cap, headers] of refused) await ask(path, body, cap, headers);

    server.child.kill('SIGUSR2');
    await until(async () => (await ask('/v1/send', message(`bug-${answers.length}`))).status === 500);
    await server.logged('request.failed');
    const metrics = (await server.logged('server.ready'))['metrics'];
    answers += await (await fetch(`http://${metrics}/metrics`)).text();
    server.child.kill('SIGUSR2');
    const { code, out, err } = await server.finished;
    expect(code).toBe(1);
    expect(out).toContain('"event":"process.failed"');

    const files = readdirSync(folder).filter((name) => name !== 'keyring.json' && name !== 'sign.pem');
    expect(files).toEqual([]);
    const all = [out, err, answers].join('\n');
    for (const event of ['auth.denied', 'integrity.failed', 'message.dead_lettered', 'request', 'request.failed']) {
      expect(out).toContain(`"event":"${event}"`);
    }
    const found = [...spellings(), ...receipts].filter((secret) => all.includes(secret));
    expect(found).toEqual([]);
  });

  it('the scan finds what is there: each kind of secret, planted in a log line', () => {
    const planted = [ROOT.toString('base64'), PAYLOAD, token.slice(100, 200), forged].map(
      (text) => `{"event":"x","y":"${text}"}`,
    );
    for (const line of planted)
      expect(
        spellings().some((secret) => line.includes(secret)),
        line,
      ).toBe(true);
    expect(readFileSync(join(folder, 'keyring.json'), 'utf8')).toContain(ROOT.toString('base64'));
  });
});
