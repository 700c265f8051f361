import type { Command } from 'commander';
import { visible } from '../platform/visible.ts';
import type { TraceStep } from '../trace/format.ts';
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
    .option('--json', 'print JSON');
  check.addHelpText('after', '\nExit: 0 it is, 1 it is not, 2 it cannot be read');
  examples(check, 'mailbox trace check run.ndjson', 'mailbox trace check run.ndjson --explain --tlc');
  check.action(async (file: string, { explain, tlc, json }: { explain?: true; tlc?: true; json?: true }) => {
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
