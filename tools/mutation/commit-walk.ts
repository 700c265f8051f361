import type { Fact } from '../../src/core/facts.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { ProcessFact } from '../../src/ports/process-facts.ts';
import { GroupCommit } from '../../src/service/commit.ts';

/** Everything that may be done to a commit: every other `add` is a note; `later` is time for what is only noted. */
const TRIED = ['add', 'happen', 'hold', 'pump', 'soon', 'later', 'stamp', 'durable', 'fail'] as const;
type Tried = (typeof TRIED)[number];
const STEPS_MAX = 5;
const LATER_MS = 500;
const NOTES_MS = 1000;
const FIRST_MS = 1000;

/** What the outside sees: appends with what they hold, and replies. */
interface Subject {
  readonly seen: string[];
  does(what: Tried, number: number): void;
  isBusy(): boolean;
}

/**
 * The group commit beside a plain account of what it must do, in every sequence of a few steps, with `soon` and stamps, and without.
 * The models know no notes, no stamps and no waiting for company; this does. Null, or where they part.
 */
export function commitDifference(): string | null {
  for (const withAll of [true, false])
    for (let length = 1; length <= STEPS_MAX; length++)
      for (let code = 0; code < TRIED.length ** length; code++) {
        const sequence = Array.from(
          { length },
          (_, i) => TRIED[Math.floor(code / TRIED.length ** i) % TRIED.length] as Tried,
        );
        const [real, plain] = [realOf(withAll), plainOf(withAll)];
        sequence.forEach((what, number) => {
          real.does(what, number);
          plain.does(what, number);
        });
        const [own, must] = [real, plain].map((one) => [...one.seen, one.isBusy() ? 'busy' : 'idle'].join(' '));
        if (own !== must) return `after ${sequence.join(', ')}: ${own} and not ${must}`;
      }
  return null;
}

const factOf = (number: number): { name: string; atMs: number } => ({ name: `fact ${number}`, atMs: number });

function realOf(withAll: boolean): Subject {
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  let happened = 0;
  let nowMs = FIRST_MS;
  let outstanding = false;
  const commit = new GroupCommit({
    append: (batches: readonly Batch[]) => {
      outstanding = true;
      seen.push(`[${batches.map(({ shard, facts }) => `${shard}:${facts.map(({ name }) => name)}`)}]`);
    },
    notes: () => {
      const facts = happened === 0 ? [] : [factOf(-happened) as unknown as ProcessFact];
      happened = 0;
      return facts;
    },
    ...(withAll ? { soon: (flush: () => void) => seen.push(`asked${waiting.push(flush)}`), stamp: () => STAMP } : {}),
  });
  const actions: Readonly<Record<Tried, (number: number) => void>> = {
    add: (number) => {
      if (number % 2 === 0) commit.add(1, [factOf(number) as unknown as Fact]);
      else commit.note(factOf(number) as unknown as ProcessFact);
    },
    happen: () => happened++,
    hold: (number) => commit.whenDurable((durable) => seen.push(`${number}${durable}`)),
    pump: () => commit.pump(),
    soon: () => waiting.shift()?.(),
    later: () => {
      nowMs += LATER_MS;
      commit.pumpNotes(nowMs);
    },
    stamp: () => commit.stampAlone(),
    durable: () => {
      if (!outstanding) return;
      outstanding = false;
      commit.durable();
    },
    fail: () => {
      outstanding = false;
      commit.fail();
    },
  };
  return { seen, does: (what, number) => actions[what](number), isBusy: () => commit.isBusy };
}
const STAMP = { name: 'stamp' } as unknown as ProcessFact;

/** What is open, as it will be written, and the replies that wait for it. */
interface Open {
  batches: string[];
  replies: number[];
}

/** The plain account: what waits, what is under way, who must be told. */
function plainOf(withAll: boolean): Subject {
  const seen: string[] = [];
  let open: Open = { batches: [], replies: [] };
  let underWay: number[] | null = null;
  let [failed, asked, happened, nowMs, notedMs] = [false, false, 0, FIRST_MS, 0];
  const tell = (replies: readonly number[], durable: boolean): void => {
    for (const reply of replies) seen.push(`${reply}${durable}`);
  };
  const takeNotes = (): void => {
    if (happened > 0) open.batches.push(`null:fact ${-happened}`);
    happened = 0;
  };
  const begin = (): void => {
    takeNotes();
    underWay = open.replies;
    seen.push(`[${withAll ? ['null:stamp', ...open.batches] : open.batches}]`);
    open = { batches: [], replies: [] };
  };
  const pump = (): void => {
    if (failed || asked || underWay !== null || open.batches.length === 0) return;
    if (!withAll) return begin();
    asked = true;
    seen.push('asked1');
  };
  const actions: Readonly<Record<Tried, (number: number) => void>> = {
    add: (number) => open.batches.push(`${number % 2 === 0 ? 1 : null}:fact ${number}`),
    happen: () => happened++,
    hold: (number) => {
      if (failed) tell([number], false);
      else if (open.batches.length > 0) open.replies.push(number);
      else if (underWay !== null) underWay.push(number);
      else tell([number], true);
    },
    pump,
    soon: () => {
      if (!asked) return;
      asked = false;
      if (!failed) begin();
    },
    later: () => {
      nowMs += LATER_MS;
      if (notedMs > nowMs - NOTES_MS || open.batches.length > 0) return;
      notedMs = nowMs;
      takeNotes();
      pump();
    },
    stamp: () => {
      if (failed) return;
      if (open.batches.length === 0) open.batches.push('null:');
      pump();
    },
    durable: () => {
      if (underWay === null) return;
      const replies = underWay;
      underWay = null;
      tell(replies, true);
      pump();
    },
    fail: () => {
      const replies = [...(underWay ?? []), ...open.replies];
      failed = true;
      underWay = null;
      open = { batches: [], replies: [] };
      tell(replies, false);
    },
  };
  const isBusy = (): boolean => underWay !== null || open.batches.length > 0;
  return { seen, does: (what, number) => actions[what](number), isBusy };
}
