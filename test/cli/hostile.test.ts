import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashChainOf, payloadHashOf } from '../../src/integrity/hash-chain.ts';
import { type Finished, run, runMany } from '../support/process.ts';

/** Everything a terminal might act on or hide, in one text. */
const HOSTILE = '\x1b[2J\x1b]0;title\x07\x9b31m\x7f\r\u202egnp\u2066\u200b\ufeff\u2028X';
/** In a file name: neither / nor NUL, and what a directory takes. */
const NAME = '\x1b[31mred\u202e\r';
const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
let server: Server;
let url = '';

const PAYLOADS = {
  text: Buffer.from(`hello${HOSTILE}\nsecond line`),
  binary: Buffer.from([0x00, 0xff, 0xfe, 0x1b, 0x5b, 0x32, 0x4a]),
};
function envelope(payload: Buffer): object {
  const [topic, ts, idem_key, attrs] = [HOSTILE, HOSTILE, HOSTILE, { [HOSTILE]: HOSTILE }];
  const payload_hash = payloadHashOf(payload);
  const hash_chain = hashChainOf(topic, ts, idem_key, payload_hash, attrs);
  const hashed = {
    topic,
    ts,
    idem_key,
    attrs,
    payload_hash,
    hash_chain,
    payload_b64: payload.toString('base64'),
    sig: null,
  };
  return {
    ...hashed,
    msg_id: `ID${HOSTILE}`,
    receipt: `R${HOSTILE}`,
    attempt: 1,
    corr_id: HOSTILE,
    shard: 0,
    deadline_in_ms: 1,
    epoch: 1,
  };
}
const dead = {
  ...{
    msg_id: 'M',
    reason: HOSTILE,
    attempt: 1,
    last_error: HOSTILE,
    dead_at: HOSTILE,
    topic: HOSTILE,
    attrs: { a: HOSTILE },
  },
  payload_b64: PAYLOADS.binary.toString('base64'),
};
const looked = { ...dead, state: HOSTILE, ts: HOSTILE, idem_key: HOSTILE, payload_bytes: 7 };
const happened = {
  ...{ cursor: HOSTILE, at: HOSTILE, fact: HOSTILE, state: HOSTILE, attempt: 1, topic: HOSTILE, msg_id: HOSTILE },
  ...{ reason: HOSTILE, last_error: HOSTILE, until: HOSTILE },
};
const REFUSED = { code: `E_${HOSTILE}`, message: `no ${HOSTILE}`, reason: HOSTILE, corr_id: HOSTILE };

/** How often each key was sent: the first time it is too much. */
const sends = new Map<string, number>();
const BUSY = { code: 'E_SATURATED', message: 'quota used up', reason: 'quota', corr_id: 'c-1' };

/** Answers everything, in the words of somebody who means harm. */
const ANSWERS: Readonly<Record<string, (topic: string) => object>> = {
  '/v1/recv': (topic) => ({ messages: [envelope(topic === 'binary' ? PAYLOADS.binary : PAYLOADS.text)] }),
  '/v1/stats': () => ({ topic: HOSTILE, [HOSTILE]: HOSTILE }),
  '/v1/topics': () => ({ topics: [{ topic: HOSTILE, depth: 1, queued: HOSTILE, oldest_ready_ms: 1 }], next: HOSTILE }),
  '/v1/messages': () => ({ messages: [looked], next: HOSTILE }),
  '/v1/messages/M': () => ({ message: looked, timeline: [happened], is_complete: false, complete_from: HOSTILE }),
  '/v1/feed': () => happened,
  '/v1/dlq': () => ({ dead_letters: [dead], next: null }),
  '/v1/dlq/reprocess': () => ({ moved: 1, skipped: 0, failed: 2 }),
};

beforeAll(async () => {
  server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    req.on('end', () => {
      const answer = ANSWERS[new URL(req.url ?? '', 'http://x').pathname];
      const key = body.includes('"busy"') ? (JSON.parse(body).idem_key as string) : null;
      const times = (sends.get(key ?? '') ?? 0) + 1;
      sends.set(key ?? '', times);
      if (key !== null && times === 1) {
        return res.writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' }).end(JSON.stringify(BUSY));
      }
      if (key !== null) return res.writeHead(200).end(JSON.stringify({ msg_id: 'M', duplicate: false }));
      const topic = body.startsWith('{') ? (JSON.parse(body).topic as string) : '';
      const headers = { 'content-type': 'application/json', 'x-corr-id': 'c-1' };
      res.writeHead(answer === undefined ? 400 : 200, headers).end(`${JSON.stringify(answer?.(topic) ?? REFUSED)}\n`);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const env = () => ({ MAILBOX_URL: url, MAILBOX_CAP: 'cap' });
const mailbox = (...args: string[]): Promise<Finished> => run(args, env());
const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return join(folder, name);
};

/** Made apart from the code: what must never reach a terminal. Line feeds and tabs are our own. */
const UNSEEN = /[^\P{C}\n\t\u200c\u200d]|[\p{Zl}\p{Zp}]/u;
const harmless = ({ out, err }: Finished): boolean => !UNSEEN.test(out) && !UNSEEN.test(err);

/** A header as `sim run` writes it, for steps that follow. */
const CONSTANTS = JSON.parse(
  '{"MaxAttempts":5,"MaxRedrives":5,"InflightFactor":10,"ReleasesMax":3,"BackoffBase":200,"BackoffMax":60000,"TReplay":300000,"ReadyRetention":1,"DlqRetention":1,"ShardCapacity":9,"GlobalInflight":9,"DedupCapacity":9,"SettledCapacity":9,"DlqMaxPerTopic":9,"DlqCapacity":9}',
);
const trace = (step: object): string =>
  [{ trace: 'svc-mailbox', version: 1, producer: 'journal', commit: null, constants: CONSTANTS }, step]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');

describe('whatever others wrote does nothing to a terminal', () => {
  it('of every command: answers, payloads, files, names of files, arguments; on both streams, as text and as JSON', async () => {
    const good = readFileSync('sim/schedules/happy-path.yaml', 'utf8');
    const step = { seq: 1, at_ms: 0, shard: 0, action: 'Ack', outcome: 'ok', msg_id: HOSTILE, changes: {} };
    const calls: [string[], number, RegExp][] = [
      [['recv', 'text'], 0, /\\u001b\[2J.*\n {2}second line\n$/],
      [['recv', 'binary'], 0, /7 bytes, base64\nAP\/\+G1sySg==\n$/],
      [['recv', 'text', '--json'], 0, /\\u001b/],
      [['stats', 't'], 0, /\\u001b/],
      [['topics'], 0, /topic +depth[\s\S]*\\u001b[\s\S]*more: --cursor \\u001b/],
      [['peek', 't', '--payload'], 0, /\\u001b[\s\S]*AP\/\+G1sySg==\n/],
      [['show', 'M'], 0, /state +\\u001b[\s\S]*what was before \\u001b/],
      [['tail', 't', '--wait', '0s'], 0, /\\u001b/],
      [['tail', 't', '--wait', '0s', '--json'], 0, /\\u001b/],
      [['dlq', 'list', 't'], 0, /\\u001b/],
      [['dlq', 'show', 't', 'M'], 0, /payload {7}7 bytes, base64\nAP\/\+G1sySg==\n$/],
      [['dlq', 'show', 't', 'M', '--json'], 0, /\\u009b/],
      [['dlq', 'show', 't', HOSTILE], 1, /no dead letter \\u001b/],
      [['dlq', 'reprocess', 't'], 1, /2 could not be moved[\s\S]*failed 2/],
      [['send', 't', 'x'], 1, /E_\\u001b/],
      [['ack', 'M', 'r', '--json'], 1, /"corr_id":"\\u001b/],
      [['journal', 'verify', '--data', 'a\nb'], 2, /^data: a\\nb: no such directory\n/],
      [[HOSTILE], 2, /unknown command '\\u001b/],
      [['recv', 't', `--${HOSTILE}`], 2, /unknown option/],
      [['cap', 'inspect', HOSTILE], 2, /not a capability/],
      [['cap', 'mint', '--keyring', 'x', '--topic', HOSTILE], 2, /--topic "\\u001b/],
      [['keyring', 'list', join(folder, NAME)], 2, /\\u001b\[31mred/],
      [
        ['keyring', 'list', file('ring', JSON.stringify({ version: 1, keys: [], [HOSTILE]: 1 }))],
        2,
        /unknown field \\u001b/,
      ],
      [['config', 'print', '--data', HOSTILE], 0, /data +\\u001b/],
      [['config', 'check', '--config', file('bad.toml', `"\\u001b[2J" = 1\n`)], 2, /\\u001b/],
      [['trace', 'check', join(folder, NAME)], 2, /\\u001b\[31mred/],
      [['trace', 'check', '--explain', file('t.ndjson', trace(step))], 1, /\\u001b\[2J.* was never sent/],
      [['trace', 'check', file('u.ndjson', trace({ ...step, [HOSTILE]: 1 }))], 2, /line 2: "\\u001b.*unknown field/],
      [['sim', 'run', file('s.yaml', `${good}\n"\\u001b[2J": 1\n`)], 2, /"\\u001b\[2J": unknown field/],
      [['sim', 'replay', file('r.json', JSON.stringify({ format: HOSTILE }))], 2, /r\.json: format/],
      [['journal', 'verify', '--data', join(folder, NAME)], 2, /\\u001b\[31mred.*no such directory/],
      [['model', 'check', HOSTILE], 2, /model "\\u001b/],
    ];
    const finished = await runMany(
      calls.map(([args]) => args),
      env(),
    );
    // A server ends its process by itself.
    calls.push([['serve', '--config', file('worse.toml', `a = "\x1b`)], 2, /worse\.toml/]);
    finished.push(await mailbox('serve', '--config', join(folder, 'worse.toml')));
    for (const [i, [args, code, says]] of calls.entries()) {
      const found = finished[i] as Finished;
      const what = JSON.stringify(args);
      expect([what, found.code, found.err + found.out]).toEqual([what, code, expect.stringMatching(says)]);
      expect(harmless(found), what).toBe(true);
    }
  });

  it('recv --raw and --out, dlq show --raw and --out: the payload, byte for byte', async () => {
    const [text, binary] = [join(folder, 'text'), join(folder, 'binary')];
    const finished = await Promise.all([
      mailbox('recv', 'text', '--out', text),
      mailbox('dlq', 'show', 't', 'M', '--out', binary),
      mailbox('recv', 'text', '--raw'),
    ]);
    expect(finished.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(readFileSync(text).equals(PAYLOADS.text)).toBe(true);
    expect(readFileSync(binary).equals(PAYLOADS.binary)).toBe(true);
    expect(finished[2]?.out).toBe(PAYLOADS.text.toString());
    expect(finished[2]?.err).toMatch(/^ID\\u001b.*\d+ bytes\n$/);
    expect(harmless(finished[0] as Finished) && harmless(finished[1] as Finished)).toBe(true);
  });

  it('who waits for a retry is told so, as text and as JSON; with --retry-for 0s nobody waits', async () => {
    const [text, json, none] = await Promise.all([
      mailbox('send', 'busy', 'x', '--idem-key', '1'),
      mailbox('send', 'busy', 'x', '--idem-key', '2', '--json'),
      mailbox('send', 'busy', 'x', '--idem-key', '3', '--retry-for', '0s'),
    ]);
    expect([text?.code, text?.out]).toEqual([0, 'M\n']);
    expect(text?.err).toMatch(/^E_SATURATED \(quota\): trying again in 1\.\d s; --retry-for 0s does not wait\n$/);
    expect(json?.code).toBe(0);
    expect(JSON.parse(json?.err ?? '')).toEqual({
      ...{ event: 'waiting', code: 'E_SATURATED', reason: 'quota', corr_id: 'c-1' },
      ...{ wait_ms: expect.any(Number), left_ms: expect.any(Number) },
    });
    expect([none?.code, none?.err]).toEqual([1, expect.stringMatching(/^E_SATURATED: quota used up \(reason quota/)]);
  });

  it('nothing in src/cli writes past the functions that make it visible', () => {
    const MAY = ['shared.ts', 'standard.ts', 'serve.ts', 'mailbox.ts', 'model.ts', 'sim/run.ts', 'sim/fuzz.ts'];
    const cli = resolve(import.meta.dirname, '../../src/cli');
    const files = readdirSync(cli, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const wrong = files.filter((name) => {
      const text = readFileSync(join(cli, name), 'utf8');
      return !MAY.includes(name) && /process\.std(out|err)|console\.|writeSync\((1|2)\b|\/dev\/std/.test(text);
    });
    expect(files.length).toBeGreaterThan(30);
    expect(wrong).toEqual([]);
  });
});
