import type { Delivery, HistoryHeader, Op } from '../../src/trace/history/format.ts';

export const HEADER: HistoryHeader = {
  ...{ history: 'svc-mailbox', version: 1, producer: 'client', commit: null, true_clocks: true },
  constants: { TReplay: 10_000, MaxAttempts: 3, SettledCapacity: 100, RevokedWithin: 0 },
};

type Given = Partial<Op> & { readonly at: readonly [number, number | null] };
const op = (verb: Op['verb'], { at: [begin_ms, end_ms], ...rest }: Given): Op =>
  ({ client: 'c', by: 'n', verb, begin_ms, end_ms, ...rest }) as Op;
export const send = (key: string, at: Given['at'], more: Partial<Op> = {}): Op =>
  op('send', { at, topic: 't', idem_key: key, payload_hash: 'b3:a', result: 'accepted', msg_id: `m-${key}`, ...more });
export const handed = (key: string, epoch = 1, more: Partial<Delivery> = {}): Delivery => ({
  ...{ msg_id: `m-${key}`, idem_key: key, payload_hash: 'b3:a', receipt: `r-${key}-${epoch}` },
  ...{ epoch, attempt: epoch, deadline_in_ms: 1000, ...more },
});
export const recv = (got: readonly Delivery[], at: Given['at'], more: Partial<Op> = {}): Op =>
  op('recv', { at, topic: 't', result: 'ok', got, ...more });
export const settle = (
  verb: 'ack' | 'nack' | 'extend',
  key: string,
  epoch: number,
  at: Given['at'],
  more: Partial<Op> = {},
): Op => op(verb, { at, msg_id: `m-${key}`, receipt: `r-${key}-${epoch}`, result: 'ok', ...more });
const of = (verb: Op['verb'], at: Given['at'], more: Partial<Op> = {}): Op =>
  op(verb, { at, result: 'unknown', ...more });

const UNKNOWN = { result: 'unknown' };
/** A message in the hands of a client from 20 to 1030 at least. */
const LEASED = [send('a', [0, 10]), recv([handed('a')], [20, 30])];

/** Histories as clients may see them: each is unusual in one way. */
export const GOOD: Readonly<Record<string, readonly Op[]>> = {
  nothing: [],
  'a message all the way': [...LEASED, settle('ack', 'a', 1, [40, 50]), recv([], [60, 70])],
  'an ack said again': [...LEASED, settle('ack', 'a', 1, [40, 50]), settle('ack', 'a', 1, [60, 70])],
  'an ack whose answer was lost, said again after the deadline': [
    ...[...LEASED, settle('ack', 'a', 1, [40, null], UNKNOWN)],
    settle('ack', 'a', 1, [5000, 5010]),
  ],
  'an ack said again after t_replay': [
    ...[...LEASED, settle('ack', 'a', 1, [40, 50])],
    settle('ack', 'a', 1, [20_000, 20_010], { result: 'not_found' }),
  ],
  'handed out while the ack is on its way': [
    ...[...LEASED, settle('ack', 'a', 1, [900, 1200])],
    recv([handed('a', 2)], [1050, 1060]),
  ],
  'a lease that ran out': [
    ...LEASED,
    recv([handed('a', 2)], [1100, 1110]),
    settle('ack', 'a', 1, [1200, 1210], { result: 'lease_lost' }),
  ],
  'a nack, and the next lease at once': [...LEASED, settle('nack', 'a', 1, [40, 50]), recv([handed('a', 2)], [60, 70])],
  'an extension, and an ack in its time': [
    ...[...LEASED, settle('extend', 'a', 1, [900, 910], { deadline_in_ms: 1000 })],
    settle('ack', 'a', 1, [1800, 1810]),
  ],
  'a duplicate': [send('a', [0, 10]), send('a', [20, 30], { result: 'duplicate' })],
  'a key again after t_replay': [send('a', [0, 10]), send('a', [10_020, 10_030], { msg_id: 'm-b' })],
  'a send without an answer, handed out': [
    send('a', [0, null], { ...UNKNOWN, msg_id: undefined as never }),
    recv([handed('a')], [20, 30]),
  ],
  'a mismatch': [
    send('a', [0, 10]),
    send('a', [20, 30], { payload_hash: 'b3:b', result: 'mismatch', msg_id: undefined as never }),
  ],
  'nothing for a topic while another asks': [send('a', [0, 10]), recv([], [20, 40]), recv([handed('a')], [30, 35])],
  'nothing while a recv has no answer': [
    send('a', [0, 10]),
    of('recv', [15, null], { topic: 't' }),
    recv([], [20, 40]),
  ],
  'a later one first, while a recv has no answer': [
    ...[send('a', [0, 10]), send('b', [20, 30]), of('recv', [35, null], { topic: 't' })],
    recv([handed('b')], [40, 50]),
  ],
  'sends at the same time in either order': [
    send('a', [0, 30]),
    send('b', [20, 40]),
    recv([handed('b')], [50, 60]),
    recv([handed('a')], [70, 80]),
  ],
  'a delayed one waits': [send('a', [0, 10], { timed: true }), recv([], [20, 30])],
  'two leases with a restart between': [...LEASED, of('restart', [100, 200]), recv([handed('a', 2)], [300, 310])],
  'refused after a revocation': [
    ...[send('a', [0, 10]), of('revoke', [20, 30], { result: 'ok', nonce: 'n', by: 'admin' })],
    recv([], [40, 50], { result: 'refused', got: undefined as never }),
  ],
  'drained: one was handed out, one is dead': [
    ...[...LEASED, send('b', [0, 10])],
    of('drained', [100, 200], { topic: 't', dead: ['m-b'], result: 'ok' }),
  ],
};

/** Histories that no client may see, each by the rules that it breaks. */
export const BROKEN: Readonly<Record<string, { readonly ops: readonly Op[]; readonly breaks: readonly string[] }>> = {
  'handed out, and never sent': { ops: [recv([handed('a')], [20, 30])], breaks: ['SentProp'] },
  'handed out with another payload': {
    ops: [send('a', [0, 10]), recv([handed('a', 1, { payload_hash: 'b3:z' })], [20, 30])],
    breaks: ['SentProp'],
  },
  'one msg_id for two keys': {
    ops: [...LEASED, send('b', [0, 10], { msg_id: 'm-a' }), recv([handed('b', 2, { msg_id: 'm-a' })], [2000, 2010])],
    breaks: ['SentProp'],
  },
  'a key accepted twice': {
    ops: [send('a', [0, 10]), send('a', [20, 30], { msg_id: 'm-b' })],
    breaks: ['IdempotentInv'],
  },
  'a duplicate of another message': {
    ops: [send('a', [0, 10]), send('a', [20, 30], { result: 'duplicate', msg_id: 'm-z' })],
    breaks: ['DuplicateProp'],
  },
  'a mismatch with nothing': {
    ops: [send('a', [0, 10], { result: 'mismatch', msg_id: undefined as never })],
    breaks: ['DuplicateProp'],
  },
  'handed out after its ack': {
    ops: [...LEASED, settle('ack', 'a', 1, [40, 50]), recv([handed('a', 2)], [60, 70])],
    breaks: ['AckFinalProp'],
  },
  'an epoch twice': {
    ops: [...LEASED, recv([handed('a', 1, { receipt: 'r' })], [2000, 2010])],
    breaks: ['EpochMonotoneProp'],
  },
  'a receipt twice': {
    ops: [...LEASED, recv([handed('a', 2, { receipt: 'r-a-1' })], [2000, 2010])],
    breaks: ['EpochMonotoneProp'],
  },
  'an epoch that falls': {
    ops: [send('a', [0, 10]), recv([handed('a', 2)], [20, 30]), recv([handed('a', 1)], [2000, 2010])],
    breaks: ['EpochMonotoneProp'],
  },
  'two leases at once': { ops: [...LEASED, recv([handed('a', 2)], [100, 110])], breaks: ['SingleLeaseProp'] },
  'more attempts than there may be': {
    ops: [send('a', [0, 10]), recv([handed('a', 4)], [20, 30])],
    breaks: ['AttemptsBoundedInv'],
  },
  'an attempt that no epoch counts': {
    ops: [send('a', [0, 10]), recv([handed('a', 1, { attempt: 2 })], [20, 30])],
    breaks: ['AttemptsBoundedInv'],
  },
  'an ack after the deadline': { ops: [...LEASED, settle('ack', 'a', 1, [1100, 1110])], breaks: ['LateProp'] },
  'an extension after the deadline': {
    ops: [...LEASED, settle('extend', 'a', 1, [1100, 1110], { deadline_in_ms: 0 })],
    breaks: ['LateProp'],
  },
  'an ack with a receipt that nobody has': {
    ops: [send('a', [0, 10]), settle('ack', 'a', 1, [40, 50])],
    breaks: ['LateProp'],
  },
  'a nack after an ack': {
    ops: [...LEASED, settle('ack', 'a', 1, [40, 50]), settle('nack', 'a', 1, [60, 70])],
    breaks: ['RepeatProp'],
  },
  'an ack that is not known any more': {
    ops: [...LEASED, settle('ack', 'a', 1, [40, 50]), settle('ack', 'a', 1, [60, 70], { result: 'lease_lost' })],
    breaks: ['RepeatProp'],
  },
  'two acks answered at once, and one of them not known any more': {
    ops: [
      ...[...LEASED, settle('ack', 'a', 1, [40, 50]), settle('ack', 'a', 1, [40, 50], { by: 'other' })],
      settle('ack', 'a', 1, [60, 70], { by: 'other', result: 'lease_lost' }),
    ],
    breaks: ['RepeatProp'],
  },
  'a later one first': {
    ops: [send('a', [0, 10]), send('b', [20, 30]), recv([handed('b')], [40, 50])],
    breaks: ['OrderProp'],
  },
  'nothing, and something waits': { ops: [send('a', [0, 10]), recv([], [20, 30])], breaks: ['GivenProp'] },
  'done under what was revoked': {
    ops: [of('revoke', [20, 30], { result: 'ok', nonce: 'n', by: 'admin' }), send('a', [40, 50])],
    breaks: ['RevokedProp'],
  },
  lost: {
    ops: [send('a', [0, 10]), of('drained', [100, 200], { topic: 't', dead: [], result: 'ok' })],
    breaks: ['NoLossInv'],
  },
};

export const textOf = (ops: readonly Op[], header: HistoryHeader = HEADER): string =>
  [header, ...ops].map((line) => `${JSON.stringify(line)}\n`).join('');
