import { linesOf, TraceError } from '../parse.ts';
import type { HistoryHeader, Op } from './format.ts';
import { parseHistoryHeader, parseOp } from './parse.ts';
import { type Handed, HISTORY_RULES, type History, keyOf, type TopicOps, type Violation } from './rules.ts';

export interface CheckedHistory {
  readonly header: HistoryHeader;
  readonly ops: readonly Op[];
  readonly violations: readonly Violation[];
  /** The line of the file that each call stands in. */
  readonly lineOf: ReadonlyMap<Op, number>;
}

/** @throws TraceError */
export function readHistory(text: string): { header: HistoryHeader; ops: Op[] } {
  const [first, ...lines] = linesOf(text);
  if (first === undefined) throw new TraceError(1, 'empty: the first line is a header');
  const header = parseHistoryHeader(first);
  return { header, ops: lines.map((line, i) => parseOp(line, i + 2)) };
}

/** What clients saw, held against what they may see. @throws TraceError */
export function checkHistory(text: string): CheckedHistory {
  const { header, ops } = readHistory(text);
  const lineOf = new Map(ops.map((op, i) => [op, i + 2]));
  return { header, ops, violations: violationsOf(header, ops), lineOf };
}

export function violationsOf(header: HistoryHeader, ops: readonly Op[]): Violation[] {
  const history = historyOf(header, ops);
  return HISTORY_RULES.flatMap((rule) => [...rule.find(history)].map((found) => ({ rule: rule.name, ...found })));
}

/** The calls by what they are about. */
export function historyOf(header: HistoryHeader, unordered: readonly Op[]): History {
  const ops = [...unordered].sort((one, other) => one.begin_ms - other.begin_ms);
  const sends = new Map<string, Op[]>();
  const accepted = new Map<string, Op>();
  const handed = new Map<string, Handed[]>();
  const settling = new Map<string, Op[]>();
  const topics = new Map<string, { recvs: Op[]; sends: Op[]; drained: Op[]; unknownFromMs: number }>();
  const topicOf = (op: Op): (TopicOps & { recvs: Op[]; sends: Op[]; drained: Op[] }) & { unknownFromMs: number } => {
    const name = op.topic as string;
    let topic = topics.get(name);
    if (topic === undefined) {
      topic = { recvs: [], sends: [], drained: [], unknownFromMs: Number.POSITIVE_INFINITY };
      topics.set(name, topic);
    }
    return topic;
  };
  for (const op of ops) {
    const { verb, result } = op;
    if (verb === 'send') {
      push(sends, keyOf(op.topic as string, op.idem_key as string), op);
      topicOf(op).sends.push(op);
      if (result === 'accepted' && !accepted.has(op.msg_id as string)) accepted.set(op.msg_id as string, op);
    } else if (verb === 'recv' || verb === 'redrive') {
      const topic = topicOf(op);
      if (verb === 'recv') topic.recvs.push(op);
      if (result === 'unknown') topic.unknownFromMs = Math.min(topic.unknownFromMs, op.begin_ms);
      for (const one of op.got ?? []) push(handed, one.msg_id, { ...one, op });
    } else if (verb === 'drained') topicOf(op).drained.push(op);
    else if (op.receipt !== undefined) push(settling, op.msg_id as string, op);
  }
  const isOf = (verb: Op['verb']) => (op: Op) => op.verb === verb;
  return {
    ...{ header, ops, sends, accepted, handed, settling, topics },
    restarts: ops.filter(isOf('restart')),
    revoked: ops.filter((op) => op.verb === 'revoke' && op.result === 'ok'),
  };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

/** In words, a line for each violation, up to so many. */
export function explainHistory({ ops, violations, lineOf }: CheckedHistory, most = 20): string {
  const calls = `${ops.length} call${ops.length === 1 ? '' : 's'}`;
  if (violations.length === 0) return `holds: ${calls}, and nothing in them that clients may not see`;
  const told = violations.slice(0, most).map(({ rule, ops: by, why }) => {
    const lines = by.map((op) => lineOf.get(op) as number).sort((a, b) => a - b);
    return `${rule}: line${lines.length === 1 ? '' : 's'} ${lines.join(', ')}: ${why}`;
  });
  const more = violations.length > most ? [`and ${violations.length - most} more`] : [];
  return [...told, ...more, `DOES NOT HOLD: ${calls}`].join('\n');
}
