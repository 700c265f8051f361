import { OUTCOMES } from '../../../spec/vocabulary.ts';
import type { FactView, MessageView, RedriveReport, Reply, TopicStats } from '../../service/messages.ts';
import { isDecision, isGap } from '../../service/recent-facts.ts';

/** What whoever looks is answered: bodies of topics, messages, timelines, and lines of the feed. */

const topicRow = (s: TopicStats) => ({
  topic: s.topic,
  depth: s.depth,
  queued: s.queued,
  leased: s.leased,
  redelivered: s.redelivered,
  dead_lettered: s.deadLettered,
  oldest_ready_ms: s.oldestReadyMs,
});

export const statsBody = ({ stats }: Reply): string => JSON.stringify(topicRow(stats as TopicStats));

export function topicsBody({ topics }: Reply): string {
  const { rows = [], next = null, downShards = [] } = topics ?? {};
  const down = downShards.length === 0 ? {} : { down_shards: downShards };
  return JSON.stringify({ topics: rows.map(topicRow), next, ...down });
}

const messageRow = (m: MessageView) => ({
  msg_id: m.msgId,
  topic: m.topic,
  shard: m.shard,
  state: m.state,
  ts: m.ts,
  idem_key: m.idemKey,
  payload_hash: m.payloadHash,
  hash_chain: m.hashChain,
  attrs: m.attrs,
  corr_id: m.corrId,
  attempt: m.attempt,
  epoch: m.epoch,
  redrives: m.redrives,
  reason: m.reason,
  last_error: m.lastError,
  dead_at: m.deadAt,
  until_in_ms: m.untilInMs,
  payload_bytes: m.payloadBytes,
  ...(m.payload === null ? {} : { payload_b64: Buffer.from(m.payload).toString('base64') }),
});

export const messagesBody = ({ peeked }: Reply): string =>
  JSON.stringify({ messages: (peeked?.rows ?? []).map(messageRow), next: peeked?.next ?? null });

export function messageBody({ shown }: Reply): string {
  const { message = null, timeline = [], isComplete = false, from = '' } = shown ?? {};
  return JSON.stringify({
    message: message === null ? null : messageRow(message),
    timeline: timeline.map(factRow),
    is_complete: isComplete,
    complete_from: from,
  });
}

export function redriveBody({ redrive }: Reply): string {
  const r = redrive as RedriveReport;
  return JSON.stringify({
    id: r.id,
    topic: r.topic,
    dry_run: r.dryRun,
    state: r.state,
    moved: r.moved,
    skipped: r.skipped,
    failed: r.failed,
    reasons: r.reasons,
    failures: r.failures.map(({ msgId, why }) => ({ msg_id: msgId, why })),
    ended_by: r.endedBy === null ? null : nameOf(OUTCOMES[r.endedBy]),
    started_at: r.startedAt,
    ended_at: r.endedAt,
  });
}

const nameOf = ({ code, reason }: { readonly code: string | null; readonly reason?: string }): string =>
  reason === undefined ? `${code}` : `${code} ${reason}`;

/** A fact, or where some are missing, as a line of the feed: the same as of `factRow`, spelt out, for there are as many as there are requests. */
export function factLine(fact: FactView): string {
  const { told, cursor, at, until } = fact;
  if (isGap(told) || isDecision(told)) return JSON.stringify(factRow(fact));
  const { reason, lastError } = told;
  // What a client chose may need escaping: the rest is ids, hashes, names and numbers of ours.
  const why = reason === null ? '' : `,"reason":${JSON.stringify(reason)}`;
  const error = lastError === null ? '' : `,"last_error":${JSON.stringify(lastError)}`;
  return (
    `{"cursor":"${cursor}","at":"${at}","fact":"${told.fact}","msg_id":"${told.msgId}","topic":"${told.topic}","shard":${told.shard},` +
    `"state":"${told.state}","idem_key":${JSON.stringify(told.idemKey)},"corr_id":"${told.corrId}","payload_hash":"${told.payloadHash}",` +
    `"attempt":${told.attempt},"epoch":${told.epoch}${why}${error}${until === null ? '' : `,"until":"${until}"`}}`
  );
}

/** Of a timeline too. */
export function factRow({ told, cursor, at, until }: FactView): object {
  const head = { cursor, at, fact: told.fact };
  if (isGap(told)) return { ...head, shard: told.shard };
  if (isDecision(told)) return { cursor, at, event: told.event, ...told.said };
  const { reason, lastError } = told;
  return {
    ...head,
    msg_id: told.msgId,
    topic: told.topic,
    shard: told.shard,
    state: told.state,
    idem_key: told.idemKey,
    corr_id: told.corrId,
    payload_hash: told.payloadHash,
    attempt: told.attempt,
    epoch: told.epoch,
    ...(reason === null ? {} : { reason }),
    ...(lastError === null ? {} : { last_error: lastError }),
    ...(until === null ? {} : { until }),
  };
}
