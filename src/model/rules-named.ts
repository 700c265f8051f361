import type { MailboxConstants } from './mailbox.ts';
import type { MailboxView } from './mailbox-view.ts';
import { dies, goes, keeps, type Step, type StepRule, sameSettled, tenantOf } from './rule-step.ts';

const isOver = (view: MailboxView, m: number): boolean => view.state(m) === 'acked' || view.state(m) === 'purged';

/** A lease ends by its deadline, by its holder, or by a release. */
function leaseEnds(step: Step, m: number, c: MailboxConstants): boolean {
  const { before, after } = step;
  if (after.receipt(m) !== 0) return false;
  const isBack = after.state(m) === 'redelivered' || after.state(m) === 'dead_lettered';
  if (before.timer(m) === 0) return isBack;
  const last = after.settled().at(-1);
  const isRemembered = c.SettledCapacity === 0 || (last?.m === m && last.receipt === before.receipt(m));
  if (after.state(m) === 'acked') return isRemembered && (last === undefined || last.verb === 'ack');
  return isBack || (after.state(m) === 'queued' && sameSettled(step));
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
    return 100 * own < c.TenantShare * bound || 100 * (bound - held.length - elsewhere) > c.TenantReserve * bound;
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
      return messages.every((m) => {
        if (before.state(m) !== 'leased')
          return after.state(m) === 'leased'
            ? before.isUp() && before.isWaiting(m) && after.epoch(m) === before.epoch(m) + 1
            : keeps(step, m, 'receipt', 'epoch');
        if (!keeps(step, m, 'epoch')) return false;
        return after.state(m) === 'leased' ? keeps(step, m, 'receipt') : before.isUp() && leaseEnds(step, m, c);
      });
    },
  },
  {
    name: 'EndsProp',
    rules: 'AC1, DL3',
    says: 'a message ends only by an ack of its lease, or as a dead letter that was purged with a trace',
    holds: (step, c) => {
      const { before, after, messages } = step;
      return messages.every((m) => {
        if (before.isAccepted(m) && !after.isAccepted(m)) return false;
        if (isOver(before, m)) return keeps(step, m, 'state');
        if (after.state(m) === 'absent') return before.state(m) === 'absent';
        if (after.state(m) === 'acked')
          return before.state(m) === 'leased' && before.timer(m) > 0 && leaseEnds(step, m, c);
        return (
          after.state(m) !== 'purged' ||
          (before.state(m) === 'dead_lettered' && keeps(step, m, 'attempt', 'epoch', 'redrives', 'window'))
        );
      });
    },
  },
  {
    name: 'AckFinalProp',
    rules: 'AC1',
    says: 'acked is for ever',
    holds: ({ before, after, messages }) =>
      messages.every((m) => before.state(m) !== 'acked' || after.state(m) === 'acked'),
  },
  {
    name: 'EpochMonotoneProp',
    rules: 'LE2',
    says: 'an epoch never falls',
    holds: ({ before, after, messages }) => messages.every((m) => after.epoch(m) >= before.epoch(m)),
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
