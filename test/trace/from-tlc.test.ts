import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkTrace } from '../../src/trace/check.ts';
import { replayCounterexample } from '../../src/trace/from-tlc.ts';

/** As TLC 2.18 printed them. */
const printed = (name: string): string => readFileSync(new URL(`counterexamples/${name}.txt`, import.meta.url), 'utf8');
const replayed = (name: string) => replayCounterexample(printed(name), name);

describe('counterexamples of TLC, driven through the code', () => {
  it('attempts counted anew by a recovery: the code parts at the recovery, the trace at what follows (V3, RT4)', () => {
    const { summary, text, trace } = replayed('NegResetAttempts');
    expect(summary).toEqual({
      model: 'NegResetAttempts',
      violated: 'Invariant AttemptsBoundedInv is violated.',
      ...{ states: 9, matched: 6, parts: 'Recover', loops_to: null },
    });
    expect(text).toContain(
      'the counterexample Recover\n    /\\ attempt = <<0>>\n    /\\ up = TRUE\nthe code Recover\n',
    );
    const { matched, mismatch } = checkTrace(trace as string);
    expect([matched, mismatch?.line, mismatch?.step.action]).toEqual([5, 7, 'Nack']);
  });

  it('a stale receipt accepted: the code parts at the ack; a trace does not say which receipt it came with (LE3)', () => {
    const { summary, text, trace } = replayed('NegStaleReceipt');
    expect(summary).toMatchObject({ states: 4, matched: 3, parts: 'Ack' });
    expect(text).toContain('the counterexample Ack\n');
    expect(text).toContain('settled = <<<<1, 0, "ack", "acked", 2>>>>');
    expect(text).toContain('settled = <<<<1, 1, "ack", "acked", 2>>>>');
    expect(checkTrace(trace as string)).toMatchObject({ matched: 3, mismatch: null });
  });

  it('a violation of liveness: the way to the state where it stays, and the state', () => {
    const { summary, trace } = replayed('NegUnfairRecv');
    expect(summary).toMatchObject({ states: 8, matched: 8, parts: null, loops_to: 7 });
    expect(checkTrace(trace as string)).toMatchObject({ matched: 4, mismatch: null });
  });

  it('a reply before its fact is durable: the code has no such step, and there is no trace of single messages (AC1)', () => {
    const { summary, trace } = replayed('NegReplyEarly');
    expect([summary.matched, summary.parts, trace]).toEqual([1, 'Send', null]);
  });

  it('what is not a counterexample of this model is refused in one line (T4)', () => {
    const refused = (output: string, model: string): string => {
      try {
        replayCounterexample(output, model);
      } catch (error) {
        return (error as Error).message;
      }
      return 'taken';
    };
    expect(refused('', 'NegResetAttempts')).toMatch(/^no counterexample/);
    expect(refused(printed('NegStaleReceipt'), 'Nonsense')).toMatch(/^model: one of MCMailbox, /);
    expect(refused(printed('NegReplyEarly'), 'NegStaleReceipt')).toMatch(/^state 1: variables are /);
    expect(refused(printed('NegStaleReceipt').replace('<Recv ', '<Receive '), 'NegStaleReceipt')).toBe(
      'state 3: Receive is no action of this model',
    );
    expect(
      refused(printed('NegStaleReceipt').replace('attempt = <<1>>', 'attempt = <<"1">>'), 'NegStaleReceipt'),
    ).toMatch(/a number expected/);
  });
});
