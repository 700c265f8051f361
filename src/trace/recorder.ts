import { advance } from '../core/advance.ts';
import { apply } from '../core/apply.ts';
import type { Fact, MessageFact } from '../core/facts.ts';
import { imagesOf, Restoration } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import type { Message } from '../core/message.ts';
import { ShardState } from '../core/state.ts';
import {
  ACTION_OF_FACT,
  constantsOf,
  FOUND,
  type LastError,
  lineOf,
  type MessageVariables,
  type Producer,
  TRACE_VERSION,
  VARIABLE_NAMES,
} from './format.ts';

const ABSENT: Readonly<MessageVariables> = {
  state: 'absent',
  attempt: 0,
  epoch: 0,
  redrives: 0,
  releases: 0,
  receipt: 0,
  timer: 0,
  left: 0,
  visibility: 0,
  ttl: -1,
  keep: 0,
  window: 0,
  reason: 'none',
  error: 'none',
};

/** What the specification says of this message, in a shard whose time it is. `error`: what made it return last. */
function variablesOf(shard: ShardState, m: Message, error: LastError): MessageVariables {
  const { nowMs, limits } = shard;
  const leased = m.state === 'leased';
  const waits = m.state === 'queued' || m.state === 'redelivered';
  const dead = m.state === 'dead_lettered';
  const rest = (atMs: number): number => Math.max(atMs - nowMs, 0);
  const lives = leased || waits;
  return {
    state: m.state,
    attempt: m.attempt,
    epoch: m.epoch,
    redrives: m.redrives,
    releases: m.releases,
    receipt: leased ? m.epoch : 0,
    timer: lives ? rest(m.timerAtMs) : 0,
    left: leased ? rest(m.leaseEndsMs) : 0,
    visibility: leased ? m.visibilityMs : 0,
    ttl: !lives || m.ttlAtMs === Number.POSITIVE_INFINITY ? -1 : rest(m.ttlAtMs),
    keep: waits ? rest(m.readyAtMs + limits.readyRetentionMs) : dead ? rest(m.deadAtMs + limits.dlqRetentionMs) : 0,
    window: m.idemUntilMs === 0 ? 0 : rest(m.idemUntilMs),
    reason: dead ? (m.deadReason ?? 'none') : 'none',
    error: lives || dead ? error : 'none',
  };
}

/** What made a message return last: its own `lastError` is the text of whoever nacked it, or none. */
function errorAfter(fact: MessageFact, before: LastError, wasLeased: boolean): LastError {
  switch (fact.name) {
    case 'nacked':
      return 'nacked';
    case 'released':
      return fact.counted ? 'released' : before;
    case 'expired':
      return wasLeased ? 'expired' : before;
    case 'reprocessed':
      return 'none';
    default:
      return before;
  }
}

/**
 * Writes a trace: facts in the order in which they became durable, each applied to a shard of the recorder's own, as replay
 * would, so that what is written is what the facts mean. Facts of several shards may come in any order between shards.
 */
export class TraceRecorder {
  private readonly write: (line: string) => void;
  private readonly limits: Limits;
  private readonly shards: ShardState[] = [];
  private readonly errors = new WeakMap<Message, LastError>();
  private seq = 0;

  constructor(options: {
    readonly producer: Producer;
    readonly commit: string | null;
    readonly limits: Limits;
    readonly write: (line: string) => void;
  }) {
    const { producer, commit, limits, write } = options;
    this.write = write;
    this.limits = limits;
    write(lineOf({ trace: 'svc-mailbox', version: TRACE_VERSION, producer, commit, constants: constantsOf(limits) }));
  }

  /** A shard as it is before the first of its facts that will be taken: what is in it is found, in the order of sends. */
  begin(state: ShardState): void {
    const own = new Restoration(state.shard, this.limits);
    for (const image of imagesOf(state)) own.take(image);
    const shard = own.done();
    this.shards[shard.shard] = shard;
    const step = { at_ms: shard.nowMs, shard: shard.shard, action: FOUND, outcome: 'ok' as const };
    const messages = [...shard.messages()].sort((a, b) => a.seq - b.seq);
    for (const message of messages) {
      const { msgId, topic, idemKey } = message;
      const error = errorFound(message);
      this.errors.set(message, error);
      const changes = changesOf(ABSENT, variablesOf(shard, message, error));
      this.write(lineOf({ seq: ++this.seq, ...step, msg_id: msgId, topic: topic.name, idem_key: idemKey, changes }));
    }
  }

  take(shard: number, fact: Fact): void {
    const state = this.shards[shard] ?? new ShardState(shard, this.limits);
    this.shards[shard] = state;
    const { atMs } = fact;
    const step = { seq: ++this.seq, at_ms: atMs, shard, action: ACTION_OF_FACT[fact.name] as string };
    if (fact.name === 'recovered') {
      apply(state, fact);
      return this.write(lineOf({ ...step, outcome: 'ok' }));
    }
    if (atMs > state.nowMs) advance(state, atMs);
    const known = state.find(fact.msgId);
    const error = (known === undefined ? undefined : this.errors.get(known)) ?? 'none';
    const before = known === undefined ? ABSENT : variablesOf(state, known, error);
    apply(state, fact);
    const message = known ?? (state.find(fact.msgId) as Message);
    const errorNow = errorAfter(fact, error, before.state === 'leased');
    if (errorNow !== error) this.errors.set(message, errorNow);
    const changes = changesOf(before, variablesOf(state, message, errorNow));
    const sent = fact.name === 'sent' ? { topic: fact.topic, idem_key: fact.idemKey } : {};
    this.write(lineOf({ ...step, msg_id: fact.msgId, ...sent, outcome: 'ok', changes }));
  }
}

/** What made a message return that is found: all that is left of it is a text. */
const errorFound = ({ lastError }: Message): LastError =>
  lastError === null ? 'none' : lastError === 'expired' || lastError === 'released' ? lastError : 'nacked';

function changesOf(before: MessageVariables, after: MessageVariables): Partial<MessageVariables> {
  const changes: Partial<Record<keyof MessageVariables, unknown>> = {};
  for (const name of VARIABLE_NAMES) if (after[name] !== before[name]) changes[name] = after[name];
  return changes as Partial<MessageVariables>;
}
