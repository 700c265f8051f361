import type { MailboxConstants } from './mailbox.ts';
import {
  byNack,
  dies,
  goes,
  isAlone,
  keeps,
  passes,
  type Step,
  type StepRule,
  sameSettled,
  says,
  tenantOf,
  topicOf,
} from './rule-step.ts';

const isWithin = (value: number, least: number, most: number): boolean => value >= least && value <= most;
/** A lease that ran out says so, and one that did not says something else. */
const saysWhen = ({ before, after }: Step, m: number, c: MailboxConstants): boolean =>
  says(after, m, before.timer(m) === 0 ? ['expired'] : ['nacked', 'released'], c);

/** The lease whose bytes were never written does not count (LE7). */
function isUncounted(step: Step, m: number, { ReleasesMax }: MailboxConstants): boolean {
  const { before, after } = step;
  return (
    before.releases(m) < ReleasesMax &&
    before.timer(m) > 0 &&
    sameSettled(step) &&
    after.releases(m) === before.releases(m) + 1 &&
    after.attempt(m) === before.attempt(m) - 1 &&
    after.delivered(m) === before.delivered(m) - 1 &&
    after.timer(m) === 0 &&
    keeps(step, m, 'error') &&
    after.state(m) === (before.attempt(m) === 1 ? 'queued' : 'redelivered')
  );
}

/** Decided with an attempt left, after a backoff in its bounds (RT1). */
function isGivenBack(step: Step, m: number, c: MailboxConstants): boolean {
  const { before, after } = step;
  const backoff = Math.min(c.BackoffMax, c.BackoffBase * 2 ** before.attempt(m));
  const isAsked = byNack(step, c) && before.timer(m) > 0 && c.RetryAfters.includes(after.timer(m));
  return (
    after.state(m) === 'redelivered' &&
    before.attempt(m) < c.MaxAttempts &&
    keeps(step, m, 'attempt', 'delivered') &&
    after.releases(m) === 0 &&
    (isWithin(after.timer(m), 0, backoff) || isAsked) &&
    saysWhen(step, m, c)
  );
}

function hasCause(step: Step, m: number, c: MailboxConstants): boolean {
  const { before, after } = step;
  switch (after.reason(m)) {
    case 'max_attempts':
      return before.state(m) === 'leased' && before.attempt(m) === c.MaxAttempts && saysWhen(step, m, c);
    case 'ttl':
      return before.isWaiting(m) && before.ttl(m) === 0 && keeps(step, m, 'error');
    case 'retention':
      return (
        before.isWaiting(m) &&
        c.ReadyRetention > 0 &&
        before.keep(m) === 0 &&
        before.ttl(m) !== 0 &&
        keeps(step, m, 'error')
      );
    default:
      return (
        before.state(m) === 'leased' &&
        before.timer(m) > 0 &&
        c.Asked.includes(after.reason(m)) &&
        byNack(step, c) &&
        says(after, m, ['nacked'], c)
      );
  }
}

/** Whom the dead letter n may push out (DL3, BD1). */
function mayPushOut({ before }: Step, m: number, n: number, c: MailboxConstants): boolean {
  const dead = before.dead();
  const ofTopic = dead.filter((d) => topicOf(d, c) === topicOf(n, c));
  if (ofTopic.length >= c.DlqMaxPerTopic) return m === ofTopic[0];
  if (dead.length < c.DlqCapacity) return false;
  if (c.TenantShare === 0) return m === dead[0];
  const held = (o: number): number => dead.filter((d) => tenantOf(d, c) === tenantOf(o, c)).length;
  const most = Math.max(...dead.map(held));
  if (held(m) < most || (held(n) === most && tenantOf(m, c) !== tenantOf(n, c))) return false;
  return m === dead.find((d) => tenantOf(d, c) === tenantOf(m, c));
}

/** Of what ends a lease, of dead letters and of extensions. */
export const RETURN_RULES: readonly StepRule[] = [
  {
    name: 'ReturnProp',
    rules: 'RT1, RT2, LE7',
    says: 'a lease that ends gives the message back with an attempt left and a backoff in its bounds; one that was never written does not count; nothing else puts a message back in line',
    holds: (step, c) => {
      const { before, after, messages } = step;
      return messages.every((m) => {
        const was = before.state(m);
        if (!after.isWaiting(m) || was === after.state(m)) return true;
        if (was !== 'leased') return (was === 'absent' || was === 'dead_lettered') && after.state(m) === 'queued';
        const isClean =
          keeps(step, m, 'epoch', 'redrives', 'ttl', 'window') &&
          after.keep(m) === c.ReadyRetention &&
          after.receipt(m) + after.left(m) + after.visibility(m) === 0;
        return isClean && (isUncounted(step, m, c) || isGivenBack(step, m, c));
      });
    },
  },
  {
    name: 'DeadProp',
    rules: 'DL1, RT1',
    says: 'a dead letter says why it is one, and nothing is one without a why',
    holds: (step, c) => {
      const { after, messages } = step;
      return messages.every(
        (m) =>
          !dies(step, m) ||
          (keeps(step, m, 'attempt', 'epoch', 'redrives', 'window', 'delivered') &&
            after.keep(m) === c.DlqRetention &&
            after.dead().at(-1) === m &&
            after.receipt(m) + after.timer(m) + after.left(m) + after.visibility(m) + after.releases(m) === 0 &&
            after.ttl(m) < 0 &&
            hasCause(step, m, c)),
      );
    },
  },
  {
    name: 'PushOutProp',
    rules: 'DL3, BD1, BD5',
    says: 'what goes is the oldest of its topic where that is full, or of those who hold the most where all is, or was purged alone; the others stay in their order',
    holds: (step, c) => {
      const { before, after, messages } = step;
      const gone = messages.filter((m) => goes(step, m));
      const fresh = messages.filter((m) => dies(step, m));
      const stay = before.dead().filter((d) => after.state(d) === 'dead_lettered');
      return (
        gone.length <= 1 &&
        gone.every(
          (m) => before.state(m) === 'dead_lettered' && keeps(step, m, 'attempt', 'epoch', 'redrives', 'window'),
        ) &&
        after
          .dead()
          .filter((d) => !fresh.includes(d))
          .join() === stay.join() &&
        gone.every((m) => fresh.every((n) => mayPushOut(step, m, n, c)))
      );
    },
  },
  {
    name: 'ReprocessProp',
    rules: 'DL2, LE2, ID4',
    says: 'a reprocess counts, begins attempts anew, and leaves epoch and window',
    holds: (step, c) => {
      const { before, after, messages } = step;
      return messages.every((m) => {
        if (before.state(m) !== 'dead_lettered' || after.state(m) === 'dead_lettered' || after.state(m) === 'purged')
          return keeps(step, m, 'redrives');
        return (
          after.state(m) === 'queued' &&
          after.redrives(m) === before.redrives(m) + 1 &&
          after.attempt(m) + after.delivered(m) + after.timer(m) + after.releases(m) === 0 &&
          after.reason(m) === 'none' &&
          after.error(m) === 'none' &&
          after.keep(m) === c.ReadyRetention &&
          after.ttl(m) < 0 &&
          keeps(step, m, 'epoch', 'window', 'receipt')
        );
      });
    },
  },
  {
    name: 'ExtendProp',
    rules: 'LE5',
    says: 'an extension moves the deadline and nothing else, by no more than is left',
    holds: (step, c) => {
      const { before, after, messages } = step;
      if (!before.isUp()) return true;
      return messages.every((m) => {
        if (before.state(m) !== 'leased' || after.state(m) !== 'leased' || isAlone(step, m)) return true;
        const isMoved =
          before.timer(m) > 0 &&
          (c.Visibilities.includes(after.timer(m)) || after.timer(m) === before.visibility(m)) &&
          after.timer(m) <= before.left(m) &&
          keeps(step, m, 'attempt', 'epoch', 'receipt', 'left', 'visibility', 'releases', 'ttl', 'keep', 'window') &&
          keeps(step, m, 'error', 'delivered');
        return isMoved || passes(step, 1);
      });
    },
  },
];
