import type { Outcome } from '../../spec/vocabulary.ts';
import type { AckItem, RecvRequest, SendRequest, StreamRequest } from '../../src/service/messages.ts';
import type { Ask, Reply } from '../call.ts';
import type { Capability } from '../capabilities.ts';
import { integrity } from '../integrity.ts';
import { allowsTopic } from './authority.ts';
import { Breach, type RuleName } from './breach.ts';
import type { Expected } from './expected.ts';
import type { LifecycleChecker } from './lifecycle.ts';
import type { RedrivesChecker } from './redrives.ts';
import { messageSeen, messagesSeen, topicsSeen } from './seen.ts';
import { askedUntilMs } from './view.ts';

export interface Situation {
  readonly checker: LifecycleChecker;
  readonly capability: Capability;
  readonly nowMs: number;
  /** Counts the operation: false when the quota refuses it. */
  readonly charge: () => boolean;
  /** The process knew the message of the request, and the capability covers its topic: the operation counts. */
  readonly wasKnown: boolean;
  /** The same of each ack that rides on a recv. */
  readonly acksKnown: readonly boolean[];
  readonly redrives: RedrivesChecker;
  readonly isDraining: boolean;
  /** What sends are refused with while none are taken, or null. */
  readonly refusing: Outcome | null;
  /** What a send may be refused with besides, or not. */
  readonly perhaps: readonly Outcome[];
  /** What is answered where that is so. */
  readonly down: Expected;
  /** Whether the shard of a topic, or that of a message, is being made anew. */
  readonly isDown: (of: { readonly topic: string } | { readonly msgId: string }) => boolean;
}

const only = (rule: RuleName, ...outcomes: readonly Outcome[]): Expected => ({ rule, outcomes });

/**
 * What the answer to a request must be, from the state right after it was decided: a refusal changes nothing, so that state
 * is the one it was decided in.
 */
export function expectedOf(ask: Ask, situation: Situation): Expected {
  const { checker } = situation;
  switch (ask.verb) {
    case 'send':
      return expectedOfSend(ask, situation);
    case 'recv':
      return expectedOfRecv(ask, situation);
    case 'stream':
      return expectedOfStream(ask, situation);
    case 'feed': {
      const scope =
        ask.topic === null || allowsTopic(situation.capability, ask.topic) ? null : only('AU1', 'cap_scope');
      const refused = scope ?? quota(situation);
      return refused ?? (situation.isDraining ? only('BD3', 'draining') : only('B10', ...LOOKED));
    }
    case 'batch':
      throw new Error('a batch is decided item by item');
    case 'ack':
    case 'nack':
    case 'extend':
      if (situation.isDown(ask)) return quota(situation) ?? situation.down;
      return (situation.wasKnown ? quota(situation) : null) ?? settled(ask.verb, ask, situation);
    case 'reprocess': {
      const moved = checker.step.filter(({ name }) => name === 'reprocessed').length;
      const whole = ask.ratePerS === null ? { count: moved } : {};
      return admitted(ask.topic, situation) ?? { ...only('DL2', ...(ask.ratePerS === null ? DONE : PACED)), ...whole };
    }
    case 'purge': {
      const purged = checker.step.filter((fact) => fact.name === 'purged' && fact.reason === 'admin').length;
      return admitted(ask.topic, situation) ?? { ...only('DL3', 'ok'), count: purged };
    }
    case 'dlq_list':
    case 'stats':
      return admitted(ask.topic, situation) ?? only('BD2', 'ok');
    case 'topics':
      return quota(situation) ?? { ...only('AU7', 'ok'), seen: topicsSeen(ask, checker, situation.isDown) };
    case 'peek':
      return admitted(ask.topic, situation) ?? { ...only('AU7', ...LOOKED), seen: messagesSeen(ask, checker) };
    case 'show': {
      const first = quota(situation) ?? (situation.isDown(ask) ? situation.down : null);
      if (first !== null) return first;
      // Its facts may be remembered for longer than it.
      const outcomes = situation.wasKnown ? DONE : REMEMBERED;
      return { ...only('AU7', ...outcomes), seen: messageSeen(ask, checker, situation.wasKnown) };
    }
    case 'redrive':
      return admitted(ask.topic, situation) ?? situation.redrives.begun(ask, situation.capability, checker.step);
    case 'redrive_show':
    case 'redrive_cancel':
      return quota(situation) ?? situation.redrives.named(ask, situation.capability, situation.isDraining);
    case 'revoke':
      return allowsTopic(situation.capability, 'mailbox.admin') ? only('RevokedProp', 'ok') : only('AU1', 'cap_scope');
  }
}

const DONE: readonly Outcome[] = ['ok'];
/** A cursor may be of before a restart, or of a shard that has fewer messages since. */
const LOOKED: readonly Outcome[] = ['ok', 'cursor_gone', 'schema'];
const REMEMBERED: readonly Outcome[] = ['ok', 'not_found'];
const GIVEN = only('LE1', 'ok');
export const DOWN = only('BD3', 'starting');
const LOST = only('LE3', 'lease_lost');
const UNKNOWN = only('LE3', 'not_found');
const FORGOTTEN = only('LE3', 'lease_lost', 'not_found');
/** One that goes at a rate is refused when too many go on, and ends early with its capability. */
const PACED: readonly Outcome[] = ['ok', 'quota', 'cap_auth', 'saturated_redrives'];

const quota = ({ charge }: Situation): Expected | null => (charge() ? null : only('AU2', 'quota'));

/** Topic scope, then quota, then whether its shard serves (BD2). */
function admitted(topic: string, situation: Situation): Expected | null {
  if (!allowsTopic(situation.capability, topic)) return only('AU1', 'cap_scope');
  return quota(situation) ?? (situation.isDown({ topic }) ? situation.down : null);
}

function expectedOfSend(ask: SendRequest, situation: Situation): Expected {
  const { checker, nowMs, refusing } = situation;
  const { topic, idemKey, payloadHash } = ask;
  const sent = checker.step.find((fact) => fact.name === 'sent' && fact.topic === topic && fact.idemKey === idemKey);
  const first = refusalOfSend();
  if (first !== null) {
    if (sent !== undefined)
      throw new Breach(first.rule, `accepted, and must be refused as ${first.outcomes.join()}`, sent.msgId);
    return first;
  }
  return { rule: 'BD2', outcomes: DONE, msgId: (sent as { msgId: string }).msgId };

  function refusalOfSend(): Expected | null {
    if (payloadHash === WRONG_HASH) return only('IN1', 'integrity');
    const refused = admitted(topic, situation);
    if (refused !== null) return refused;
    const live = checker.topicOf(topic).windows.get(idemKey);
    if (live !== undefined && live.msgId !== sent?.msgId && live.live.idemUntilMs > nowMs) {
      const same = live.payloadHash === integrity.payloadHashOf(ask.payload);
      return { ...only('IdempotentInv', same ? 'duplicate' : 'idem_mismatch'), ...(same ? { msgId: live.msgId } : {}) };
    }
    if (refusing !== null) return only('BD3', refusing);
    if (sent !== undefined) return null;
    const reached = checker.boundsReached(ask);
    return only(reached.length === 0 ? 'RoomInv' : 'CapacityInv', ...reached, ...situation.perhaps);
  }
}

/** A hash that no payload has: what a client says whose payload was damaged on its way. */
export const WRONG_HASH = `b3:${'f'.repeat(64)}`;

/** Acks that ride along are acks (LE8). */
const mayAsk = ({ acks }: Pick<RecvRequest, 'acks'>, { capability }: Situation): Expected | null =>
  acks.length === 0 || capability.ops.includes('ack') ? null : only('AU1', 'cap_scope');

function ackOutcomesOf({ acks }: Pick<RecvRequest, 'acks'>, situation: Situation): readonly (readonly Outcome[])[] {
  const { acksKnown, charge, isDown } = situation;
  const isOverQuota = acks.map((item, i) => (acksKnown[i] === true || isDown(item)) && !charge());
  return acks.map((item, i) => {
    if (isOverQuota[i]) return OVER_QUOTA;
    return (isDown(item) ? situation.down : settled('ack', item, situation)).outcomes;
  });
}

function expectedOfStream(ask: StreamRequest, situation: Situation): Expected {
  const { added = [] } = situation.capability;
  // Its steps use the quota too, and nobody says when.
  const isPaced = added.length > 0;
  const free = { ...situation, charge: () => true };
  const refused = mayAsk(ask, situation) ?? admitted(ask.topic, isPaced ? free : situation);
  if (refused !== null)
    return isPaced && refused === situation.down ? only('BD3', ...refused.outcomes, 'quota') : refused;
  if (situation.refusing === 'draining') return only('BD3', 'draining', ...(isPaced ? OVER_QUOTA : []));
  if (isPaced) return only('AU2', 'ok', 'quota');
  return { ...only('B3', 'ok'), ackOutcomes: ackOutcomesOf(ask, situation) };
}

function expectedOfRecv(ask: RecvRequest, situation: Situation): Expected {
  const refused = mayAsk(ask, situation) ?? admitted(ask.topic, situation);
  if (refused !== null) return refused;
  const { checker, nowMs } = situation;
  const ackOutcomes = ackOutcomesOf(ask, situation);
  const given = checker.step.some((fact) => fact.name === 'received' && checker.topicNameOf(fact.msgId) === ask.topic);
  const refusals = checker.leaseRefusals(ask.topic);
  const full = refusals.length > 0;
  if (!given && !full) {
    const topic = checker.topicOf(ask.topic);
    const waits = topic.firstAvailable(nowMs);
    if (waits !== undefined) throw new Breach('LE1', 'nothing given, and it is available', waits.msgId);
    const overdue = topic.firstOverdue(nowMs);
    if (overdue !== undefined) throw new Breach('RT3', 'its lease is over, and it has not expired', overdue.msgId);
  }
  const expected = full ? only('LE1', 'ok', ...refusals) : GIVEN;
  return ask.acks.length === 0 ? expected : { ...expected, ackOutcomes };
}
const OVER_QUOTA: readonly Outcome[] = ['quota'];

function located({ msgId }: AckItem, { checker, capability }: Situation): boolean {
  const message = checker.messages.get(msgId);
  return message !== undefined && allowsTopic(capability, message.topic.name);
}

/** LE3, LE4: acted now, repeated, or lost. */
function settled(
  verb: 'ack' | 'nack' | 'extend',
  item: AckItem & { readonly visibilityMs?: number | null },
  situation: Situation,
): Expected {
  const { checker, nowMs } = situation;
  const message = checker.messages.get(item.msgId);
  if (message === undefined || !located(item, situation)) return UNKNOWN;
  const { live } = message;
  if (verb === 'extend') {
    if (checker.step.some(({ name, msgId }) => name === 'extended' && msgId === item.msgId)) return only('LE5', 'ok');
  } else {
    const entry = live.settledBy(item.receipt, verb);
    if (entry !== null && entry.untilMs > nowMs) return { rule: 'LE4', outcomes: DONE, state: entry.state };
  }
  const holds = live.state === 'leased' && live.receipt === item.receipt && nowMs < live.timerAtMs;
  const within = verb !== 'extend' || nowMs + (item.visibilityMs ?? live.visibilityMs) <= live.leaseEndsMs;
  if (holds && within) throw new Breach('LE3', `${verb} with its receipt in time, and nothing happened`, item.msgId);
  return live.isOver && askedUntilMs(live) <= nowMs ? FORGOTTEN : LOST;
}

/** What an answer says that it must not. @throws Breach */
export function compare(ask: Ask, reply: Reply, expected: Expected): void {
  const { outcome } = reply;
  if (!expected.outcomes.includes(outcome)) {
    throw new Breach(
      expected.rule,
      `${ask.verb} is answered ${outcome}, and must be ${expected.outcomes.join(' or ')}`,
      msgIdOf(ask, expected),
      [{ name: `answer to ${ask.verb}`, process: outcome, specification: expected.outcomes.join(' or ') }],
    );
  }
  const wrong = (what: string, is: unknown, must: unknown): never => {
    throw new Breach(expected.rule, `${ask.verb} is answered with another ${what}`, msgIdOf(ask, expected), [
      { name: `${what}, answered to ${ask.verb}`, process: String(is ?? 'none'), specification: String(must) },
    ]);
  };
  const count = reply.moved ?? reply.purged;
  if (expected.msgId !== undefined && reply.msgId !== expected.msgId) wrong('msg_id', reply.msgId, expected.msgId);
  if (outcome !== 'ok') return;
  if (expected.state !== undefined && reply.state !== expected.state) wrong('state', reply.state, expected.state);
  if (expected.count !== undefined && count !== expected.count) wrong('count', count, expected.count);
  const unlike = expected.seen?.(reply) ?? null;
  if (unlike !== null) throw new Breach(expected.rule, `${ask.verb}: ${unlike}`, msgIdOf(ask, expected));
  if (expected.ackOutcomes === undefined) return;
  for (const [i, outcomes] of expected.ackOutcomes.entries()) {
    const outcome = reply.ackOutcomes?.[i];
    if (!outcomes.includes(outcome as Outcome)) wrong('outcome of an ack', outcome, outcomes.join(' or '));
  }
}

const msgIdOf = (ask: Ask, { msgId }: Expected): string | null => msgId ?? ('msgId' in ask ? ask.msgId : null);
