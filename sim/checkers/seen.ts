import type { MessageView, PeekRequest, Reply, ShowRequest, TopicsRequest } from '../../src/service/messages.ts';
import { integrity } from '../integrity.ts';
import type { LifecycleChecker } from './lifecycle.ts';
import type { Tracked } from './line.ts';

/**
 * What whoever looks may see: held against the facts as they were when the look was decided, which is a moment between its question and
 * its answer; that they are durable when the answer leaves is asked of every answer.
 */
type Seen = (reply: Reply) => string | null;

/** What a row must say, kept apart from what becomes of the message later. */
interface Row {
  readonly msgId: string;
  readonly says: string;
}

const rowOf = ({ msgId, idemKey, payloadHash, live }: Tracked): Row => ({
  msgId,
  says: said({ idemKey, payloadHash, ...live, reason: live.state === 'dead_lettered' ? live.deadReason : null }),
});

type Said = Pick<MessageView, 'idemKey' | 'payloadHash' | 'state' | 'attempt' | 'epoch' | 'redrives' | 'reason'>;
const said = ({ idemKey, payloadHash, state, attempt, epoch, redrives, reason }: Said): string =>
  [idemKey, payloadHash, state, attempt, epoch, redrives, reason].join(' ');

/** Messages that are not over, in the order of their sends. */
function liveIn(checker: LifecycleChecker, topic: string): Tracked[] {
  const found: Tracked[] = [];
  for (const message of checker.messagesBeside(topic))
    if (message.topic.name === topic && !message.live.isOver && message.live.state !== 'absent') found.push(message);
  return found.sort((a, b) => a.seq - b.seq);
}

const payloadFault = ({ payload, payloadHash }: MessageView): string | null =>
  payload === null || integrity.payloadHashOf(payload) === payloadHash ? null : 'another payload';

export function messagesSeen({ topic, state, cursor }: PeekRequest, checker: LifecycleChecker): Seen {
  const there = liveIn(checker, topic)
    .filter(({ live }) => state === null || live.state === state)
    .map(rowOf);
  return ({ peeked }) => {
    const { rows = [], next = null } = peeked ?? {};
    const first = rows.length === 0 ? -1 : there.findIndex(({ msgId }) => msgId === rows[0]?.msgId);
    if (rows.length > 0 && (first < 0 || (cursor === null && first > 0))) return 'it begins with another message';
    for (const [i, row] of rows.entries()) {
      const must = there[first + i];
      if (must?.msgId !== row.msgId || must.says !== said(row)) return `${row.msgId} is not what it was`;
      const fault = payloadFault(row);
      if (fault !== null) return `${row.msgId} has ${fault}`;
    }
    const isAll =
      first + rows.length === there.length || (rows.length === 0 && (cursor !== null || there.length === 0));
    return next === null && !isAll ? 'it ends before the last message' : null;
  };
}

export function messageSeen({ msgId }: ShowRequest, checker: LifecycleChecker, wasKnown: boolean): Seen {
  const message = checker.messages.get(msgId);
  const must = message === undefined ? null : rowOf(message);
  return ({ shown }) => {
    if (shown === undefined) return 'it shows nothing';
    const { message: view, timeline, isComplete } = shown;
    if (wasKnown !== (view !== null)) return `${msgId} is ${wasKnown ? 'not shown' : 'shown'}`;
    if (view !== null && must !== null && must.says !== said(view)) return `${msgId} is not what it was`;
    if (isComplete && timeline[0]?.told.fact !== 'sent') return 'a complete timeline begins with no send';
    const last = timeline.at(-1)?.told;
    const isLike = view === null || last === undefined || ('state' in last && last.state === view.state);
    return isLike ? null : 'its last fact is not what made it what it is';
  };
}

/** Counts of a topic that holds anything, in words. */
function countsIn(checker: LifecycleChecker): Map<string, string> {
  const counts = new Map<string, { queued: number; leased: number; redelivered: number; dead_lettered: number }>();
  for (const { topic, live } of checker.messages.values()) {
    if (live.isOver || live.state === 'absent') continue;
    const count = counts.get(topic.name) ?? { queued: 0, leased: 0, redelivered: 0, dead_lettered: 0 };
    counts.set(topic.name, count);
    count[live.state as keyof typeof count]++;
  }
  return new Map([...counts].map(([name, count]) => [name, Object.values(count).join(' ')]));
}

export function topicsSeen(
  { prefix }: TopicsRequest,
  checker: LifecycleChecker,
  isDown: (of: { readonly topic: string }) => boolean,
): Seen {
  const there = new Map([...countsIn(checker)].filter(([topic]) => topic.startsWith(prefix) && !isDown({ topic })));
  return ({ topics }) => {
    const { rows = [], next = null } = topics ?? {};
    const names = rows.map(({ topic }) => topic);
    if (names.some((name, i) => i > 0 && name <= (names[i - 1] as string))) return 'they are not in order';
    for (const { topic, queued, leased, redelivered, deadLettered } of rows) {
      const counts = [queued, leased, redelivered, deadLettered].join(' ');
      if ((there.get(topic) ?? '0 0 0 0') !== counts)
        return `${topic} holds ${there.get(topic)}, and is said to hold ${counts}`;
    }
    const missing = [...there.keys()].find(
      (name) => !names.includes(name) && (next === null || name < (names.at(-1) ?? '')),
    );
    return missing === undefined ? null : `${missing} is missing`;
  };
}
