import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Attack, attacked, MARKER_B64, post, request, type Victim, victimOf } from '../support/attack.ts';
import { Target } from '../support/target.ts';

let target: Target;
let victim: Victim;
beforeAll(async () => {
  target = await Target.start({ read_timeout: '1s', enable_admin: '' });
  victim = await victimOf(target);
});
afterAll(() => target.stop());

const JSON_TYPE = 'Content-Type: application/json';
const message = (): string => JSON.stringify({ topic: victim.topic, idem_key: 'attack', payload_b64: MARKER_B64 });
const bearer = (): string => `Authorization: Bearer ${victim.cap}`;
/** A send with these lines in its head; `body` as it goes over the wire. */
const send = (lines: readonly string[], body: string): string =>
  request('POST', '/v1/send', [bearer(), JSON_TYPE, ...lines], body);
/** The whole of a request that would take a message from its owner: what an attacker would smuggle. */
const smuggled = (): string =>
  request(
    'POST',
    `/v1/ack/${victim.msgId}`,
    [bearer(), JSON_TYPE, 'Content-Length: 33'],
    `{"receipt":"${victim.receipt}"}`,
  );
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

/** Not HTTP/1.1 to the parser: answered without a body. */
const unparsed = (name: string, sends: () => string, status = '400'): Attack => ({
  name: `${name} (V1)`,
  sends,
  gets: [status],
  logs: ['connection.refused parser'],
});
/** HTTP to the parser, refused by us before its body is read. */
const refused = (name: string, sends: () => string, gets = '400 E_SCHEMA', reason = 'schema'): Attack => ({
  name,
  sends,
  gets: [gets],
  logs: [`request.refused ${reason}`],
});
/** Refused with nothing left unread: the connection goes on. */
const stays = (name: string, sends: () => string, gets: string, reason: string): Attack => ({
  ...refused(name, sends, gets, reason),
  stays: true,
});
const path = (name: string, target: string): Attack =>
  stays(name, () => request('GET', target, [bearer()]), '404 E_NOT_FOUND', 'not_found');

const SMUGGLING: Attack[] = [
  unparsed('smuggling: a length and chunks', () =>
    send(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled()}`),
  ),
  unparsed('smuggling: chunks and a length', () =>
    send(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${smuggled()}`),
  ),
  unparsed('smuggling: two lengths', () => send(['Content-Length: 0', 'Content-Length: 5'], smuggled())),
  unparsed('smuggling: the same length twice', () => send(['Content-Length: 0', 'Content-Length: 0'], smuggled())),
  unparsed('smuggling: two lengths on a line', () => send(['Content-Length: 0, 5'], smuggled())),
  unparsed('smuggling: a length with a sign', () => send(['Content-Length: +0'], smuggled())),
  unparsed('smuggling: a length in hex', () => send(['Content-Length: 0x0'], smuggled())),
  unparsed('smuggling: a length below nothing', () => send(['Content-Length: -1'], smuggled())),
  unparsed('smuggling: a length beyond all numbers', () => send([`Content-Length: ${'9'.repeat(30)}`], smuggled())),
  unparsed('smuggling: no length', () => send(['Content-Length: '], smuggled())),
  unparsed('smuggling: a space before the colon', () => send(['Content-Length : 0'], smuggled())),
  unparsed('smuggling: a name with a tab', () => send(['Transfer-Encoding\t: chunked'], `0\r\n\r\n${smuggled()}`)),
  unparsed('smuggling: a folded line', () => send(['X-A: a', ' Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled()}`)),
  unparsed('smuggling: a carriage return alone', () =>
    send(['X-A: a\rTransfer-Encoding: chunked'], `0\r\n\r\n${smuggled()}`),
  ),
  unparsed('smuggling: a line feed alone', () =>
    send(['X-A: a\nTransfer-Encoding: chunked'], `0\r\n\r\n${smuggled()}`),
  ),
  refused('smuggling: a coding that only begins like chunked (facts)', () =>
    send(['Transfer-Encoding: chunkedx'], `0\r\n\r\n${smuggled()}`),
  ),
  unparsed('smuggling: chunked and then another coding', () =>
    send(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled()}`),
  ),
  refused('smuggling: another coding and then chunked (facts)', () =>
    send(['Transfer-Encoding: gzip, chunked'], `0\r\n\r\n${smuggled()}`),
  ),
  unparsed('smuggling: chunked twice on two lines', () =>
    send(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled()}`),
  ),
  unparsed('chunks: a size that is none', () => send(['Transfer-Encoding: chunked'], `zz\r\n${smuggled()}`)),
  unparsed('chunks: a size below nothing', () => send(['Transfer-Encoding: chunked'], `-1\r\n${smuggled()}`)),
  unparsed('chunks: a size beyond all numbers', () =>
    send(['Transfer-Encoding: chunked'], `${'f'.repeat(20)}\r\n${smuggled()}`),
  ),
  unparsed('chunks: longer than they say', () =>
    send(['Transfer-Encoding: chunked'], `1\r\nab\r\n0\r\n\r\n${smuggled()}`),
  ),
  unparsed('chunks: no line feed behind the size', () =>
    send(['Transfer-Encoding: chunked'], `5\rabcde\r\n0\r\n\r\n${smuggled()}`),
  ),
  unparsed(
    'chunks: an extension without end',
    () => send(['Transfer-Encoding: chunked'], `1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`),
    '413',
  ),
];

const HEADS: Attack[] = [
  refused('head: two Authorization, the same (facts)', () => send([bearer(), 'Content-Length: 2'], '{}')),
  refused('head: two Content-Type (facts)', () => send([JSON_TYPE, 'Content-Length: 2'], '{}')),
  refused('head: two Host (facts)', () => send(['Host: other', 'Content-Length: 2'], '{}')),
  refused('head: two corr ids (facts)', () => send(['X-Corr-Id: a', 'X-Corr-Id: b', 'Content-Length: 2'], '{}')),
  refused('head: two encodings (D3)', () =>
    send(['Content-Encoding: identity', 'Content-Encoding: gzip', 'Content-Length: 2'], '{}'),
  ),
  refused('head: no Host (facts)', () => 'GET /healthz HTTP/1.1\r\n\r\n'),
  unparsed('head: a name that is none', () => send(['X(A): a', 'Content-Length: 2'], '{}')),
  unparsed('head: a zero in a value', () => send(['X-A: a\0b', 'Content-Length: 2'], '{}')),
  unparsed('head: a line without a colon', () => send(['X-A', 'Content-Length: 2'], '{}')),
  unparsed('head: 17 KiB', () => send([`X-A: ${'a'.repeat(17_000)}`, 'Content-Length: 2'], '{}'), '431'),
  unparsed('head: a target of 17 KiB', () => request('GET', `/${'a'.repeat(17_000)}`), '431'),
  refused('head: 2500 fields, all of them small (facts)', () =>
    send([...Array.from({ length: 2_500 }, () => 'a:'), 'Content-Length: 2'], '{}'),
  ),
  refused('head: 101 fields (facts)', () =>
    send([...Array.from({ length: 97 }, (_, i) => `a${i}: b`), 'Content-Length: 2'], '{}'),
  ),
  refused('head: an upgrade to HTTP/2 (facts)', () =>
    send(
      ['Connection: upgrade, http2-settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk', 'Content-Length: 2'],
      '{}',
    ),
  ),
  refused('head: an upgrade to a WebSocket (facts)', () =>
    request('GET', '/v1/stats?topic=t', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']),
  ),
  {
    name: 'head: an expectation that nobody has (facts)',
    sends: () => send(['Expect: 200-maybe', 'Content-Length: 2'], '{}'),
    gets: ['417'],
    logs: ['connection.refused expect'],
  },
  {
    name: 'head: asks for leave, and has none (facts)',
    sends: () => request('POST', '/v1/send', [JSON_TYPE, 'Expect: 100-continue', 'Content-Length: 100000']),
    gets: ['401 E_CAP_AUTH'],
    logs: ['auth.denied missing'],
  },
  refused('version: HTTP/1.0 (facts)', () => 'GET /healthz HTTP/1.0\r\nHost: t\r\n\r\n'),
  unparsed('version: HTTP/1.2', () => 'GET /healthz HTTP/1.2\r\nHost: t\r\n\r\n'),
  {
    name: 'version: HTTP/0.9, which has no more to say (D1)',
    sends: () => 'GET /healthz\r\n',
    gets: ['408'],
    logs: ['connection.refused timeout'],
  },
  unparsed('version: HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  unparsed('no HTTP at all: TLS', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  unparsed('no HTTP at all: a poem', () => 'tyger tyger, burning bright\r\n\r\n'),
];

const TARGETS: Attack[] = [
  refused('target: absolute (facts)', () => request('GET', 'http://t/healthz')),
  refused('target: another host in it (facts)', () => request('GET', 'http://169.254.169.254/latest/meta-data/')),
  refused('target: the server itself (facts)', () => request('OPTIONS', '*')),
  {
    name: 'target: a tunnel (facts)',
    sends: () => 'CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n',
    gets: [],
    logs: ['connection.refused connect'],
  },
  path('target: an encoded letter (facts)', '/v1/%73tats?topic=t'),
  path('target: an encoded slash (facts)', '/v1%2Fstats?topic=t'),
  path('target: two slashes', '//v1/stats?topic=t'),
  path('target: a way round', '/v1/send/../stats?topic=t'),
  path('target: a way out', '/../../etc/passwd'),
  path('target: a slash behind', '/v1/stats/?topic=t'),
  path('target: a zero', '/v1/stats%00?topic=t'),
  path('target: a parameter', '/v1/stats;v=2?topic=t'),
  path('target: in capitals', '/V1/STATS?topic=t'),
  path('target: the metrics, which are elsewhere (B5)', '/metrics'),
  path('target: an id that is none', '/v1/ack/..%2f..%2fstats'),
  path('target: a name that every object has', '/__proto__'),
  stays('method: TRACE (facts)', () => request('TRACE', '/v1/stats?topic=t', [bearer()]), '405 E_METHOD', 'method'),
  stays('method: PUT', () => request('PUT', '/v1/send', [bearer()]), '405 E_METHOD', 'method'),
  stays(
    'method: DELETE with a body',
    () => request('DELETE', '/v1/send', [bearer(), 'Content-Length: 2'], '{}'),
    '405 E_METHOD',
    'method',
  ),
  unparsed('method: one that nobody has', () => request('YANK', '/v1/send', [bearer()])),
  unparsed('method: in lower case', () => request('post', '/v1/send', [bearer()])),
  stays(
    'method: another one in a header',
    () => request('GET', '/v1/send', [bearer(), 'X-HTTP-Method-Override: POST']),
    '405 E_METHOD',
    'method',
  ),
  stays(
    'a body on a GET (BD2)',
    () => request('GET', `/v1/stats?topic=${'t'}`, [bearer(), 'Content-Length: 2'], '{}'),
    '400 E_SCHEMA',
    'schema',
  ),
  stays(
    'a body on an open route (BD2)',
    () => request('GET', '/healthz', ['Content-Length: 2'], '{}'),
    '400 E_SCHEMA',
    'schema',
  ),
  stays(
    'a query on a POST (T4)',
    () => request('POST', '/v1/send?topic=t', [bearer(), JSON_TYPE, 'Content-Length: 2'], '{}'),
    '400 E_SCHEMA',
    'schema',
  ),
  stays(
    'a name twice in the query (T4)',
    () => request('GET', '/v1/stats?topic=t&topic=u', [bearer()]),
    '400 E_SCHEMA',
    'schema',
  ),
  stays(
    'a name that every object has in the query (T4)',
    () => request('GET', '/v1/stats?topic=t&__proto__=u', [bearer()]),
    '400 E_SCHEMA',
    'schema',
  ),
];

const BODIES: Attack[] = [
  stays(
    'media type: none (BD2)',
    () => request('POST', '/v1/send', [bearer(), 'Content-Length: 2'], '{}'),
    '415 E_MEDIA_TYPE',
    'media_type',
  ),
  stays(
    'media type: a form (BD2)',
    () =>
      request(
        'POST',
        '/v1/send',
        [bearer(), 'Content-Type: application/x-www-form-urlencoded', 'Content-Length: 7'],
        'topic=t',
      ),
    '415 E_MEDIA_TYPE',
    'media_type',
  ),
  stays(
    'media type: other letters (BD2)',
    () =>
      request(
        'POST',
        '/v1/send',
        [bearer(), 'Content-Type: application/json; charset=utf-16', 'Content-Length: 2'],
        '{}',
      ),
    '415 E_MEDIA_TYPE',
    'media_type',
  ),
  stays(
    'media type: frames where there are none (BD2)',
    () =>
      request(
        'POST',
        '/v1/admin/revoke',
        [
          `Authorization: Bearer ${target.cap('topic = mailbox.admin', 'op = admin')}`,
          'Content-Type: application/oap1',
          'Content-Length: 2',
        ],
        '{}',
      ),
    '415 E_MEDIA_TYPE',
    'media_type',
  ),
  refused(
    'size: declared beyond the cap (D2)',
    () => send(['Content-Length: 1048577'], message()),
    '413 E_FRAME_TOO_LARGE',
    'too_large',
  ),
  refused(
    'size: a terabyte, declared (D2)',
    () => send(['Content-Length: 1099511627776'], message()),
    '413 E_FRAME_TOO_LARGE',
    'too_large',
  ),
  refused(
    'size: beyond the cap in chunks (D2)',
    () => send(['Transfer-Encoding: chunked'], chunk('x'.repeat(65_536)).repeat(17)),
    '413 E_FRAME_TOO_LARGE',
    'too_large',
  ),
  {
    name: 'slow: a head that never ends is cut with 408 (D1)',
    sends: () => 'POST /v1/send HTTP/1.1\r\nHost: t\r\nX-A: ',
    gets: ['408'],
    logs: ['connection.refused timeout'],
  },
  {
    name: 'slow: a body that never comes is cut with 408 (D1)',
    sends: () => send(['Content-Length: 100'], '{"topic":'),
    gets: ['408 E_TIMEOUT'],
    logs: ['request.refused timeout'],
  },
  {
    name: 'slow: chunks that never end are cut with 408 (D1)',
    sends: () => send(['Transfer-Encoding: chunked'], chunk('{"topic":')),
    gets: ['408 E_TIMEOUT'],
    logs: ['request.refused timeout'],
  },
  {
    name: 'pipelining: what is behind a request whose connection goes is not answered (BD2)',
    sends: () =>
      `${request('POST', '/v1/send', ['Content-Length: 0'])}${request('POST', '/v1/send', ['Transfer-Encoding: chunked'], `${chunk('{}')}0\r\n\r\n`)}${smuggled()}`,
    gets: ['401 E_CAP_AUTH', '401 E_CAP_AUTH'],
    logs: ['auth.denied missing', 'auth.denied missing'],
  },
  {
    name: 'a request in a body is a body (V1)',
    sends: () => post('/v1/send', victim.cap, smuggled()),
    gets: ['400 E_SCHEMA'],
    logs: ['request.refused schema'],
    stays: true,
  },
  {
    name: 'a header in a header is not echoed as one (R2)',
    sends: () => post('/v1/send', null, '', 'X-Corr-Id: x%0d%0aSet-Cookie: a=b'),
    gets: ['401 E_CAP_AUTH'],
    logs: ['auth.denied missing'],
    stays: true,
  },
];

describe('attacks on HTTP', () => {
  it.each([...SMUGGLING, ...HEADS, ...TARGETS, ...BODIES].map((attack) => [attack.name, attack] as const))(
    '%s',
    (_name, attack) => attacked(target, attack, victim),
  );
});
