import { AttemptsBoundedInv, type Bounds, CapacityInv, IsolationProp, NoLossInv } from '../../spec/invariants.ts';
import { REFUSAL_OF, SAID_AGAIN } from '../../spec/vocabulary.ts';
import type { MailboxConstants } from './mailbox.ts';
import type { MailboxView } from './mailbox-view.ts';
import { messageOf } from './rule-message.ts';
import { isAvailable, isDue, isFirst, isKeyLive, tenantOf, topicOf } from './rule-step.ts';

/** A state, and what may happen in it: `may` says whether some step has this label, and changes this message where one is named. */
export interface Situation {
  readonly view: MailboxView;
  readonly messages: readonly number[];
  may(action: string, m?: number): boolean;
  /** Whether some step has this label and leads to a state like this. */
  leads(action: string, to: (after: MailboxView) => boolean): boolean;
}

/** What must be so of each state. */
export interface StateRule {
  readonly name: string;
  readonly rules: string;
  readonly says: string;
  /** It speaks of what may happen, not only of what is. */
  readonly asksWhatMay?: boolean;
  holds(situation: Situation, c: MailboxConstants): boolean;
}

type Counted = Pick<Situation, 'view' | 'messages'>;
const count = ({ view, messages }: Counted, has: (view: MailboxView, m: number) => boolean): number =>
  messages.filter((m) => has(view, m)).length;
const isLeased = (view: MailboxView, m: number): boolean => view.state(m) === 'leased';
const isOpen = (view: MailboxView, m: number): boolean => view.window(m) > 0;
const depth = (at: Counted): number => count(at, (view, m) => view.isLive(m));
const inflight = (at: Counted): number => count(at, isLeased);
const windows = (at: Counted): number => count(at, isOpen);

const fits = (m: number, c: MailboxConstants): boolean =>
  c.Budgets.some((bytes) => (c.SizeOf[m - 1] as number) <= bytes);
/** It is what the next send brings. */
const isNext = ({ view, messages }: Counted, m: number): boolean =>
  view.state(m) === 'absent' && messages.every((o) => o >= m || view.state(o) !== 'absent');
const isFresh = (at: Counted, m: number, c: MailboxConstants): boolean =>
  isNext(at, m) && !isKeyLive(at.view, m, at, c);
/** It is what the next recv of its topic leases. */
const isAtHand = (at: Counted, m: number, c: MailboxConstants): boolean =>
  isAvailable(at.view, m) && isFirst(at.view, m, at, c);
const isHeld = (view: MailboxView, m: number): boolean => isLeased(view, m) && view.timer(m) > 0;
const mayReturn = (view: MailboxView, m: number, c: MailboxConstants): boolean =>
  view.state(m) === 'dead_lettered' && view.redrives(m) < c.MaxRedrives;

/** A bound, and what has a place in it: these messages, and so many elsewhere. */
interface Bounded {
  readonly bound: number;
  readonly has: (view: MailboxView, m: number) => boolean;
  readonly elsewhere?: number;
  readonly ofTenant?: number;
}
const line = ({ ShardCapacity }: MailboxConstants): Bounded => ({ bound: ShardCapacity, has: (v, m) => v.isLive(m) });
const openWindows = ({ DedupCapacity }: MailboxConstants): Bounded => ({ bound: DedupCapacity, has: isOpen });
const leases = ({ GlobalInflight, Elsewhere, ElsewhereOfTenant }: MailboxConstants): Bounded => ({
  ...{ bound: GlobalInflight, has: isLeased, elsewhere: Elsewhere, ofTenant: ElsewhereOfTenant },
});

/** Within its share, or more than the reserve is free: of the bound for its tenant, of what is its tenant's for its topic (BD5). */
function mayTake(
  at: Counted,
  m: number,
  c: MailboxConstants,
  { bound, has, elsewhere = 0, ofTenant = 0 }: Bounded,
): boolean {
  if (c.TenantShare === 0) return true;
  const own = ofTenant + count(at, (view, o) => has(view, o) && tenantOf(o, c) === tenantOf(m, c));
  const ofTenants = { bound, used: count(at, has) + elsewhere, ofTenant: own };
  const ofTopic = count(at, (view, o) => has(view, o) && topicOf(o, c) === topicOf(m, c));
  const ofTopics = { bound: bound * c.TenantShare, used: own * 100, ofTenant: ofTopic * 100 };
  return (
    IsolationProp(ofTenants, c.TenantShare, c.TenantReserve) && IsolationProp(ofTopics, c.TopicShare, c.TenantReserve)
  );
}

const isRemembered = (view: MailboxView, m: number): boolean =>
  (view.state(m) !== 'acked' && view.state(m) !== 'purged') ||
  isOpen(view, m) ||
  view.settled().some((entry) => entry.m === m);

/** It is refused for its tenant alone: the bound has room (BD5). */
function isBeyondShare(at: Counted, m: number, c: MailboxConstants): boolean {
  const { view } = at;
  const hasLine = depth(at) < c.ShardCapacity;
  const isSent = isFresh(at, m, c) && windows(at) < c.DedupCapacity && hasLine;
  const isLeasable = isAtHand(at, m, c) && fits(m, c) && inflight(at) + c.Elsewhere < c.GlobalInflight;
  return (
    (isSent && !(mayTake(at, m, c, openWindows(c)) && mayTake(at, m, c, line(c)))) ||
    (mayReturn(view, m, c) && hasLine && !mayTake(at, m, c, line(c))) ||
    (isLeasable && !mayTake(at, m, c, leases(c)))
  );
}

/** When each answer that changes nothing is due (BD2, BD5, LE3, LE4, DL2). */
function answers(at: Situation, c: MailboxConstants): Readonly<Record<string, boolean>> {
  const { view, messages } = at;
  const some = (is: (m: number) => boolean): boolean => messages.some(is);
  const known = (m: number): boolean => view.state(m) !== 'absent';
  const settled = (verb: string, to: string): boolean =>
    view.settled().some((entry) => entry.verb === verb && entry.to === to);
  const isFull = depth(at) >= c.ShardCapacity;
  const hasWindows = windows(at) < c.DedupCapacity;
  const topics = [...new Set(c.TopicOf)];
  const isKeyTaken = some((m) => isKeyLive(view, m, at, c));
  return {
    [REFUSAL_OF.duplicate]: isKeyTaken,
    [REFUSAL_OF.idem_mismatch]: isKeyTaken,
    [REFUSAL_OF.saturated_dedup]: !hasWindows && some((m) => isFresh(at, m, c)),
    [REFUSAL_OF.saturated_shard]:
      isFull && (some((m) => isFresh(at, m, c) && hasWindows) || some((m) => mayReturn(view, m, c))),
    [REFUSAL_OF.saturated_tenant]: some((m) => isBeyondShare(at, m, c)),
    [REFUSAL_OF.saturated_inflight]:
      inflight(at) + c.Elsewhere >= c.GlobalInflight && some((m) => isAtHand(at, m, c) && fits(m, c)),
    [REFUSAL_OF.empty]: topics.some((topic) =>
      c.Budgets.some((bytes) =>
        messages.every((m) => topicOf(m, c) !== topic || !isAtHand(at, m, c) || (c.SizeOf[m - 1] as number) > bytes),
      ),
    ),
    [REFUSAL_OF.lease_lost]: some((m) => known(m) && isRemembered(view, m)),
    [REFUSAL_OF.not_found]: some((m) => known(m) && !isRemembered(view, m)),
    [REFUSAL_OF.skipped]: some((m) => known(m) && isRemembered(view, m) && !mayReturn(view, m, c)),
    [SAID_AGAIN['ack acked']]: settled('ack', 'acked'),
    [SAID_AGAIN['nack redelivered']]: settled('nack', 'redelivered'),
    [SAID_AGAIN['nack dead_lettered']]: settled('nack', 'dead_lettered'),
  };
}

/** A message for which one of these is due and cannot be had. */
function isServed(at: Situation, m: number, c: MailboxConstants): boolean {
  const { view } = at;
  const leasable = isAtHand(at, m, c) && fits(m, c) && inflight(at) + c.Elsewhere < c.GlobalInflight;
  const sendable = isFresh(at, m, c) && windows(at) < c.DedupCapacity && depth(at) < c.ShardCapacity;
  const due: readonly (readonly [action: string, is: boolean])[] = [
    ['Ack', isHeld(view, m)],
    ['Nack', isHeld(view, m)],
    ['Release', isHeld(view, m)],
    ['Extend', isHeld(view, m) && view.visibility(m) <= view.left(m) && view.visibility(m) !== view.timer(m)],
    ['Expire', isDue(view, m, c) && view.state(m) !== 'dead_lettered'],
    ['Purge', view.state(m) === 'dead_lettered'],
    ['Reprocess', mayReturn(view, m, c) && depth(at) < c.ShardCapacity && mayTake(at, m, c, line(c))],
    ['Recv', leasable && mayTake(at, m, c, leases(c))],
    ['Send', sendable && mayTake(at, m, c, line(c)) && mayTake(at, m, c, openWindows(c))],
  ];
  return due.every(([action, is]) => !is || at.may(action, m));
}

/** Whoever asks gets what is asked for: every delay, ttl, visibility, extension and reason, and every backoff that may be drawn. */
function isGivenAsked(at: Situation, m: number, c: MailboxConstants): boolean {
  const { view } = at;
  if (at.may('Send', m)) {
    const asked = c.Delays.flatMap((delay) => c.Ttls.map((ttl) => [delay, ttl] as const));
    const isSent = ([delay, ttl]: readonly [number, number]): boolean =>
      at.leads('Send', (after) => after.state(m) === 'queued' && after.timer(m) === delay && after.ttl(m) === ttl);
    if (!asked.every(isSent)) return false;
  }
  if (at.may('Recv', m)) {
    const isLent = (ticks: number): boolean =>
      at.leads('Recv', (after) => after.state(m) === 'leased' && after.timer(m) === ticks);
    if (!c.Visibilities.every(isLent)) return false;
  }
  if (!isHeld(view, m)) return true;
  const mayHave = [...c.Visibilities, view.visibility(m)].filter((ticks) => ticks <= view.left(m));
  if (!mayHave.every((ticks) => at.leads('Extend', (after) => after.state(m) === 'leased' && after.timer(m) === ticks)))
    return false;
  const isDead = (why: string): boolean =>
    at.leads('Nack', (after) => after.state(m) === 'dead_lettered' && after.reason(m) === why);
  if (!c.Asked.every(isDead)) return false;
  if (view.attempt(m) >= c.MaxAttempts) return isDead('max_attempts');
  const most = Math.min(c.BackoffMax, c.BackoffBase * 2 ** view.attempt(m));
  const drawn = Array.from({ length: most + 1 }, (_, ticks) => ticks);
  return [...drawn, ...c.RetryAfters].every((ticks) =>
    at.leads('Nack', (after) => after.state(m) === 'redelivered' && after.timer(m) === ticks),
  );
}

const boundsOf = (c: MailboxConstants): Bounds => ({
  shardCapacity: c.ShardCapacity,
  globalInflight: c.GlobalInflight,
  dedupCapacity: c.DedupCapacity,
  dlqCapacity: c.DlqCapacity,
});

/** Whatever happens once may happen, and what is asked of these states is true. */
export const STATE_RULES: readonly StateRule[] = [
  {
    name: 'NoLossInv',
    rules: 'AC1',
    says: 'what was accepted is there, and a dead letter among the dead letters',
    holds: ({ view, messages }) => {
      const dead = view.dead();
      return messages.every(
        (m) =>
          (!view.isAccepted(m) || NoLossInv(view.state(m))) &&
          dead.filter((d) => d === m).length === (view.state(m) === 'dead_lettered' ? 1 : 0),
      );
    },
  },
  {
    name: 'AttemptsBoundedInv',
    rules: 'RT1, RT4',
    says: 'no more attempts than there may be, whatever recovery makes of them; one that is back in line has one left',
    holds: ({ view, messages }, c) =>
      messages.every(
        (m) => AttemptsBoundedInv(messageOf(view, m), c.MaxAttempts) && view.delivered(m) <= c.MaxAttempts,
      ),
  },
  {
    name: 'RedrivesInv',
    rules: 'DL2',
    says: 'no message is reprocessed more often than it may be',
    holds: ({ view, messages }, c) => messages.every((m) => view.redrives(m) <= c.MaxRedrives),
  },
  {
    name: 'IdempotentInv',
    rules: 'ID1',
    says: 'one message for each live key of a topic',
    holds: ({ view, messages }, c) =>
      messages.every(
        (m) =>
          !isOpen(view, m) ||
          !messages.some(
            (o) => o !== m && isOpen(view, o) && topicOf(o, c) === topicOf(m, c) && c.KeyOf[o - 1] === c.KeyOf[m - 1],
          ),
      ),
  },
  {
    name: 'CapacityInv',
    rules: 'BD1',
    says: 'every bound holds',
    holds: (at, c) => {
      const dead = at.view.dead();
      const leased = inflight(at);
      // What is leased elsewhere is nothing that this shard did.
      const all = leased === 0 ? 0 : leased + c.Elsewhere;
      const used = { depth: depth(at), leased, inflight: all, windows: windows(at), dead: dead.length };
      return (
        CapacityInv(used, boundsOf(c)) &&
        at.view.settledCount() <= c.SettledCapacity &&
        dead.every((d) => dead.filter((o) => topicOf(o, c) === topicOf(d, c)).length <= c.DlqMaxPerTopic)
      );
    },
  },
  {
    name: 'ServedInv',
    rules: 'LE3, DL2, DL3, RT3, R5, BD5',
    says: 'who may have it gets it: settling with the receipt in force, what is due, room where there is some',
    asksWhatMay: true,
    holds: (at, c) => (at.view.isUp() ? at.messages.every((m) => isServed(at, m, c)) : at.may('Recover')),
  },
  {
    name: 'AskedInv',
    rules: 'AC2, LE5, LE6, RT1, D6, IN1',
    says: 'whoever asks gets what is asked for: every delay, ttl, visibility, extension and reason; every backoff may be drawn',
    asksWhatMay: true,
    holds: (at, c) => !at.view.isUp() || at.messages.every((m) => isGivenAsked(at, m, c)),
  },
  {
    name: 'AnswerProp',
    rules: 'BD2, ID2, ID3, ID5, LE3, LE4, DL2',
    says: 'a refusal is answered where its reason is, and nowhere else',
    asksWhatMay: true,
    holds: (at, c) => {
      const due = answers(at, c);
      return Object.entries(due).every(([action, is]) => at.may(action) === (is && at.view.isUp()));
    },
  },
];
