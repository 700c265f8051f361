import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../src/observe/log.ts';
import { type ByteOut, type DroppedLines, LogOutput, RETRY_MS } from '../../src/observe/log-output.ts';
import fc from '../support/properties.ts';

/** A reader that takes a text, takes a part and fails, or takes its time, as it is told. */
class Reader implements ByteOut {
  read = '';
  texts = 0;
  private pending: { text: string; done: (error: Error | null) => void } | null = null;
  private taken = 0;

  write(bytes: Buffer, done: (error: Error | null) => void): void {
    if (this.pending !== null) throw new Error('two writes at once');
    this.texts++;
    this.pending = { text: bytes.toString(), done };
  }
  get isAsked(): boolean {
    return this.pending !== null;
  }
  get asked(): string {
    return this.pending?.text ?? '';
  }
  take(): void {
    const { text, done } = this.pending as { text: string; done: (error: Error | null) => void };
    this.pending = null;
    this.read += text.slice(this.taken);
    this.taken = 0;
    done(null);
  }
  /** Half of what is left of it goes through, as on a disk that fills up. */
  fail(): void {
    const { text, done } = this.pending as { text: string; done: (error: Error | null) => void };
    this.pending = null;
    const half = this.taken + Math.floor((text.length - this.taken) / 2);
    this.read += text.slice(this.taken, half);
    this.taken = half;
    done(new Error('ENOSPC'));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const BYTES_MAX = 400;
const WRITE_BYTES = 120;

function outputTo(reader: Reader) {
  const told: DroppedLines[] = [];
  const output: LogOutput = new LogOutput({
    out: reader,
    waitingBytesMax: BYTES_MAX,
    writeBytes: WRITE_BYTES,
    resumed: (dropped) => {
      told.push(dropped);
      output.write(`dropped ${dropped.decisions} ${dropped.others}\n`);
    },
  });
  return { output, told };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('log output', () => {
  it('every line is written once, in order, or dropped and counted where it is missing; what waits is bounded (D10, R1)', async () => {
    let most = 0;
    let gaps = 0;
    let writes = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            { weight: 6, arbitrary: fc.record({ line: fc.integer({ min: 1, max: 90 }), decision: fc.boolean() }) },
            { weight: 2, arbitrary: fc.constant('take' as const) },
            { weight: 1, arbitrary: fc.constant('fail' as const) },
          ),
          { minLength: 1, maxLength: 120, size: 'max' },
        ),
        async (steps) => {
          const reader = new Reader();
          const { output, told } = outputTo(reader);
          const again = (): void => void vi.advanceTimersByTime(RETRY_MS);
          let said = 0;
          let decisions = 0;
          let taken = 0;
          for (const step of steps) {
            if (step === 'take') {
              if (!reader.isAsked) again();
              if (reader.isAsked) reader.take();
            } else if (step === 'fail') {
              if (reader.isAsked) reader.fail();
            } else {
              const line = `${said++} ${'x'.repeat(step.line)}\n`;
              const before = output.dropped.decisions + output.dropped.others;
              output.write(line, step.decision);
              if (output.dropped.decisions + output.dropped.others === before) taken += line.length;
              if (step.decision) decisions++;
            }
            await turn();
            const told = reader.read.match(/^dropped.*\n/gm)?.join('').length ?? 0;
            expect(taken - (reader.read.length - told)).toBeLessThanOrEqual(BYTES_MAX);
            writes = Math.max(writes, reader.texts);
          }
          most = Math.max(most, steps.length);
          again();
          while (reader.isAsked) {
            reader.take();
            await turn();
          }
          let next = 0;
          for (const line of reader.read.split('\n').slice(0, -1)) {
            const [word, first, second] = line.split(' ');
            if (word === 'dropped') {
              gaps++;
              next += Number(first) + Number(second);
            } else expect(Number(word)).toBe(next++);
          }
          expect(next).toBe(said);
          const sum = (field: keyof DroppedLines) => told.reduce((total, dropped) => total + dropped[field], 0);
          expect(output.dropped).toEqual({ decisions: sum('decisions'), others: sum('others') });
          expect(output.dropped.decisions).toBeLessThanOrEqual(decisions);
        },
      ),
      { numRuns: 100 },
    );
    // What was drawn reached what it is to reach.
    expect([most > 60, gaps > 20, writes > 10]).toEqual([true, true, true]);
  });

  it('a stalled reader: many lines take no more room than the bound, all of them counted (D10)', async () => {
    const reader = new Reader();
    const { output } = outputTo(reader);
    const line = `${'x'.repeat(99)}\n`;
    for (let i = 0; i < 200_000; i++) output.write(line, i % 2 === 0);
    await turn();
    while (reader.isAsked) {
      reader.take();
      await turn();
    }
    const kept = reader.read.replace(/^dropped.*\n/gm, '').length / line.length;
    expect(kept).toBe(BYTES_MAX / line.length);
    const { decisions, others } = output.dropped;
    expect(decisions + others).toBe(200_000 - kept);
  });

  it('lines of one turn go in one write', async () => {
    const reader = new Reader();
    const { output } = outputTo(reader);
    for (const line of ['a\n', 'b\n', 'c\n']) output.write(line);
    await turn();
    reader.take();
    expect([reader.read, reader.texts]).toEqual(['a\nb\nc\n', 1]);
  });

  it('the end: waits for the last lines, not for a reader that takes none, nor for one that fails (D10)', async () => {
    const reader = new Reader();
    const { output } = outputTo(reader);
    output.write('last\n');
    const written = output.end(60_000);
    await turn();
    reader.take();
    await written;
    expect(reader.read).toBe('last\n');

    output.write('never\n');
    const late = output.end(10);
    await turn();
    vi.advanceTimersByTime(10);
    await late;
    expect(reader.asked).toBe('never\n');
    const failed = output.end(60_000);
    reader.fail();
    await failed;
    expect(reader.read).toBe('last\nnev');
  });

  it('decision lines are told apart by their field (O3)', () => {
    const seen: [string, boolean][] = [];
    const log = createLog('info', 'json', (line, isDecision) => seen.push([JSON.parse(line).event, isDecision]));
    log.warn('auth.denied', { decision: 'denied' });
    log.info('server.ready', {});
    expect(seen).toEqual([
      ['auth.denied', true],
      ['server.ready', false],
    ]);
  });
});
