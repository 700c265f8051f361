/** What the load of `bench/frames.ts` writes and reads, with as little work as it can: keys are written over in bodies that are there. */
import { APP, framesOf } from '../src/client/frames.ts';
import { APP_PROTO, FLAG, HEADER_BYTES, putHead } from '../src/wire/frame.ts';
import { readUnits, UnitWriter } from '../src/wire/units.ts';

export type BatchFormat = 'json' | 'frames-1' | 'frames-2';
export type Acking = 'riding' | 'batch';
export interface Leased {
  readonly msgId: string;
  readonly receipt: string;
}

export interface Speaks {
  readonly type: string;
  readonly paths: { readonly send: string; readonly recv: string; readonly ack: string };
  /** The body of the batch of this number. */
  sends(topic: string, batch: number, payload: Buffer): (number: number) => Buffer;
  recv(topic: string, messagesMax: number, acks: readonly Leased[]): Buffer;
  acks(leased: readonly Leased[]): Buffer;
  leased(answer: Buffer): Leased[];
}

const VISIBILITY_MS = 600_000;
const MARK = 'K0000000';

/** A body in which the digits behind each mark become the number of the batch. */
function numbered(body: Buffer): (number: number) => Buffer {
  const places: number[] = [];
  for (let at = body.indexOf(MARK); at >= 0; at = body.indexOf(MARK, at + 1)) places.push(at + 1);
  return (number) => {
    const digits = String(number).padStart(MARK.length - 1, '0');
    for (const at of places) body.write(digits, at, 'latin1');
    return body;
  };
}

const keyOf = (i: number): string => `${MARK}-${i}`;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const jsonAcks = (leased: readonly Leased[]): string =>
  leased.map(({ msgId, receipt }) => `{"msg_id":"${msgId}","receipt":"${receipt}"}`).join(',');

function valuesOf(text: string, name: string): string[] {
  const values: string[] = [];
  const mark = `"${name}":"`;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at)) {
    at += mark.length;
    values.push(text.slice(at, text.indexOf('"', at)));
  }
  return values;
}

const json: Speaks = {
  type: 'application/json',
  paths: { send: '/v1/send/batch', recv: '/v1/recv', ack: '/v1/ack/batch' },
  sends: (topic, batch, payload) => {
    const b64 = payload.toString('base64');
    const messages = range(batch).map((i) => `{"topic":"${topic}","idem_key":"${keyOf(i)}","payload_b64":"${b64}"}`);
    return numbered(Buffer.from(`{"messages":[${messages.join(',')}]}`));
  },
  recv: (topic, max, acks) =>
    Buffer.from(
      `{"topic":"${topic}","max_messages":${max},"visibility_ms":${VISIBILITY_MS}${acks.length > 0 ? `,"acks":[${jsonAcks(acks)}]` : ''}}`,
    ),
  acks: (leased) => Buffer.from(`{"acks":[${jsonAcks(leased)}]}`),
  leased: (answer) => {
    const text = answer.toString('latin1');
    const receipts = valuesOf(text, 'receipt');
    const msgIds = valuesOf(text, 'msg_id');
    return receipts.map((receipt, i) => ({ msgId: msgIds[i] as string, receipt }));
  },
};

/** One message a request, as most who begin with it do. */
export const SINGLE: Speaks = {
  ...json,
  paths: { ...json.paths, send: '/v1/send' },
  sends: (topic, _, payload) =>
    numbered(
      Buffer.from(`{"topic":"${topic}","idem_key":"${keyOf(0)}","payload_b64":"${payload.toString('base64')}"}`),
    ),
};

const unit = (app: number, corrLo: number) => ({ app, code: 0, capability: '', corrHi: 0, corrLo });
const NOTHING = Buffer.alloc(0);
const frames1: Speaks = {
  type: 'application/oap1',
  paths: { send: '/v1/send', recv: '/v1/recv', ack: '/v1/ack/batch' },
  sends: (topic, batch, payload) => {
    const out = new UnitWriter(FLAG.REQ, 65_536);
    for (const i of range(batch))
      out.add(unit(APP_PROTO.send, i + 1), `{"topic":"${topic}","idem_key":"${keyOf(i)}"}`, payload);
    return numbered(out.bytes());
  },
  recv: (topic, max, acks) => {
    const out = new UnitWriter(FLAG.REQ, 4096);
    out.add(unit(APP_PROTO.recv, 1), json.recv(topic, max, acks).toString('latin1'), NOTHING);
    return out.bytes();
  },
  acks: (leased) => {
    const out = new UnitWriter(FLAG.REQ, 4096);
    for (const [i, one] of leased.entries()) out.add(unit(APP_PROTO.ack, i + 1), jsonAcks([one]), NOTHING);
    return out.bytes();
  },
  leased: (answer) => {
    const { units } = readUnits(answer, { kind: FLAG.RESP, unitsMax: 1024, expand: null });
    return units.flatMap(({ head }) => {
      const text = head.toString('latin1');
      const [receipt] = valuesOf(text, 'receipt');
      return receipt === undefined ? [] : [{ msgId: valuesOf(text, 'msg_id')[0] as string, receipt }];
    });
  },
};

const ID_BYTES = 26;
const RECV_HEAD_BYTES = 18;
/** Where an envelope has what the next ack needs: behind its header, and behind its numbers. */
const TOPIC_LEN = HEADER_BYTES + 20;
const MSG_ID = HEADER_BYTES + 25;
const TOPIC = MSG_ID + ID_BYTES + 36 + 64;
const WHOLE = FLAG.REQ | FLAG.START | FLAG.END;

/** One frame of version 2 with so many bytes behind its header; what `write` writes from there on. */
function frame(app: number, corrLo: number, bytes: number, write: (out: Buffer, at: number) => void): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  write(out, putHead(out, 0, { ...unit(app, corrLo), version: 2, flags: WHOLE }, bytes));
  return out;
}

const frames2: Speaks = {
  ...frames1,
  sends: (topic, batch, payload) => {
    const units = range(batch).map((i) => ({ json: { topic, idem_key: keyOf(i) }, payload }));
    return numbered(Buffer.from(framesOf(APP.send, units, 2)));
  },
  recv: (topic, messagesMax, acks) => {
    const bytes = acks.reduce(
      (sum, { receipt }) => sum + ID_BYTES + 1 + receipt.length,
      RECV_HEAD_BYTES + topic.length,
    );
    return frame(APP_PROTO.recv, 1, bytes, (out, start) => {
      out.fill(0, start, start + RECV_HEAD_BYTES);
      out[start] = topic.length;
      out.writeUInt16BE(messagesMax, start + 2);
      out.writeUInt32BE(VISIBILITY_MS, start + 8);
      out.writeUInt16BE(acks.length, start + 16);
      let at = start + RECV_HEAD_BYTES;
      at += out.write(topic, at, 'latin1');
      for (const { msgId, receipt } of acks) {
        at += out.write(msgId, at, 'latin1');
        out[at++] = receipt.length;
        at += out.write(receipt, at, 'latin1');
      }
    });
  },
  acks: (leased) =>
    Buffer.concat(
      leased.map(({ msgId, receipt }, i) =>
        frame(APP_PROTO.ack, i + 1, ID_BYTES + receipt.length, (out, at) => out.write(msgId + receipt, at, 'latin1')),
      ),
    ),
  leased: (answer) => {
    const leased: Leased[] = [];
    for (let at = 0; at < answer.length; at += answer.readUInt32BE(at)) {
      if (answer.readUInt16BE(at + 10) !== APP_PROTO.recv) continue;
      const receiptAt = at + TOPIC + (answer[at + TOPIC_LEN] as number) + (answer[at + TOPIC_LEN + 1] as number);
      leased.push({
        msgId: answer.toString('latin1', at + MSG_ID, at + MSG_ID + ID_BYTES),
        receipt: answer.toString('latin1', receiptAt, receiptAt + (answer[at + TOPIC_LEN + 2] as number)),
      });
    }
    return leased;
  },
};

export const FORMATS: Readonly<Record<BatchFormat, Speaks>> = { json, 'frames-1': frames1, 'frames-2': frames2 };
