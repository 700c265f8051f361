import type { AckSaid, NackSaid, RecvSaid, Said, SendSaid } from '../../src/wire/binary.ts';
import { APP_PROTO, encodeFrame, FLAG, type NewFrame } from '../../src/wire/frame.ts';
import { readUnits, type Unit } from '../../src/wire/units.ts';
import type { TestServer } from './server.ts';

/** Units of version 2 as the protocol page has them, written down once more: for tests, which must not believe the client. */
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const NOTHING = Buffer.alloc(0);

export function sendUnit({
  body,
  attrs = NOTHING,
  payload = NOTHING,
}: Partial<Said<SendSaid>> & { body: SendSaid }): Buffer {
  const head = Buffer.alloc(18);
  head.writeUInt8(body.topic.length, 0);
  head.writeUInt8(body.idem_key.length, 1);
  head.writeUInt16BE(body.payload_hash === undefined ? 0 : 1, 2);
  head.writeUInt32BE(body.delay_ms ?? 0, 4);
  head.writeUInt32BE(attrs.length, 8);
  head.writeUIntBE(body.ttl_ms ?? 0, 12, 6);
  const hash = Buffer.from(body.payload_hash?.slice(3) ?? '', 'hex');
  return Buffer.concat([head, latin1(body.topic), latin1(body.idem_key), hash, attrs, payload]);
}

export function recvUnit({ topic, max_messages, max_bytes, visibility_ms, wait_ms, acks = [] }: RecvSaid): Buffer {
  const head = Buffer.alloc(18);
  head.writeUInt8(topic.length, 0);
  head.writeUInt16BE(max_messages ?? 0, 2);
  head.writeUInt32BE(max_bytes ?? 0, 4);
  head.writeUInt32BE(visibility_ms ?? 0, 8);
  head.writeUInt32BE(wait_ms ?? 0, 12);
  head.writeUInt16BE(acks.length, 16);
  const items = acks.map(({ msg_id, receipt }) =>
    Buffer.concat([latin1(msg_id), Buffer.from([receipt.length]), latin1(receipt)]),
  );
  return Buffer.concat([head, latin1(topic), ...items]);
}

export const ackUnit = ({ msg_id, receipt }: AckSaid): Buffer => latin1(msg_id + receipt);

export function nackUnit({ msg_id, receipt, reason, retry_after_ms, dead_letter }: NackSaid): Buffer {
  const head = Buffer.alloc(32);
  head.write(msg_id, 0, 'latin1');
  head.writeUInt8(receipt.length, 26);
  const bits = [reason !== undefined, retry_after_ms !== undefined, dead_letter === true];
  head.writeUInt8(
    bits.reduce((all, isThere, i) => all + (isThere ? 2 ** i : 0), 0),
    27,
  );
  head.writeUInt32BE(retry_after_ms ?? 0, 28);
  return Buffer.concat([head, latin1(receipt), Buffer.from(reason ?? '')]);
}

export interface BinaryUnit extends Partial<NewFrame> {
  readonly payload: Buffer;
}

/** The body of these request units, numbered from 1. */
export const binaryBody = (units: readonly BinaryUnit[], app: number = APP_PROTO.send): Buffer =>
  Buffer.concat(
    units.map((unit, i) =>
      encodeFrame({
        ...{ version: 2, flags: FLAG.REQ | FLAG.START | FLAG.END, code: 0, app, capability: '' },
        ...{ corrHi: 7, corrLo: i + 1 },
        ...unit,
      }),
    ),
  );

export interface BinaryAnswer {
  readonly status: number;
  readonly units: readonly (Unit & { readonly error: Record<string, string> })[];
}

/** Posts a body of version 2; the answer must be of the same version, but where the request as a whole is refused. */
export async function postBinary(
  server: TestServer,
  path: string,
  body: Buffer,
  { cap, headers = {} }: { cap?: string | null; headers?: Record<string, string> } = {},
): Promise<BinaryAnswer> {
  const all = { 'content-type': 'application/oap1', ...headers };
  const { status, bytes } = await server.postBytes(path, body, all, cap === undefined ? server.capability : cap);
  const { version, units, broken } = readUnits(bytes, { kind: FLAG.RESP, unitsMax: 1024, expand: null });
  if (broken !== null) throw broken.error;
  if (version !== 2 && units[0]?.corrLo !== 0) throw new Error('an answer in another version');
  return {
    status,
    units: units.map((unit) => ({ ...unit, error: unit.code >= 400 ? JSON.parse(unit.head.toString()) : {} })),
  };
}
