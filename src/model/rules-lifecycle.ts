import type { MailboxConstants } from './mailbox.ts';
import type { SettledView } from './mailbox-view.ts';
import {
  dies,
  goes,
  isAlone,
  isAvailable,
  isDue,
  isFirst,
  isKeyLive,
  keeps,
  leases,
  passes,
  type Step,
  type StepRule,
  sameEntries,
  sameSettled,
  says,
} from './rule-step.ts';

function settlesAnew({ before, after }: Step, entry: SettledView, { TReplay }: MailboxConstants): boolean {
  const { m, receipt, verb, to, ticks } = entry;
  return (
    before.state(m) === 'leased' &&
    before.timer(m) > 0 &&
    after.receipt(m) === 0 &&
    receipt === before.receipt(m) &&
    to === after.state(m) &&
    (verb === 'ack') === (to === 'acked') &&
    ticks === TReplay
  );
}

/** The step changes the state of this message, or moves its deadline; no time passes for it meanwhile. */
const isAbout = (step: Step, m: number): boolean => {
  const { before, after } = step;
  if (before.state(m) !== after.state(m)) return before.state(m) === 'absent' || keeps(step, m, 'window');
  return before.state(m) === 'leased' && keeps(step, m, 'left', 'keep', 'window', 'ttl');
};

/** Of time, of what is accepted, and of leases while they last. */
export const LIFECYCLE_RULES: readonly StepRule[] = [
  {
    name: 'TimeProp',
    rules: 'TM1, RT3, RT4',
    says: 'a step is time, or a crash, or about one message and whom its dead letter pushes out; time passes only where nothing is due',
    holds: (step, c) => {
      const { before, after, messages } = step;
      if (!before.isUp()) return after.isUp() && c.Elapsed.some((d) => passes(step, d));
      if (!after.isUp()) return passes(step, 0) && after.crashes() === before.crashes() + 1;
      const changed = messages.filter((m) => !isAlone(step, m));
      const isOfOne = changed.some(
        (m) => isAbout(step, m) && changed.every((o) => o === m || (goes(step, o) && dies(step, m))),
      );
      if (isOfOne || (changed.length === 0 && sameSettled(step))) return true;
      return passes(step, 1) && !messages.some((m) => isDue(before, m, c));
    },
  },
  {
    name: 'WindowOpensProp',
    rules: 'AC1, AC2, ID1',
    says: 'what is accepted is new, the next in line, under no live key, and its window opens; no other window opens',
    holds: ({ before, after, messages }, c) =>
      messages.every((m) => {
        if (after.window(m) > before.window(m) && before.state(m) !== 'absent') return false;
        if (before.state(m) !== 'absent' || after.state(m) === 'absent') return true;
        return (
          after.state(m) === 'queued' &&
          after.window(m) === c.TReplay &&
          after.isAccepted(m) &&
          c.Delays.includes(after.timer(m)) &&
          c.Ttls.includes(after.ttl(m)) &&
          after.keep(m) === c.ReadyRetention &&
          messages.every((o) => o >= m || before.state(o) !== 'absent') &&
          !isKeyLive(before, m, { messages }, c)
        );
      }),
  },
  {
    name: 'OrderProp',
    rules: 'LE1',
    says: 'what is leased is the first of its topic that is there to be had',
    holds: (step, c) =>
      step.messages.every((m) => !leases(step, m) || (isAvailable(step.before, m) && isFirst(step.before, m, step, c))),
  },
  {
    name: 'LeaseProp',
    rules: 'LE2, LE5, LE6',
    says: 'a lease counts once, lasts as long as was asked for, and can be extended up to inflight_factor times that',
    holds: (step, c) => {
      const { before, after, messages } = step;
      return messages.every(
        (m) =>
          !leases(step, m) ||
          (after.attempt(m) === before.attempt(m) + 1 &&
            after.epoch(m) === before.epoch(m) + 1 &&
            after.receipt(m) === after.epoch(m) &&
            after.delivered(m) === before.delivered(m) + 1 &&
            c.Visibilities.includes(after.timer(m)) &&
            after.visibility(m) === after.timer(m) &&
            after.left(m) === c.InflightFactor * after.timer(m) &&
            c.Budgets.some((budget) => (c.SizeOf[m - 1] as number) <= budget) &&
            keeps(step, m, 'redrives', 'releases', 'ttl', 'window', 'error')),
      );
    },
  },
  {
    name: 'LateProp',
    rules: 'LE3, RT3',
    says: 'after its deadline a lease can only run out: nobody settles it, and nothing makes it longer',
    holds: (step, c) => {
      const { before, after, messages } = step;
      return messages.every((m) => {
        if (before.state(m) !== 'leased' || before.timer(m) > 0 || keeps(step, m, 'state', 'receipt', 'timer'))
          return true;
        const isReturned = after.state(m) === 'redelivered' || after.state(m) === 'dead_lettered';
        return isReturned && sameSettled(step) && keeps(step, m, 'attempt') && says(after, m, ['expired'], c);
      });
    },
  },
  {
    name: 'RepeatProp',
    rules: 'LE4',
    says: 'what settled a lease is remembered, as it was, until its time is over or there are too many',
    holds: (step, c) => {
      const { before, after } = step;
      if (before.settledCount() + after.settledCount() === 0 || sameSettled(step)) return true;
      const [old, now] = [before.settled(), after.settled()];
      const last = now.at(-1);
      if (before.isUp() && last !== undefined && settlesAnew(step, last, c))
        return sameEntries(old.length < c.SettledCapacity ? old : old.slice(1), now.slice(0, -1));
      return (before.isUp() ? [1] : c.Elapsed).some((d) => passes(step, d));
    },
  },
];
