/**
 * What does the dearest refusal cost? CPU time of the server a request, threads and kernel included, for requests of at most 1 MiB
 * that are made to be expensive: those that no quota counts, since they are refused before it. Aim: 10 ms.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { encodeFrame, FLAG } from '../src/wire/frame.ts';
import type { Ready, Work } from './http-server.ts';

const MIB = 1024 * 1024;
const OAP = 'application/oap1';
export const REFUSAL_AIM_MS = 10;

interface Costly {
  readonly name: string;
  readonly bytes: Buffer;
}
export interface RefusalResult {
  readonly name: string;
  readonly status: number;
  readonly bytes: number;
  readonly ms: number;
}

interface Parts {
  readonly method?: string;
  readonly type?: string;
  readonly encoding?: string;
  readonly chunks?: number;
  readonly more?: readonly string[];
  readonly cap?: string | null;
}

/** A request in full. */
function request(cap: string, path: string, body: Buffer | string, parts: Parts = {}): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const { method = 'POST', type = 'application/json', encoding, chunks, more = [] } = parts;
  const token = parts.cap === undefined ? cap : parts.cap;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: b',
    ...(token === null ? [] : [`Authorization: Bearer ${token}`]),
    ...(method === 'GET' ? [] : [`Content-Type: ${type}`]),
    ...(encoding === undefined ? [] : [`Content-Encoding: ${encoding}`]),
    ...(method === 'GET'
      ? []
      : [chunks === undefined ? `Content-Length: ${bytes.length}` : 'Transfer-Encoding: chunked']),
    ...more,
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  return Buffer.concat([head, chunks === undefined ? bytes : chunked(bytes, chunks)]);
}

function chunked(bytes: Buffer, each: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += each) {
    const piece = bytes.subarray(at, at + each);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

/** `piece` again and again, up to 1 MiB with what stands around it. */
function upTo(before: string, piece: string, after: string, bytes = MIB): string {
  const times = Math.floor((bytes - before.length - after.length) / Buffer.byteLength(piece));
  return before + piece.repeat(times) + after;
}
const list = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join();

const send = (fields: string): string => `{"topic":"bench.r","idem_key":"k","payload_b64":"",${fields}}`;
const field = (name: string, value: string): string =>
  JSON.stringify({ topic: 'bench.r', idem_key: 'k', payload_b64: '', [name]: value });

function json(cap: string): Costly[] {
  const to = (name: string, body: string): Costly => ({ name: `send: ${name}`, bytes: request(cap, '/v1/send', body) });
  const escapes = (piece: string): string => upTo('{"topic":"', piece, '"}');
  return [
    to('a duplicate of 786 kB, nothing wrong with it', field('payload_b64', 'A'.repeat(1_048_000))),
    to('deep lists', upTo('', '[', '')),
    to('deep objects', upTo('', '{"a":', '')),
    to('a list of numbers', upTo('[1', ',1', ']')),
    to('a list of fractions', upTo('[1', ',1.7976931348623157e308', ']')),
    to('a list of texts', upTo('[1', ',""', ']')),
    to('a list of objects', upTo('[{}', ',{}', ']')),
    to('10,700 fields', `{${list(10_700, (i) => `"k${i}":1`)}}`),
    to('10,700 fields with long names', `{${list(10_700, (i) => `"${`k${i}`.padEnd(56, 'x')}":1`)}}`),
    to('one field 10,700 times', `{${list(10_700, () => '"a":1')}}`),
    to('10,700 attrs', send(`"attrs":{${list(10_700, (i) => `"k${i}":"v"`)}}`)),
    to('60 attrs of 16 kB', send(`"attrs":{${list(60, (i) => `"k${i}":"${'v'.repeat(16_000)}"`)}}`)),
    to('a text of quotes', escapes('\\"')),
    to('a text of backslashes', escapes('\\\\')),
    to('a text of unicode escapes', escapes('\\u00e9')),
    to('a text of lone surrogates', escapes('\\ud800')),
    to('a text of two-byte characters', escapes('é')),
    to('a text of emoji', escapes('😀')),
    to('a number of 1 MiB', upTo('{"topic":', '1', '}')),
    to('spaces', upTo('{"topic":', ' ', '')),
    to('line feeds in a text', escapes('\n')),
    to('a topic of 1 MiB', field('topic', 'a'.repeat(MIB - 100))),
    to('an idem_key of 1 MiB', field('idem_key', 'a'.repeat(MIB - 100))),
    to('an attr of 1 MiB', send(`"attrs":{"a":"${'a'.repeat(MIB - 100)}"}`)),
    to('an attr of two-byte characters', send(`"attrs":{"a":"${'é'.repeat(500_000)}"}`)),
    to('an attr with a name of 1 MiB', send(`"attrs":{"${'a'.repeat(MIB - 100)}":""}`)),
    to('an unknown field of 1 MiB', field('unknown', 'a'.repeat(MIB - 100))),
    to('a field with a name of 1 MiB', `{"${'a'.repeat(MIB - 100)}":1}`),
    to('base64 that is not canonical', field('payload_b64', `${'A'.repeat(1_000_000)}B=`)),
    to('base64 that is none', field('payload_b64', '!'.repeat(MIB - 100))),
    to(
      'a wrong hash of 786 kB',
      field('payload_b64', 'A'.repeat(1_048_000)).replace('{', `{"payload_hash":"b3:${'0'.repeat(64)}",`),
    ),
    to('not UTF-8 at its end', upTo('{"topic":"', 'é', '').concat('\ufffd')),
  ];
}

/** What the attributes of a full batch may hold: each as much as fits, the kinds differ in what it costs to read them. */
const TEXTS: readonly (readonly [name: string, value: string])[] = [
  ['ASCII', 'x'.repeat(112)],
  ['two-byte characters', 'ü'.repeat(56)],
  ['three-byte characters', '語'.repeat(37)],
  ['emoji', '😀'.repeat(28)],
  ['escaped Latin', '\\u00fc'.repeat(18)],
  ['escaped three-byte characters', '\\u8a9e'.repeat(18)],
  ['escaped quotes', '\\"'.repeat(56)],
];

function batches(cap: string): Costly[] {
  const to = (name: string, path: string, key: string, item: (i: number) => string, count = 256): Costly => ({
    name: `${path.slice(4)}: ${name}`,
    bytes: request(cap, path, `{"${key}":[${list(count, item)}]}`),
  });
  const sends = (name: string, item: (i: number) => string, count?: number): Costly =>
    to(name, '/v1/send/batch', 'messages', item, count);
  const acks = (name: string, item: (i: number) => string, count?: number): Costly =>
    to(name, '/v1/ack/batch', 'acks', item, count);
  const attrs = (count: number, name: (i: number) => string, value: string): string =>
    send(`"attrs":{${list(count, (i) => `"${name(i)}":"${value}"`)}}`);
  const base64 = 'A'.repeat(3_900);
  const hash = `"payload_hash":"b3:${'0'.repeat(64)}"`;
  return [
    sends('55 attrs that are none', () => attrs(55, (i) => `F${i}`, 'x')),
    sends('the last of 32 attrs is none', () => attrs(32, (i) => (i === 31 ? 'F' : `f${i}`), 'x'.repeat(90))),
    sends('32 attrs of names of their own, the last none', (n) =>
      attrs(32, (i) => (i === 31 ? 'F' : `f${n}.${i}`), 'x'),
    ),
    sends('60 attrs', () => attrs(60, (i) => `f${i}`, 'x')),
    sends('32 attrs, the last with a control character', () => attrs(32, (i) => `f${i}`, `x${'\\u0001'}`)),
    sends('32 attrs, lone surrogates', () => attrs(32, (i) => `f${i}`, '\\ud800')),
    sends('3 attrs, too long', () => attrs(3, (i) => `f${i}`, 'x'.repeat(1_200))),
    sends('3 attrs, too long in bytes', () => attrs(3, (i) => `f${i}`, 'é'.repeat(600))),
    sends('50 unknown fields', () => send(list(50, (i) => `"u${i}":1`))),
    sends('unknown field of 4 kB', () => send(`"u":"${base64}"`)),
    sends('nothing in it', () => '{}'),
    sends('no objects', () => '1'),
    sends('nulls', () => 'null'),
    sends('lists', () => `[${list(60, () => '1')}]`),
    sends('deep', () => `${'{"a":'.repeat(13)}1${'}'.repeat(13)}`),
    sends('bad topic', () => '{"topic":"A","idem_key":"k","payload_b64":""}'),
    sends('topic of 4 kB', () => `{"topic":"${'a'.repeat(3_900)}","idem_key":"k","payload_b64":""}`),
    sends('bad base64', () => `{"topic":"bench.r","idem_key":"k","payload_b64":"${base64}B="}`),
    sends('wrong hash', () => `{"topic":"bench.r","idem_key":"k","payload_b64":"${base64}",${hash}}`),
    ...TEXTS.flatMap(([text, value]) => [
      sends(`32 attrs of ${text}, wrong hash`, () => `{${hash},${attrs(32, (i) => `f${i}`, value).slice(1)}`),
      sends(`32 attrs of ${text}, no delay`, () => `{"delay_ms":-1,${attrs(32, (i) => `f${i}`, value).slice(1)}`),
      sends(`32 attrs of ${text}, another topic`, () => attrs(32, (i) => `f${i}`, value).replace('bench.r', 'other')),
    ]),
    sends('another topic', () => `{"topic":"other","idem_key":"k","payload_b64":"${base64}"}`),
    sends('one item of 10,000 fields', () => `{${list(10_000, (i) => `"k${i}":1`)}}`, 1),
    sends('one item of 10,000 attrs', () => attrs(10_000, (i) => `k${i}`, 'x'), 1),
    sends('10,000 items', () => '{}', 10_000),
    sends('500,000 items', () => '1', 500_000),
    acks('bad receipts', (i) => `{"msg_id":"${String(i).padStart(26, '0')}","receipt":" "}`),
    acks('bad ids', () => '{"msg_id":"x","receipt":"r"}'),
    acks('receipts of 4 kB', (i) => `{"msg_id":"${String(i).padStart(26, '0')}","receipt":"${base64}"}`),
    acks('unknown messages', (i) => `{"msg_id":"${String(i).padStart(26, '0')}","receipt":"r"}`),
    acks('50 unknown fields', () => `{${list(50, (i) => `"u${i}":1`)}}`),
    to('256 bad acks', '/v1/recv', 'acks', () => '{"msg_id":"x","receipt":"r"}'),
    to('8,000 acks', '/v1/recv', 'acks', () => '{"msg_id":"x","receipt":"r"}', 8_000),
  ];
}

function encodings(cap: string): Costly[] {
  const to = (name: string, encoding: string, body: Buffer): Costly => ({
    name: `${encoding}: ${name}`,
    bytes: request(cap, '/v1/send', body, { encoding }),
  });
  const noise = randomBytes(450_000).toString('hex');
  const junk = Buffer.from(noise.repeat(2).slice(0, MIB - 1_000));
  const zeros = Buffer.alloc(64 * MIB);
  const empty = Buffer.concat([Buffer.from([0x78, 0x9c]), Buffer.alloc(MIB - 200, Buffer.from([0, 0, 0, 0xff, 0xff]))]);
  const quality = (level: number, lgwin = 22) => ({
    params: { [constants.BROTLI_PARAM_QUALITY]: level, [constants.BROTLI_PARAM_LGWIN]: lgwin },
  });
  return [
    to('a bomb', 'gzip', gzipSync(zeros, { level: 1 })),
    to('a bomb', 'deflate', deflateSync(zeros, { level: 1 })),
    to('a bomb', 'br', brotliCompressSync(zeros, quality(1))),
    to('1 MiB of noise', 'gzip', gzipSync(junk)),
    to('1 MiB of noise', 'br', brotliCompressSync(junk, quality(5, 24))),
    to('1 MiB of random bytes', 'br', brotliCompressSync(randomBytes(MIB - 2_000), quality(5, 24))),
    to('1 MiB of random bytes', 'gzip', gzipSync(randomBytes(MIB - 2_000))),
    to('empty blocks', 'deflate', empty),
    to('no encoding at all', 'gzip', junk),
    to('no encoding at all', 'br', junk),
  ];
}

const CORR = { corrHi: 1, corrLo: 2 } as const;
const frame = (flags: number, payload: Buffer | string, app = 1, capability = ''): Buffer =>
  encodeFrame({ flags: FLAG.REQ | flags, code: 0, app, ...CORR, capability, payload: Buffer.from(payload) });
const WHOLE = FLAG.START | FLAG.END;

function frames(cap: string): Costly[] {
  const to = (name: string, body: readonly Buffer[], parts: Parts = {}): Costly => ({
    name: `frames: ${name}`,
    bytes: request(cap, '/v1/send/batch', Buffer.concat(body).subarray(0, MIB), { type: OAP, ...parts }),
  });
  const head = '{"topic":"bench.r","idem_key":"k"}';
  const many = (count: number, make: (i: number) => Buffer): Buffer[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const wrong = `{"topic":"bench.r","idem_key":"k","payload_hash":"b3:${'0'.repeat(64)}"}`;
  return [
    to(
      '256 units of junk',
      many(256, () => frame(WHOLE, 'junk')),
    ),
    to(
      '256 units with 55 attrs that are none',
      many(256, () => frame(WHOLE, send(`"attrs":{${list(55, (i) => `"F${i}":"x"`)}}`))),
    ),
    to(
      '256 units, another app',
      many(256, () => frame(WHOLE, head, 2)),
    ),
    to(
      '256 units, wrong hashes',
      many(256, () => Buffer.concat([frame(FLAG.START, wrong), frame(FLAG.END, Buffer.alloc(3_900))])),
    ),
    to('a unit of 26,000 frames', [frame(FLAG.START, head), ...many(26_800, () => frame(0, 'x'))]),
    to('a unit of 512 compressed frames', [
      frame(FLAG.START, head),
      ...many(511, () => frame(FLAG.COMP, gzipSync('x'))),
      frame(FLAG.END, 'x'),
    ]),
    to(
      '256 units that are compressed',
      many(256, () => frame(WHOLE | FLAG.COMP, gzipSync(send('"a":1')))),
    ),
    to('a unit compressed 60 times to 16 kB', [
      frame(FLAG.START, head),
      ...many(60, () => frame(FLAG.COMP, gzipSync(randomBytes(8_000).toString('hex')))),
    ]),
    to(
      '256 forged capabilities of 32 caveats',
      many(256, (i) => frame(WHOLE, '{}', 1, dearToken(i))),
      { cap: null },
    ),
    to(
      '200 forged behind a good one',
      [frame(WHOLE, head, 1, cap), ...many(255, (i) => frame(WHOLE, '{}', 1, dearToken(i)))],
      { cap: null },
    ),
    to(
      '256 capabilities that are junk',
      many(256, (i) => frame(WHOLE, '{}', 1, `${i}`.padEnd(4_000, 'A'))),
      { cap: null },
    ),
  ];
}

/** Well-formed, of 32 caveats and nearly 4 KiB, signed by nobody, another one for each number. */
function dearToken(n: number): string {
  const packet = (body: Buffer): Buffer =>
    Buffer.concat([Buffer.from((body.length + 5).toString(16).padStart(4, '0')), body, Buffer.from('\n')]);
  const lines = Array.from({ length: 32 }, (_, i) =>
    `cid topic prefix ${String.fromCharCode(97 + (i % 26))}`.padEnd(82, 'x'),
  );
  const signature = createHmac('sha256', String(n)).digest();
  const packets = ['location svc-mailbox', `identifier v1:k1:${String(n).padStart(26, '0')}`, ...lines].map((line) =>
    packet(Buffer.from(line)),
  );
  return Buffer.concat([...packets, packet(Buffer.concat([Buffer.from('signature '), signature]))]).toString(
    'base64url',
  );
}

function heads(cap: string): Costly[] {
  const get = (name: string, path: string, more: readonly string[] = []): Costly => ({
    name: `head: ${name}`,
    bytes: request(cap, path, '', { method: 'GET', more }),
  });
  const query = list(1_000, (i) => `p${i}=1`).replaceAll(',', '&');
  const chunks = (name: string, body: string, each: number): Costly => ({
    name: `chunks: ${name}`,
    bytes: request(cap, '/v1/send', body, { chunks: each }),
  });
  return [
    get('1,000 parameters', `/v1/stats?${query}`),
    get('a query of 14 kB', `/v1/stats?topic=${'%61'.repeat(4_700)}`),
    get('a path of 15 kB', `/${'a'.repeat(15_000)}`),
    get(
      '99 fields',
      '/v1/stats?topic=A',
      Array.from({ length: 95 }, (_, i) => `X-${i}: ${'v'.repeat(120)}`),
    ),
    { name: 'head: a forged capability of 32 caveats', bytes: request(cap, '/v1/send', '{}', { cap: dearToken(1) }) },
    chunks('2,000 of a byte', '{"topic":'.padEnd(2_000), 1),
    chunks('10,000 of a byte', '{"topic":'.padEnd(10_000), 1),
    chunks('2,000 of 500 bytes', '{"topic":'.padEnd(1_000_000), 500),
  ];
}

const status = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);

/** One request on a connection of its own; gives the status of the answer. */
function exchange(port: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1', 0, 200);
      socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(status(answer)));
    socket.write(bytes);
  });
}

const ask = (child: ChildProcess, message: string): Promise<Work> =>
  new Promise((resolve) => {
    child.once('message', (answer) => resolve(answer as Work));
    child.send(message);
  });

const YARDSTICK = JSON.stringify(Array(350_000).fill({}));
const YARDSTICK_MS = 15;

/** How many times slower the machine is just now than when it has nothing else to do. */
function slower(): number {
  const from = process.cpuUsage();
  JSON.parse(YARDSTICK);
  const { user, system } = process.cpuUsage(from);
  return Math.max(1, (user + system) / 1000 / YARDSTICK_MS);
}

/** Each so many times, one after the other: the least of the rounds, whose mean CPU time is taken: others may use the machine meanwhile. */
export async function benchRefusals(rounds = 6, times = 8, only = ''): Promise<RefusalResult[]> {
  const child = fork(new URL('./http-server.js', import.meta.url).pathname, ['direct']);
  const { port, capability } = await new Promise<Ready>((resolve) => child.once('message', (r) => resolve(r as Ready)));
  const kinds = [json, batches, encodings, frames, heads]
    .flatMap((make) => make(capability))
    .filter(({ name }) => name.includes(only));
  const results: RefusalResult[] = [];
  for (const { name, bytes } of kinds) {
    let seen = await exchange(port, bytes);
    const found: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await ask(child, 'begin');
      for (let i = 0; i < times; i++) seen = await exchange(port, bytes);
      found.push((await ask(child, 'end')).cpuMs / times / slower());
    }
    results.push({ name, status: seen, bytes: bytes.length, ms: Math.min(...found) });
  }
  child.kill();
  return results.sort((a, b) => b.ms - a.ms);
}
