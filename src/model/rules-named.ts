import {
  AckFinalProp,
  EndsProp,
  EpochMonotoneProp,
  IsolationProp,
  type LeaseEnd,
  SingleLeaseProp,
} from '../../spec/invariants.ts';
import type { MailboxConstants } from './mailbox.ts';
import type { MailboxView } from './mailbox-view.ts';
import { messageOf, NOW } from './rule-message.ts';
import { dies, goes, keeps, type Step, type StepRule, sameSettled, tenantOf } from './rule-step.ts';

/** Who ended the lease of m, as far as the states tell: what a holder settled is remembered, where anything is. Null: nobody who may. */
function endOf(step: Step, m: number, c: MailboxConstants): LeaseEnd | null {
  const { before, after } = step;
  if (!before.isUp() || before.state(m) !== 'leased') return null;
  const isBack = after.state(m) === 'redelivered' || after.state(m) === 'dead_lettered';
  if (before.timer(m) === 0) return isBack ? 'deadline' : null;
  const verb = after.state(m) === 'acked' ? 'ack' : 'nack';
  const last = after.settled().at(-1);
  const isSettled =
    c.SettledCapacity === 0 || (last?.m === m && last.receipt === before.receipt(m) && last.verb === verb);
  if (verb === 'ack') return isSettled ? 'holder' : null;
  if (sameSettled(step)) return isBack || after.state(m) === 'queued' ? 'release' : null;
  return isBack && isSettled ? 'holder' : null;
}

/** A place in a bound is taken by a tenant within its share, or leaves the reserve alone (BD5). */
function takesItsShare(
  { messages, before, after }: Step,
  c: MailboxConstants,
  bound: number,
  has: (view: MailboxView, m: number) => boolean,
  elsewhere = 0,
  ofTenant = 0,
): boolean {
  const held = messages.filter((m) => has(before, m));
  return messages.every((m) => {
    if (has(before, m) || !has(after, m)) return true;
    const own = held.filter((o) => tenantOf(o, c) === tenantOf(m, c)).length + ofTenant;
    const share = { bound, used: held.length + elsewhere, ofTenant: own };
    return IsolationProp(share, c.TenantShare, c.TenantReserve);
  });
}

/** Nobody's dead letter makes room for that of a tenant that has more, the new one counted. */
function largestMakesRoom(step: Step, c: MailboxConstants): boolean {
  const { messages, before } = step;
  const fresh = messages.filter((m) => dies(step, m));
  const all = messages.filter((m) => before.state(m) === 'dead_lettered' || fresh.includes(m));
  const held = (m: number): number => all.filter((o) => tenantOf(o, c) === tenantOf(m, c)).length;
  return messages.every(
    (m) =>
      !goes(step, m) ||
      fresh.every((n) => c.TopicOf[m - 1] === c.TopicOf[n - 1] || all.every((o) => held(o) <= held(m))),
  );
}

/** The properties of steps that `tla/Mailbox.tla` has. */
export const NAMED_RULES: readonly StepRule[] = [
  {
    name: 'SingleLeaseProp',
    rules: 'LE1, LE2, LE3',
    says: 'a lease begins only where none is in force, and ends only by its holder, its deadline or a release',
    holds: (step, c) => {
      const { before, after, messages } = step;
      return messages.every(
        (m) =>
          SingleLeaseProp(messageOf(before, m), messageOf(after, m), NOW, endOf(step, m, c)) &&
          (before.isUp() || before.state(m) === after.state(m)),
      );
    },
  },
  {
    name: 'EndsProp',
    rules: 'AC1, DL3',
    says: 'a message ends only by an ack of its lease, or as a dead letter that was purged with a trace',
    holds: (step, c) => {
      const { before, after, messages } = step;
      return messages.every((m) => {
        const isTraced = keeps(step, m, 'attempt', 'epoch', 'redrives', 'window');
        return (
          EndsProp(messageOf(before, m), messageOf(after, m), endOf(step, m, c), isTraced) &&
          (!before.isAccepted(m) || after.isAccepted(m))
        );
      });
    },
  },
  {
    name: 'AckFinalProp',
    rules: 'AC1',
    says: 'acked is for ever',
    holds: ({ before, after, messages }) =>
      messages.every((m) => AckFinalProp(messageOf(before, m), messageOf(after, m))),
  },
  {
    name: 'EpochMonotoneProp',
    rules: 'LE2',
    says: 'an epoch never falls',
    holds: ({ before, after, messages }) =>
      messages.every((m) => EpochMonotoneProp(messageOf(before, m), messageOf(after, m))),
  },
  {
    name: 'WindowProp',
    rules: 'ID1, ID4',
    says: 'an idempotency window loses what time passes and no more',
    holds: ({ before, after, messages }, c) => {
      const most = before.isUp() ? 1 : Math.max(...c.Elapsed);
      return messages.every((m) => before.window(m) <= 0 || after.window(m) >= before.window(m) - most);
    },
  },
  {
    name: 'IsolationProp',
    rules: 'BD5, DL3',
    says: 'nobody beyond its share takes from the reserve, and nobody makes room for one who has more',
    holds: (step, c) =>
      c.TenantShare === 0 ||
      (takesItsShare(step, c, c.ShardCapacity, (view, m) => view.isLive(m)) &&
        takesItsShare(step, c, c.DedupCapacity, (view, m) => view.window(m) > 0) &&
        takesItsShare(
          step,
          c,
          c.GlobalInflight,
          (view, m) => view.state(m) === 'leased',
          c.Elsewhere,
          c.ElsewhereOfTenant,
        ) &&
        largestMakesRoom(step, c)),
  },
];
