import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Attack, attacked, MARKER_B64, post, request, type Victim, victimOf } from '../support/attack.ts';
import { Target } from '../support/target.ts';

let target: Target;
let victim: Victim;
beforeAll(async () => {
  target = await Target.start();
  victim = await victimOf(target);
});
afterAll(() => target.stop());

const MiB = 1024 * 1024;
/** The members of a good send. */
const members = (): string => `"topic":"${victim.topic}","idem_key":"attack","payload_b64":"${MARKER_B64}"`;
const bytesOf = (body: Buffer): Buffer => {
  const lines = [
    `Authorization: Bearer ${victim.cap}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(request('POST', '/v1/send', lines)), body]);
};

/** Read to its end, and refused for what it says. */
const refused = (name: string, body: () => string | Buffer): Attack => ({
  name: `${name} (T4, V1)`,
  sends: () => bytesOf(Buffer.from(body() as string)),
  gets: ['400 E_SCHEMA'],
  logs: ['request.refused schema'],
  stays: true,
});
const changed = (name: string, change: Record<string, unknown>): Attack =>
  refused(name, () => JSON.stringify({ ...JSON.parse(`{${members()}}`), ...change }));
const settle = (name: string, verb: string, body: () => string): Attack => ({
  ...refused(name, () => ''),
  sends: () => post(`/v1/${verb}/${victim.msgId}`, victim.cap, body()),
});

const TEXTS: Attack[] = [
  refused('nothing', () => ''),
  refused('only spaces', () => ' \t\r\n '),
  refused('a mark before it', () => `\ufeff{${members()}}`),
  refused('two values', () => `{${members()}}{${members()}}`),
  refused('a comma too many', () => `{${members()},}`),
  refused('a comment', () => `{${members()}/* */}`),
  refused('other quotes', () => `{${members().replaceAll('"', "'")}}`),
  refused('a number that is none', () => `{${members()},"delay_ms":NaN}`),
  refused('a number with a zero before it', () => `{${members()},"delay_ms":01}`),
  refused('a string that never ends', () => `{"topic":"${victim.topic}`),
  refused('a string with a line break', () => `{${members().replace('attack', 'att\nack')}}`),
  refused('an escape that is none', () => `{${members().replace('attack', 'att\\xack')}}`),
  refused('a zero between', () => `{${members()}\0}`),
  refused('UTF-16', () => Buffer.from(`{${members()}}`, 'utf16le')),
  refused('Latin-1', () => Buffer.from(`{${members()},"attrs":{"a":"\xe9"}}`, 'latin1')),
  refused('an overlong slash', () =>
    Buffer.concat([Buffer.from('{"topic":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
  ),
  refused('a surrogate in UTF-8', () =>
    Buffer.concat([Buffer.from('{"topic":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
  ),
  refused('a character cut in two', () =>
    Buffer.concat([Buffer.from(`{${members()},"attrs":{"a":"`), Buffer.from([0xe2, 0x82])]),
  ),
];

const SHAPES: Attack[] = [
  refused('null', () => 'null'),
  refused('a list', () => `[{${members()}}]`),
  refused('a text', () => JSON.stringify(`{${members()}}`)),
  refused('a key twice', () => `{${members()},"topic":"other"}`),
  refused('a key twice, once in escapes', () => `{${members()},"\\u0074opic":"other"}`),
  refused('a key twice within', () => `{${members()},"attrs":{"a":"1","a":"2"}}`),
  refused('__proto__', () => `{${members()},"__proto__":{"admin":true}}`),
  refused('__proto__ within', () => `{${members()},"attrs":{"__proto__":"x"}}`),
  refused('__proto__ in escapes', () => `{${members()},"\\u005f_proto__":{}}`),
  refused('constructor', () => `{${members()},"constructor":{"prototype":{}}}`),
  refused('a field that nobody knows', () => `{${members()},"priority":9}`),
  refused('17 levels', () => `{${members()},"attrs":${'['.repeat(16)}${']'.repeat(16)}}`),
  refused('half a million levels', () => '['.repeat(500_000)),
  refused('half a million levels, closed', () => `${'['.repeat(500_000)}${']'.repeat(500_000)}`),
  refused('levels in levels of objects', () => '{"a":'.repeat(200_000)),
  refused(
    '100,000 fields that nobody knows',
    () => `{${Array.from({ length: 80_000 }, (_, i) => `"k${i}":1`).join(',')}}`,
  ),
  refused('fields whose names are long', () => `{"${'k'.repeat(900_000)}":1}`),
  refused('a number of a million digits', () => `{${members()},"delay_ms":${'9'.repeat(1_000_000)}}`),
  refused('a fraction', () => `{${members()},"delay_ms":0.5}`),
  refused('a string of nothing but backslashes', () => `{"topic":"${'\\'.repeat(1_000_000)}"}`),
  refused('a list of a million', () => `{${members()},"attrs":[${'0,'.repeat(500_000)}0]}`),
];

const VALUES: Attack[] = [
  changed('a topic that climbs', { topic: '../../etc' }),
  changed('a topic that is a wildcard', { topic: '*' }),
  changed('a topic of 129', { topic: 'a'.repeat(129) }),
  changed('a topic with a line break', { topic: 'a\nb' }),
  changed('a topic with letters that look alike', { topic: 'аdmin' }),
  changed('a topic that is an object', { topic: { toString: 'a' } }),
  changed('a key with a zero', { idem_key: 'a\0' }),
  changed('a key of 129', { idem_key: 'k'.repeat(129) }),
  changed('base64 with loose bits', { payload_b64: 'aGVsbG9=' }),
  changed('base64 without padding', { payload_b64: 'aGVsbG8' }),
  changed('base64 of another alphabet', { payload_b64: '-_-_' }),
  changed('base64 with a space', { payload_b64: 'aGVs bG8=' }),
  changed('a payload that is a list', { payload_b64: [104, 101] }),
  changed('a delay beyond all numbers', { delay_ms: 1e308 }),
  changed('a delay just beyond the safe numbers', { delay_ms: 2 ** 53 }),
  changed('a delay below nothing', { delay_ms: -1 }),
  changed('a time to live that is a text', { ttl_ms: '1000' }),
  changed('a hash in capitals', { payload_hash: `b3:${'A'.repeat(64)}` }),
  changed('a hash that is short', { payload_hash: 'b3:00' }),
  changed('33 attributes', { attrs: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ''])) }),
  changed('an attribute that is long', { attrs: { a: 'é'.repeat(513) } }),
  changed('an attribute that rings', { attrs: { a: '\u0007' } }),
  changed('an attribute that colours the terminal', { attrs: { a: '\u001b[31m' } }),
  refused('half of a character', () => `{${members()},"attrs":{"a":"\\ud83d"}}`),
  {
    name: 'a hash of another payload is 422, nothing stored (IN1)',
    sends: () => post('/v1/send', victim.cap, `{${members()},"payload_hash":"b3:${'0'.repeat(64)}"}`),
    gets: ['422 E_INTEGRITY'],
    logs: ['integrity.failed payload_hash'],
    stays: true,
  },
  settle('ack without a receipt', 'ack', () => '{}'),
  settle('ack with a receipt that is a pattern', 'ack', () => '{"receipt":{"$ne":null}}'),
  settle('ack with a receipt that is long', 'ack', () => JSON.stringify({ receipt: 'r'.repeat(129) })),
  settle('nack with a reason that is long', 'nack', () => JSON.stringify({ receipt: 'r', reason: 'x'.repeat(1_025) })),
  settle('extend beyond half a day', 'extend', () => '{"receipt":"r","visibility_ms":43200001}'),
];

/** Each of 256 items is wrong in a way of its own; the batch is answered, item by item. */
const BATCHES: Attack[] = [
  {
    name: 'a batch of nothing but junk: each item is told so, in one line (T4, O3)',
    sends: () =>
      post('/v1/send/batch', victim.cap, {
        messages: Array.from({ length: 256 }, (_, i) => [null, i, [], {}, 'x'][i % 5]),
      }),
    gets: ['200 E_SCHEMA'],
    logs: ['request.refused schema'],
    stays: true,
  },
  { ...refused('a batch of nothing', () => ''), sends: () => post('/v1/send/batch', victim.cap, { messages: [] }) },
  {
    ...refused('a batch of 257', () => ''),
    sends: () => post('/v1/send/batch', victim.cap, { messages: Array(257).fill(null) }),
  },
  {
    ...refused('257 acks on a recv', () => ''),
    sends: () => post('/v1/recv', victim.cap, { topic: victim.topic, acks: Array(257).fill({}) }),
  },
];

describe('attacks in JSON', () => {
  it.each([...TEXTS, ...SHAPES, ...VALUES, ...BATCHES].map((attack) => [attack.name, attack] as const))(
    '%s',
    (_name, attack) => attacked(target, { growsMax: 64 * MiB, ...attack }, victim),
  );
});
