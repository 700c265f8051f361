import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { SendSaid } from '../../src/wire/binary.ts';
import { APP_PROTO, encodeFrame, FLAG, type Frame, type NewFrame } from '../../src/wire/frame.ts';
import { type Attack, attacked, MARKER, request, type Victim, victimOf } from '../support/attack.ts';
import { ackUnit, binaryBody, recvUnit, sendUnit } from '../support/binary.ts';
import { unitsBody } from '../support/frames.ts';
import { Target } from '../support/target.ts';

let target: Target;
let victim: Victim;
beforeAll(async () => {
  target = await Target.start();
  victim = await victimOf(target);
});
afterAll(() => target.stop());

const WHOLE = FLAG.REQ | FLAG.START | FLAG.END;
const json = (key = 'attack'): string => JSON.stringify({ topic: victim.topic, idem_key: key });
const frame = (flags: number, payload: Uint8Array | string, changed: Partial<Frame> = {}): Buffer => {
  const base = { flags, code: 0, app: APP_PROTO.send, capability: '', corrHi: 7, corrLo: 1 };
  return encodeFrame({ ...base, payload: Buffer.from(payload as string), ...changed });
};
/** A whole unit, and then its header changed at `offset`. */
const bent = (offset: number, bytes: readonly number[]): Buffer => {
  const good = frame(WHOLE, json());
  good.set(bytes, offset);
  return good;
};
/** START and END with a payload between. */
const unit = (payload: Uint8Array, flags = 0): Buffer =>
  Buffer.concat([frame(FLAG.REQ | FLAG.START, json()), frame(FLAG.REQ | FLAG.END | flags, payload)]);
const posted = (body: Buffer, path = '/v1/send', ...more: string[]): Buffer => {
  const lines = [
    `Authorization: Bearer ${victim.cap}`,
    'Content-Type: application/oap1',
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(request('POST', path, [...lines, ...more])), body]);
};

/** The unit is refused, and is all there is. */
const refused = (name: string, body: () => Buffer, gets = '400 E_SCHEMA', reason = 'schema'): Attack => ({
  name: `${name} (T5, V1)`,
  sends: () => posted(body()),
  gets: [gets],
  logs: [`request.refused ${reason}`],
  stays: true,
});
const tooLong = (name: string, body: () => Buffer): Attack => refused(name, body, '413 E_FRAME_TOO_LARGE', 'too_large');

const HEADERS: Attack[] = [
  refused('nothing', () => Buffer.alloc(0)),
  refused('half a header', () => frame(WHOLE, json()).subarray(0, 20)),
  refused('a length of nothing', () => bent(0, [0, 0, 0, 0])),
  refused('a length less than a header', () => bent(0, [0, 0, 0, 37])),
  refused('a length beyond what is there', () => bent(0, [0, 0, 200, 0])),
  tooLong('a length just beyond 1 MiB', () => bent(0, [0, 0x10, 0, 1])),
  tooLong('a length of 4 GiB', () => bent(0, [255, 255, 255, 255])),
  refused('version 0', () => bent(4, [0, 0])),
  refused('version 3', () => bent(4, [0, 3])),
  refused('a flag that nobody knows', () => bent(6, [1, WHOLE])),
  refused('an answer', () => frame(FLAG.RESP | FLAG.START | FLAG.END, json())),
  refused('a request and an answer', () => frame(WHOLE | FLAG.RESP, json())),
  refused('an event', () => frame(FLAG.EVENT | FLAG.START | FLAG.END, json())),
  refused('a code in a request', () => frame(WHOLE, json(), { code: 200 })),
  refused('another tenant', () => bent(27, [1])),
  refused('a capability longer than the frame', () => bent(28, [255, 255])),
  refused('another capability than the head', () =>
    frame(WHOLE, json(), { capability: target.cap('topic = other', 'op = send') }),
  ),
  refused('a capability that is not at the start', () =>
    Buffer.concat([
      frame(FLAG.REQ | FLAG.START, json()),
      frame(FLAG.REQ | FLAG.END, MARKER, { capability: victim.cap }),
    ]),
  ),
  refused('what is for another route', () => frame(WHOLE, json(), { app: APP_PROTO.ack })),
  refused('what is for nobody', () => frame(WHOLE, json(), { app: 99 })),
  refused('random bytes', () => Buffer.concat([Buffer.from([0, 0, 4, 0, 0, 1]), randomBytes(1_018)])),
];

const UNITS: Attack[] = [
  refused('no START', () => frame(FLAG.REQ | FLAG.END, json())),
  refused('no END', () => frame(FLAG.REQ | FLAG.START, json())),
  refused('START twice', () => Buffer.concat([frame(FLAG.REQ | FLAG.START, json()), frame(WHOLE, json())])),
  refused('units that interleave', () =>
    Buffer.concat([frame(FLAG.REQ | FLAG.START, json()), frame(FLAG.REQ | FLAG.END, MARKER, { corrLo: 2 })]),
  ),
  refused('another purpose halfway', () =>
    Buffer.concat([frame(FLAG.REQ | FLAG.START, json()), frame(FLAG.REQ | FLAG.END, MARKER, { app: 3 })]),
  ),
  refused('frames of nothing, one after the other', () =>
    Buffer.concat([frame(FLAG.REQ | FLAG.START, json()), ...Array(20_000).fill(frame(FLAG.REQ, ''))]),
  ),
  tooLong('a chunk beyond 64 KiB', () => unit(Buffer.alloc(65_537, 7))),
  refused('JSON that is none', () => frame(WHOLE, '{"topic":')),
  refused('JSON with the payload in it', () =>
    frame(WHOLE, JSON.stringify({ topic: victim.topic, idem_key: 'a', payload_b64: '' })),
  ),
  refused('JSON of half a million levels', () => frame(WHOLE, '['.repeat(500_000))),
  {
    ...refused('a payload where there is none', () => Buffer.alloc(0)),
    sends: () =>
      posted(
        Buffer.concat([
          frame(FLAG.REQ | FLAG.START, JSON.stringify({ topic: victim.topic }), { app: APP_PROTO.recv }),
          frame(FLAG.REQ | FLAG.END, MARKER, { app: APP_PROTO.recv }),
        ]),
        '/v1/recv',
      ),
  },
  {
    ...refused('another message than the path', () => Buffer.alloc(0)),
    sends: () =>
      posted(
        frame(WHOLE, JSON.stringify({ msg_id: victim.deadMsgId, receipt: victim.receipt }), { app: APP_PROTO.ack }),
        `/v1/ack/${victim.msgId}`,
      ),
  },
];

const COMPRESSED: Attack[] = [
  tooLong('a bomb (D3)', () => unit(gzipSync(Buffer.alloc(60_000)), FLAG.COMP)),
  tooLong('a bomb of 100 MiB (D3)', () => unit(gzipSync(Buffer.alloc(100 * 1024 * 1024)), FLAG.COMP)),
  tooLong('a bomb in the JSON (D3)', () => frame(WHOLE | FLAG.COMP, gzipSync(Buffer.alloc(1_000_000, 32)))),
  refused('COMP that is not compressed (D3)', () => unit(Buffer.from(MARKER), FLAG.COMP)),
  refused('COMP of nothing (D3)', () => unit(Buffer.alloc(0), FLAG.COMP)),
  refused('COMP of two members (D3)', () => unit(Buffer.concat([gzipSync(MARKER), gzipSync(MARKER)]), FLAG.COMP)),
  refused('COMP with something behind (D3)', () =>
    unit(Buffer.concat([gzipSync(MARKER), Buffer.from('x')]), FLAG.COMP),
  ),
  {
    ...refused('COMP within an encoded body (D3)', () => Buffer.alloc(0)),
    sends: () => posted(gzipSync(unit(gzipSync(MARKER), FLAG.COMP)), '/v1/send', 'Content-Encoding: gzip'),
  },
];

/** The same in version 2, whose units are binary. */
const said = (key = 'attack'): SendSaid => ({ topic: victim.topic, idem_key: key });
const bound = (payload: Buffer, changed: Omit<Partial<NewFrame>, 'payload'> = {}): Buffer =>
  binaryBody([{ payload, ...changed }]);
/** A send of version 2, and then its own bytes changed. */
const told = (offset: number, bytes: readonly number[], payload = Buffer.from(MARKER)): Buffer => {
  const good = sendUnit({ body: said(), payload });
  good.set(bytes, offset);
  return bound(good);
};
/** Header, then the unit. */
const reframed = (offset: number, bytes: readonly number[]): Buffer => {
  const good = bound(sendUnit({ body: said(), payload: Buffer.from(MARKER) }));
  good.set(bytes, offset);
  return good;
};
const ack = { msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' };
const onRecv = (name: string, unit: () => Uint8Array): Attack => ({
  ...refused(name, () => Buffer.alloc(0)),
  sends: () => posted(binaryBody([{ payload: Buffer.from(unit()) }], APP_PROTO.recv), '/v1/recv'),
});
const BINARY: Attack[] = [
  refused('ver 2: nothing in a send', () => bound(Buffer.alloc(0))),
  refused('ver 2: a len less than a header', () => reframed(0, [0, 0, 0, 37])),
  // What is left of the unit is none either.
  refused('ver 2: a len that leaves half of the unit', () => reframed(0, [0, 0, 0, 50]), '200 E_SCHEMA'),
  refused('ver 2: a len beyond what is there', () => reframed(0, [0, 0, 200, 0])),
  tooLong('ver 2: a len of 4 GiB', () => reframed(0, [255, 255, 255, 255])),
  refused('ver 2: a capability longer than the frame', () => reframed(28, [255, 255])),
  refused('ver 2: another capability than the head', () =>
    bound(sendUnit({ body: said() }), { capability: target.cap('topic = other', 'op = send') }),
  ),
  refused('ver 2: units of two versions', () =>
    Buffer.concat([frame(FLAG.REQ | FLAG.END, json()), bound(Buffer.alloc(0))]),
  ),
  refused('ver 2: a unit without END', () => bound(sendUnit({ body: said() }), { flags: FLAG.REQ | FLAG.START })),
  refused('ver 2: a bomb (D3)', () => bound(gzipSync(Buffer.alloc(100 * 1024 * 1024)), { flags: WHOLE | FLAG.COMP })),
  refused('ver 2: a topic longer than the unit', () => told(0, [255], Buffer.alloc(0))),
  refused('ver 2: a topic that takes the key and the payload with it', () => told(0, [40, 1])),
  refused('ver 2: no key', () => told(1, [0])),
  refused('ver 2: a key of the payload', () => told(1, [255], Buffer.alloc(300, 0))),
  refused('ver 2: a bit that nobody knows', () => told(2, [128, 0])),
  refused('ver 2: attributes of 4 GiB', () => told(8, [255, 255, 255, 255])),
  refused('ver 2: attributes that are the payload', () => told(8, [0, 0, 0, 4])),
  refused('ver 2: attributes that are no object', () =>
    bound(sendUnit({ body: said(), attrs: Buffer.from('['.repeat(500_000)) })),
  ),
  refused('ver 2: an attribute twice', () =>
    bound(sendUnit({ body: said(), attrs: Buffer.from('{"a":"1","a":"2"}') })),
  ),
  refused('ver 2: __proto__', () => bound(sendUnit({ body: said(), attrs: Buffer.from('{"__proto__":"x"}') }))),
  refused('ver 2: a delay of 49 days', () => told(4, [255, 255, 255, 255])),
  refused('ver 2: a life of 9,000 years', () => told(12, [255, 255, 255, 255, 255, 255])),
  refused('ver 2: a topic in UTF-8', () => bound(sendUnit({ body: { ...said(), topic: 'a\u00e9' } }))),
  onRecv('ver 2: more acks than there are', () => recvUnit({ topic: victim.topic }).fill(1, 17, 18)),
  onRecv('ver 2: 65,535 acks', () => recvUnit({ topic: victim.topic }).fill(255, 16, 18)),
  onRecv('ver 2: 257 acks', () => recvUnit({ topic: victim.topic, acks: Array(257).fill(ack) })),
  onRecv('ver 2: a payload where there is none', () =>
    Buffer.concat([recvUnit({ topic: victim.topic }), Buffer.from(MARKER)]),
  ),
  {
    ...refused('ver 2: another message than the path', () => Buffer.alloc(0)),
    sends: () =>
      posted(
        binaryBody([{ payload: ackUnit({ msg_id: victim.deadMsgId, receipt: victim.receipt }) }], APP_PROTO.ack),
        `/v1/ack/${victim.msgId}`,
      ),
  },
  {
    name: 'ver 2: 256 units of nobody: one line, and each is told so (AU1, O3)',
    sends: () => {
      const body = binaryBody(Array.from({ length: 256 }, () => ({ payload: sendUnit({ body: said('a') }) })));
      const lines = ['Content-Type: application/oap1', `Content-Length: ${body.length}`];
      return Buffer.concat([Buffer.from(request('POST', '/v1/send', lines)), body]);
    },
    gets: ['401 E_CAP_AUTH'],
    logs: ['auth.denied missing'],
  },
];

const MANY: Attack[] = [
  {
    name: '256 units of nobody: one line, and each is told so (AU1, O3)',
    sends: () => {
      const body = unitsBody(Array.from({ length: 256 }, () => ({ json: { topic: victim.topic, idem_key: 'a' } })));
      const lines = ['Content-Type: application/oap1', `Content-Length: ${body.length}`];
      return Buffer.concat([Buffer.from(request('POST', '/v1/send', lines)), body]);
    },
    gets: ['401 E_CAP_AUTH'],
    logs: ['auth.denied missing'],
  },
  {
    name: 'compressed frames without end: the first 1024 are read, no more (D3)',
    sends: () =>
      posted(
        Buffer.concat([
          frame(FLAG.REQ | FLAG.START, json()),
          ...Array(1_100).fill(frame(FLAG.REQ | FLAG.COMP, gzipSync('x'))),
        ]),
      ),
    gets: ['400 E_SCHEMA'],
    logs: ['request.refused schema'],
    stays: true,
  },
];

describe('attacks in frames', () => {
  it.each([...HEADERS, ...UNITS, ...COMPRESSED, ...BINARY, ...MANY].map((attack) => [attack.name, attack] as const))(
    '%s',
    (_name, attack) => attacked(target, attack, victim),
  );
});
