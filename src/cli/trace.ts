import type { Command } from 'commander';
import { visible, visibleBlock } from '../platform/visible.ts';
import type { TraceStep } from '../trace/format.ts';
import type { HistoryHeader, Op } from '../trace/history/format.ts';
import { LONGEST_BYTES, readText, writeText } from './files.ts';
import { EXIT, examples, print, printJson, say, UsageError } from './shared.ts';

export function addTrace(program: Command): void {
  const trace = program.command('trace').description('recorded behaviour against the specification');
  addCheck(trace);
  addFromTlc(trace);
}

function addCheck(trace: Command): void {
  const check = trace
    .command('check <file>')
    .description('is this trace a behaviour of the specification? (- for standard input)');
  check
    .option('--explain', 'say what was matched and why no action fits')
    .option('--tlc', 'ask TLC too (needs Java 11)')
    .option('--history', 'the file is a history: what clients asked and were answered, held against what they may see')
    .option('--json', 'print JSON');
  check.addHelpText('after', '\nExit: 0 it is (a history: it holds), 1 it is not, 2 it cannot be read');
  examples(
    check,
    ...['mailbox trace check run.ndjson', 'mailbox trace check run.ndjson --explain --tlc'],
    'mailbox trace check answers.ndjson --history',
  );
  check.action(async (file: string, options: CheckOptions) => {
    const { explain, tlc, json } = options;
    if (options.history === true) return checkHistoryIn(file, options);
    const { checkTrace, explainTrace } = await tracing();
    const text = textIn(file);
    const result = asUsage(file, () => checkTrace(text));
    const byTlc = tlc === true ? await askTlc(text) : null;
    if (json === true) printJson({ file, ...result, tlc: byTlc });
    else {
      print(explainTrace(result, explain === true));
      if (byTlc !== null)
        print(byTlc ? 'TLC: a behaviour of the specification' : 'TLC: not a behaviour of the specification');
    }
    const agree = byTlc === null || byTlc === (result.mismatch === null);
    if (!agree) say('the two checkers disagree: one of them is wrong');
    process.exitCode = result.mismatch === null && agree ? EXIT.ok : EXIT.failed;
  });
}

interface CheckOptions {
  readonly explain?: true;
  readonly tlc?: true;
  readonly history?: true;
  readonly json?: true;
}

/** A history that breaks a rule is a verdict; so is one of which the two checkers say different things. */
async function checkHistoryIn(file: string, { explain, tlc, json }: CheckOptions): Promise<void> {
  const { checkHistory, explainHistory } = await import('../trace/history/check.ts');
  const text = textIn(file);
  const checked = asUsage(file, () => checkHistory(text));
  const { header, ops, violations, lineOf } = checked;
  const broken = [...new Set(violations.map(({ rule }) => rule))].sort();
  const byTlc = tlc === true ? await askTlcOfHistory(header, ops) : null;
  if (json === true) {
    const told = violations.map(({ rule, ops: by, why }) => ({ rule, lines: by.map((op) => lineOf.get(op)), why }));
    printJson({ file, calls: ops.length, holds: violations.length === 0, violations: told, tlc: byTlc });
  } else {
    print(visibleBlock(explainHistory(checked, explain === true ? Number.POSITIVE_INFINITY : undefined)));
    if (byTlc !== null) print(byTlc.length === 0 ? 'TLC: holds' : `TLC: ${byTlc.join(', ')}`);
  }
  const agree = byTlc === null || byTlc.join() === broken.join();
  if (!agree) say('the two checkers disagree: one of them is wrong');
  process.exitCode = violations.length === 0 && agree ? EXIT.ok : EXIT.failed;
}

async function askTlcOfHistory(...history: [HistoryHeader, readonly Op[]]): Promise<readonly string[]> {
  const { checkJava, tlcJar } = await tracing();
  const { brokenByTlc, TlcHistoryError } = await import('../trace/history/tlc.ts');
  checkJava();
  try {
    return [...(await brokenByTlc(tlcJar(), ...history))].sort();
  } catch (error) {
    if (error instanceof TlcHistoryError) throw new UsageError(error.message);
    throw error;
  }
}

function addFromTlc(trace: Command): void {
  const fromTlc = trace
    .command('from-tlc <file>')
    .description(
      'follow a counterexample that TLC printed with the code, and write it as a trace (- for standard input)',
    )
    .requiredOption('--model <name>', 'the model that TLC checked')
    .option('--trace <file>', 'write the trace here: `mailbox trace check` says whether the specification has it')
    .option('--json', 'print JSON');
  fromTlc.addHelpText(
    'after',
    '\nExit: 0 the code does all of it, 1 the code does something else at some step, 2 it cannot be read',
  );
  examples(fromTlc, 'mailbox trace from-tlc tlc.txt --model NegResetAttempts --trace bug.ndjson');
  fromTlc.action(async (file: string, options: { model: string; trace?: string; json?: true }) => {
    const { replayCounterexample } = await import('../trace/from-tlc.ts');
    const text = textIn(file);
    const replayed = asUsage(file, () => replayCounterexample(text, options.model));
    if (options.trace !== undefined) {
      if (replayed.trace === null) throw new UsageError(`trace: ${options.model} is not a model of single messages`);
      writeText('--trace', options.trace, replayed.trace);
    }
    if (options.json === true) printJson(replayed.summary);
    else print(replayed.text);
    process.exitCode = replayed.summary.matched === replayed.summary.states ? EXIT.ok : EXIT.failed;
  });
}

const textIn = (file: string): string => readText('trace', file, LONGEST_BYTES);

/** A trace that cannot be read is a wrong call: one line, exit 2. */
function asUsage<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { name, message } = error as Error;
    if (name === 'TraceError' || name === 'CounterexampleError')
      throw new UsageError(`${visible(file)}: ${message}`, 'E_FILE');
    throw error;
  }
}

/** Shard by shard: the specification knows one. */
async function askTlc(text: string): Promise<boolean> {
  const { linesOf, parseHeader, parseStep, checkJava, tlcJar } = await tracing();
  const { acceptedByTlc, TlcTraceError } = await import('../trace/tlc.ts');
  const [first, ...lines] = linesOf(text);
  const { constants } = parseHeader(first as string);
  const shards = new Map<number, TraceStep[]>();
  for (const [i, line] of lines.entries()) {
    const step = parseStep(line, i + 2);
    const steps = shards.get(step.shard);
    if (steps === undefined) shards.set(step.shard, [step]);
    else steps.push(step);
  }
  checkJava();
  try {
    return (await acceptedByTlc(tlcJar(), [...shards.values()], constants)).every((accepted) => accepted);
  } catch (error) {
    if (error instanceof TlcTraceError) throw new UsageError(error.message);
    throw error;
  }
}

/** Loaded when it is asked for: the other commands start without it. */
async function tracing() {
  const [check, explain, parse, jar] = await Promise.all([
    import('../trace/check.ts'),
    import('../trace/explain.ts'),
    import('../trace/parse.ts'),
    import('../model/jar.ts'),
  ]);
  return { ...check, ...explain, ...parse, ...jar };
}
