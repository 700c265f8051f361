import { OUTCOMES, type Outcome } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import type { DeadLetter, Delivery, Reply } from '../../service/messages.ts';
import type { AckCame } from '../../wire/binary-writer.ts';
import { errorOf } from '../reply.ts';

/** Bodies of answers. Values that cannot need escaping (ids, hashes, numbers, base64) go in as they are. */

export const sentBody = (reply: Reply): string =>
  `{"msg_id":"${reply.msgId}","duplicate":${reply.outcome === 'duplicate'},"payload_hash":"${reply.payloadHash}","hash_chain":"${reply.hashChain}"}`;

/** Of an item of a batch. */
export const sentResult = ({ msgId, outcome }: Reply): string =>
  `{"msg_id":"${msgId}","duplicate":${outcome === 'duplicate'}}`;
export const settledResult = (msgId: string, { state }: Reply): string =>
  state === 'acked' ? `{"msg_id":"${msgId}","ok":true}` : `{"msg_id":"${msgId}","ok":true,"state":"${state}"}`;

export const okBody = (): string => '{"ok":true}';
export const nackedBody = (reply: Reply): string => `{"ok":true,"state":"${reply.state}"}`;
export const extendedBody = (reply: Reply): string => `{"ok":true,"deadline_in_ms":${reply.deadlineInMs}}`;

/** Envelopes, and the results of the acks that rode along, in their order. */
export function receivedBody(reply: Reply, msgIds: readonly string[], nowMs: number): string {
  let body = '{"messages":[';
  const deliveries = reply.deliveries ?? [];
  for (let i = 0; i < deliveries.length; i++) body += (i > 0 ? ',' : '') + envelope(deliveries[i] as Delivery, nowMs);
  return msgIds.length === 0 ? `${body}]}` : `${body}],${ackResultsBody(msgIds, reply.ackOutcomes ?? []).slice(1)}`;
}

export const ackResultsBody = (msgIds: readonly string[], outcomes: readonly Outcome[]): string =>
  `{"ack_results":[${outcomes.map((outcome, i) => ackResult(msgIds[i] as string, outcome)).join(',')}]}`;

/** The same for frames of version 2: statuses, and errors where there are any. */
export const ackResults = (msgIds: readonly string[], outcomes: readonly Outcome[]): AckCame[] =>
  outcomes.map((outcome, i) => {
    const error = refuses(outcome) ? ackResult(msgIds[i] as string, outcome) : '';
    return { code: OUTCOMES[outcome].status, error };
  });

function ackResult(msgId: string, outcome: Outcome): string {
  if (!refuses(outcome)) return `{"msg_id":"${msgId}","ok":true}`;
  return JSON.stringify({ msg_id: msgId, ...errorOf(outcome, undefined) });
}

export const envelope = (d: Delivery, nowMs: number): string => {
  const { payload } = d;
  const base64 = Buffer.isBuffer(payload) ? payload.toString('base64') : Buffer.from(payload).toString('base64');
  return envelopeWith(`"payload_b64":"${base64}",`, d, nowMs);
};

/** Without its payload, which goes beside it in frames. */
export const envelopeHead = (d: Delivery, nowMs: number): string => envelopeWith('', d, nowMs);

function envelopeWith(payload: string, d: Delivery, nowMs: number): string {
  return (
    `{"msg_id":"${d.msgId}","topic":"${d.topic}","ts":"${d.ts}","idem_key":${JSON.stringify(d.idemKey)},` +
    `${payload}"payload_hash":"${d.payloadHash}","attrs":${d.attrsJson},` +
    `"corr_id":"${d.corrId}","shard":${d.shard},"attempt":${d.attempt},"hash_chain":"${d.hashChain}","sig":${d.sig === null ? 'null' : `"${d.sig}"`},` +
    `"receipt":"${d.receipt}","deadline_in_ms":${Math.max(0, d.deadlineMs - nowMs)},"epoch":${d.epoch}}`
  );
}

export const deadLettersBody = (reply: Reply): string =>
  JSON.stringify({
    dead_letters: (reply.deadLetters ?? []).map(deadLetter),
    next: reply.next == null ? null : String(reply.next),
  });

const deadLetter = (d: DeadLetter) => ({
  msg_id: d.msgId,
  topic: d.topic,
  ts: d.ts,
  idem_key: d.idemKey,
  payload_hash: d.payloadHash,
  hash_chain: d.hashChain,
  attrs: d.attrs,
  corr_id: d.corrId,
  shard: d.shard,
  epoch: d.epoch,
  reason: d.reason,
  attempt: d.attempt,
  last_error: d.lastError,
  dead_at: d.deadAt,
  redrives: d.redrives,
  ...(d.payload === null ? {} : { payload_b64: Buffer.from(d.payload).toString('base64') }),
});

export const reprocessedBody = ({ moved, skipped, failed }: Reply): string =>
  JSON.stringify({ moved, skipped, failed });
export const purgedBody = ({ purged }: Reply): string => JSON.stringify({ purged });
