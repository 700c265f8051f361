import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Attack, attacked, MARKER, post, request, type Victim, victimOf } from '../support/attack.ts';
import { until } from '../support/server.ts';
import { Target } from '../support/target.ts';
import { forged } from '../support/tokens.ts';

let target: Target;
let victim: Victim;
const MiB = 1024 * 1024;
const LARGE = 'large';
beforeAll(async () => {
  target = await Target.start({
    ...{ read_timeout: '1s', write_timeout: '1s', idle_timeout: '1s', enable_admin: '', auth_failure_burst: '20' },
    ...{ max_connections: '40', max_streams: '2', requests_per_socket: '70', max_body_memory: '2MiB' },
  });
  victim = await victimOf(target);
  await fill(LARGE);
});
afterAll(() => target.stop());

const bearer = (): string => `Authorization: Bearer ${victim.cap}`;
const JSON_TYPE = 'Content-Type: application/json';
const encoded = (coding: string, body: Buffer): Buffer => {
  const lines = [bearer(), JSON_TYPE, `Content-Encoding: ${coding}`, `Content-Length: ${body.length}`];
  return Buffer.concat([Buffer.from(request('POST', '/v1/send', lines)), body]);
};
const all = async (exchanges: readonly Promise<Buffer>[]): Promise<Buffer> =>
  Buffer.concat(await Promise.all(exchanges));
const times = (count: number, make: (i: number) => Promise<Buffer>): Promise<Buffer> =>
  all(Array.from({ length: count }, (_, i) => make(i)));

/** A connection that is used by hand; gives what was answered when it closes. */
function byHand(use: (socket: Socket) => void): Promise<Buffer> {
  const socket = target.connect();
  const chunks: Buffer[] = [];
  socket.on('connect', () => use(socket));
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  return new Promise((resolve) => socket.on('close', () => resolve(Buffer.concat(chunks))));
}
/** Writes `head`, and then a byte at a time for as long as it is let. */
const drip = (head: string): Promise<Buffer> =>
  byHand((socket) => {
    socket.write(head);
    const dripping = setInterval(() => socket.write('a'), 50);
    socket.on('close', () => clearInterval(dripping));
  });

const SLOW: Attack[] = [
  {
    name: 'heads that drip, thirty at once: cut with 408 by an absolute deadline (D1)',
    does: () => times(30, () => drip('POST /v1/send HTTP/1.1\r\nHost: t\r\nX-A: ')),
    gets: ['408'],
    logs: ['connection.refused timeout'],
    many: true,
  },
  {
    name: 'bodies that drip, thirty at once: cut with 408 by an absolute deadline (D1)',
    does: () => times(30, () => drip(request('POST', '/v1/send', [bearer(), JSON_TYPE, 'Content-Length: 1000']))),
    gets: ['408 E_TIMEOUT'],
    logs: ['request.refused timeout'],
    many: true,
  },
  {
    name: 'leave is given for a body that never comes: cut with 408 (D1)',
    sends: () => request('POST', '/v1/send', [bearer(), JSON_TYPE, 'Content-Length: 9', 'Expect: 100-continue']),
    gets: ['408 E_TIMEOUT'],
    logs: ['request.refused timeout'],
  },
  {
    name: 'connections that say nothing, two hundred of them: they push out each other, and nobody else (D4, D1)',
    does: () => times(200, () => byHand(() => {})),
    gets: ['408'],
    logs: ['connection.refused max_connections', 'connection.refused timeout'],
    many: true,
  },
  {
    name: 'a connection that has been answered and stays silent: closed when it has idled (D1)',
    sends: () => request('GET', '/healthz'),
    gets: ['200'],
    logs: [],
  },
  {
    name: 'a reader that does not read: cut, and what waits for it is bounded (D1, D5)',
    does: async () => {
      const admin = target.cap(`topic = ${LARGE}`, 'op = admin');
      const ask = request('GET', `/v1/dlq?topic=${LARGE}&include=payload`, [`Authorization: Bearer ${admin}`]);
      const from = target.process.out.length;
      const told = (): string =>
        target.process.out
          .slice(from)
          .split('\n')
          .find((line) => /slow_reader.*}$/.test(line)) ?? '';
      const gone = await byHand((socket) => {
        socket.pause();
        socket.write(ask.repeat(15));
        // It would never hear of it: it does not read.
        until(() => told() !== '', 10_000).finally(() => socket.destroy());
      });
      const scope = new RegExp(`^admin on ${LARGE} by `);
      expect(JSON.parse(told())).toMatchObject({ route: '/v1/dlq', cap_scope: expect.stringMatching(scope) });
      return gone.subarray(gone.length);
    },
    gets: [],
    logs: ['connection.refused slow_reader'],
    growsMax: 64 * MiB,
  },
];

/** Eight dead letters of 500 kB. */
async function fill(topic: string): Promise<void> {
  const cap = target.cap(`topic = ${topic}`, 'op = send,recv,nack');
  for (let i = 0; i < 8; i++) {
    const payload_b64 = Buffer.alloc(500_000, i).toString('base64');
    await target.ask('POST', '/v1/send', cap, { topic, idem_key: `k${i}`, payload_b64 });
    const { body } = await target.ask('POST', '/v1/recv', cap, { topic, max_messages: 1 });
    const [{ msg_id, receipt }] = JSON.parse(body.toString()).messages;
    await target.ask('POST', `/v1/nack/${msg_id}`, cap, { receipt, dead_letter: true });
  }
}

/** Made once: it takes longer to make a bomb than to refuse it. */
const ZEROS = Buffer.alloc(64 * MiB);
const BOMBS: Readonly<Record<string, Buffer>> = {
  gzip: gzipSync(ZEROS, { level: 1 }),
  deflate: deflateSync(ZEROS, { level: 1 }),
  br: brotliCompressSync(ZEROS, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
};
/** So small that nothing but the ratio is passed. */
const SMALL_BOMB = brotliCompressSync(Buffer.alloc(4 * MiB));
const bomb = (name: string, coding: string, body = BOMBS[coding] as Buffer): Attack => ({
  name: `${name} (D3)`,
  sends: () => encoded(coding, body),
  gets: ['413 E_FRAME_TOO_LARGE'],
  logs: ['request.refused too_large'],
});
const HEALTH = request('GET', '/healthz');
const CLOSING = request('GET', '/healthz', ['Connection: close']);
const BODIES: Attack[] = [
  bomb('a bomb of 64 MiB in gzip', 'gzip'),
  bomb('a bomb of 64 MiB in deflate', 'deflate'),
  bomb('a bomb of 64 MiB in br', 'br'),
  bomb('a bomb behind something honest', 'gzip', gzipSync(Buffer.concat([randomBytes(60_000), ZEROS]), { level: 1 })),
  bomb('more than 1 MiB, within the ratio', 'gzip', gzipSync(randomBytes(700_000).toString('hex'))),
  {
    name: 'twenty bombs at once (D3, D4)',
    does: () => times(20, () => target.exchange(encoded('br', SMALL_BOMB))),
    gets: ['413 E_FRAME_TOO_LARGE'],
    logs: ['request.refused too_large'],
    many: true,
    // A window of its own for each that is expanded at the moment; all of them together would be 80 MiB more.
    growsMax: 80 * MiB,
  },
  {
    name: 'a body of a hundred thousand chunks of a byte (D2)',
    sends: () =>
      request(
        'POST',
        '/v1/send',
        [bearer(), JSON_TYPE, 'Transfer-Encoding: chunked'],
        `${'1\r\nx\r\n'.repeat(100_000)}0\r\n\r\n`,
      ),
    gets: ['400 E_SCHEMA'],
    logs: ['request.refused schema'],
  },
  {
    name: 'large bodies that are never finished: bounded together, the small go on (D4)',
    does: () =>
      times(8, () =>
        byHand((socket) =>
          socket.write(
            request('POST', '/v1/send', [bearer(), JSON_TYPE, 'Content-Length: 1000000'], 'x'.repeat(900_000)),
          ),
        ),
      ),
    gets: ['408 E_TIMEOUT', '429 E_SATURATED'],
    logs: ['request.refused saturated_tenant', 'request.refused timeout'],
    many: true,
  },
];

/** On a topic with nothing on it. */
const silent = (path: string, body: object): string => {
  const topic = `${victim.topic}.none`;
  return post(path, target.cap(`topic = ${topic}`, 'op = recv'), { topic, ...body });
};
const FLOODS: Attack[] = [
  {
    name: 'pipelining without end: cut (D4)',
    sends: () => silent('/v1/recv', { wait_ms: 20_000 }).repeat(66),
    gets: [],
    logs: ['connection.refused pipelining'],
  },
  {
    name: 'more requests than a connection may make: closed, and told so (D4)',
    sends: () => HEALTH.repeat(90),
    gets: [...Array(70).fill('200'), '503'],
    logs: ['connection.refused requests_per_socket'],
  },
  {
    name: 'more streams than there may be (D4)',
    does: async () => {
      const open = (): Promise<Buffer> => target.exchange(silent('/v1/recv/stream', { wait_ms: 1_500 }) + CLOSING);
      const streams = [open(), open()];
      await until(async () => /^streams 2$/m.test(await target.metrics()));
      const third = await open();
      await Promise.all(streams);
      return third;
    },
    gets: ['429 E_SATURATED', '200'],
    logs: ['request.refused saturated_streams'],
  },
  {
    name: 'connections that are reset halfway, thirty of them (D4)',
    does: () =>
      times(30, () =>
        byHand((socket) =>
          socket.write(request('POST', '/v1/send', [bearer(), JSON_TYPE, 'Content-Length: 100'], MARKER), () =>
            socket.resetAndDestroy(),
          ),
        ),
      ),
    gets: [],
    logs: ['connection.refused parser'],
    many: true,
  },
  {
    name: 'connections that end halfway (D4)',
    does: () =>
      times(30, () =>
        byHand((socket) =>
          socket.end(request('POST', '/v1/send', [bearer(), JSON_TYPE, 'Content-Length: 100'], MARKER)),
        ),
      ),
    gets: ['400'],
    logs: ['connection.refused parser'],
    many: true,
  },
  {
    name: 'two thousand names of topics (I4, D4)',
    does: async () => {
      const cap = target.cap('topic prefix x.', 'op = stats');
      const ask = (i: number): string =>
        request('GET', `/v1/stats?topic=x.${randomBytes(8).toString('hex')}${i}`, [`Authorization: Bearer ${cap}`]);
      const some = (i: number): Promise<Buffer> =>
        target.exchange(Array.from({ length: 20 }, () => ask(i)).join('') + CLOSING);
      const found: Buffer[] = [];
      for (let i = 0; i < 100; i += 10) found.push(await times(10, some));
      return Buffer.concat(found);
    },
    gets: ['200'],
    logs: [],
    many: true,
  },
  {
    name: 'thirty-five forged capabilities: from the twenty-first on the answers are held back (AU5)',
    does: () => times(35, (n) => target.exchange(post('/v1/send', forged(victim.cap, n), {}, 'Connection: close'))),
    gets: ['401 E_CAP_AUTH', '429 E_SATURATED'],
    logs: ['auth.denied forged'],
    many: true,
  },
];

describe('attacks on resources', () => {
  it.each([...SLOW, ...BODIES, ...FLOODS].map((attack) => [attack.name, attack] as const))('%s', (_name, attack) =>
    attacked(target, attack, victim),
  );

  it('a page of dead letters is bounded in bytes, and the next goes on where it ended (D5)', async () => {
    const admin = target.cap(`topic = ${LARGE}`, 'op = admin');
    const pages: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = `topic=${LARGE}&include=payload${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const page = JSON.parse((await target.ask('GET', `/v1/dlq?${query}`, admin)).body.toString());
      pages.push(page.dead_letters.map((letter: { msg_id: string }) => letter.msg_id));
      cursor = page.next;
    }
    expect(pages.map((page) => page.length)).toEqual(Array(8).fill(1));
    expect(new Set(pages.flat()).size).toBe(8);
  });
});
