import { IdempotentInv } from '../../spec/invariants.ts';
import type { MailboxConstants } from './mailbox.ts';
import type { MailboxView, SettledView } from './mailbox-view.ts';
import { NOW } from './rule-message.ts';

/** Two states, one after the other; `messages` are 1..N. */
export interface Step {
  readonly before: MailboxView;
  readonly after: MailboxView;
  readonly messages: readonly number[];
}

/** What must be so of each step of a graph of `tla/Mailbox.tla`, whatever action it is of. */
export interface StepRule {
  readonly name: string;
  /** Of docs/lifecycle.md. */
  readonly rules: string;
  readonly says: string;
  holds(step: Step, c: MailboxConstants): boolean;
}

/** Ticks that are left of so many after others. */
const fallen = (ticks: number, passed: number): number => Math.max(ticks - passed, 0);

export const leases = ({ before, after }: Step, m: number): boolean =>
  before.state(m) !== 'leased' && after.state(m) === 'leased';
export const dies = ({ before, after }: Step, m: number): boolean =>
  before.state(m) !== 'dead_lettered' && after.state(m) === 'dead_lettered';
export const goes = ({ before, after }: Step, m: number): boolean =>
  before.state(m) !== 'purged' && after.state(m) === 'purged';

type Numbers = 'attempt' | 'epoch' | 'redrives' | 'releases' | 'receipt' | 'timer' | 'left' | 'visibility';
export type Variable = Numbers | 'ttl' | 'keep' | 'window' | 'delivered' | 'reason' | 'error' | 'state';
export const keeps = ({ before, after }: Step, m: number, ...names: readonly Variable[]): boolean =>
  names.every((name) => before[name](m) === after[name](m));

const OF_MESSAGE: readonly Variable[] = [
  ...(['state', 'attempt', 'epoch', 'redrives', 'releases', 'receipt', 'timer', 'left', 'visibility'] as const),
  ...(['ttl', 'keep', 'window', 'reason', 'error', 'delivered'] as const),
];
export const isAlone = (step: Step, m: number): boolean => keeps(step, m, ...OF_MESSAGE);

const sameEntry = (one: SettledView, other: SettledView | undefined, passed: number): boolean =>
  other !== undefined &&
  one.m === other.m &&
  one.receipt === other.receipt &&
  one.verb === other.verb &&
  one.to === other.to &&
  fallen(one.ticks, passed) === other.ticks;
export const sameEntries = (before: readonly SettledView[], after: readonly SettledView[], passed = 0): boolean => {
  const left = before.filter(({ ticks }) => ticks > passed);
  return left.length === after.length && left.every((entry, i) => sameEntry(entry, after[i], passed));
};
export const sameSettled = ({ before, after }: Step): boolean =>
  before.settledCount() === after.settledCount() && sameEntries(before.settled(), after.settled());

/** The step is time alone: so many ticks, for everything that counts down. */
export function passes(step: Step, d: number): boolean {
  const { before, after, messages } = step;
  return (
    messages.every(
      (m) =>
        after.timer(m) === fallen(before.timer(m), d) &&
        after.left(m) === fallen(before.left(m), d) &&
        after.keep(m) === fallen(before.keep(m), d) &&
        after.window(m) === fallen(before.window(m), d) &&
        after.ttl(m) === (before.ttl(m) < 0 ? before.ttl(m) : fallen(before.ttl(m), d)) &&
        keeps(step, m, 'state', 'attempt', 'epoch', 'redrives', 'releases', 'receipt', 'visibility') &&
        keeps(step, m, 'reason', 'error', 'delivered') &&
        before.isAccepted(m) === after.isAccepted(m),
    ) &&
    sameEntries(before.settled(), after.settled(), d) &&
    before.dead().join() === after.dead().join()
  );
}

export function isDue(view: MailboxView, m: number, { ReadyRetention, DlqRetention }: MailboxConstants): boolean {
  if (view.state(m) === 'leased') return view.timer(m) === 0;
  if (view.isWaiting(m)) return view.ttl(m) === 0 || (ReadyRetention > 0 && view.keep(m) === 0);
  return view.state(m) === 'dead_lettered' && DlqRetention > 0 && view.keep(m) === 0;
}

export const topicOf = (m: number, c: MailboxConstants): number => c.TopicOf[m - 1] as number;
export const tenantOf = (m: number, c: MailboxConstants): number => c.TenantOf[topicOf(m, c) - 1] as number;

/** It could be leased, but for those before it. */
export const isAvailable = (view: MailboxView, m: number): boolean => view.isWaiting(m) && view.timer(m) === 0;
export const isFirst = (
  view: MailboxView,
  m: number,
  { messages }: Pick<Step, 'messages'>,
  c: MailboxConstants,
): boolean => !messages.some((o) => o < m && topicOf(o, c) === topicOf(m, c) && isAvailable(view, o));
/** Ticks that the last live entry of its topic and key still lives. */
const liveFor = (view: MailboxView, m: number, { messages }: Pick<Step, 'messages'>, c: MailboxConstants): number =>
  Math.max(
    0,
    ...messages
      .filter((o) => topicOf(o, c) === topicOf(m, c) && c.KeyOf[o - 1] === c.KeyOf[m - 1])
      .map((o) => view.window(o)),
  );
export const isKeyLive = (view: MailboxView, m: number, step: Pick<Step, 'messages'>, c: MailboxConstants): boolean =>
  !IdempotentInv(liveFor(view, m, step, c), NOW);

/** Of a nack and of nothing else, where its receipt is remembered. */
export const byNack = (step: Step, c: MailboxConstants): boolean => c.SettledCapacity === 0 || !sameSettled(step);
export const says = (view: MailboxView, m: number, errors: readonly string[], c: MailboxConstants): boolean =>
  !c.Errors || errors.includes(view.error(m));
