import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { TraceStep } from '../trace/format.ts';
import { EXIT, examples, print, printJson, UsageError } from './shared.ts';

export function addTrace(program: Command): void {
  const trace = program.command('trace').description('recorded behaviour against the specification');
  addCheck(trace);
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
    const text = readFileSync(file === '-' ? 0 : file, 'utf8');
    const result = asUsage(() => checkTrace(text));
    const byTlc = tlc === true ? await askTlc(text) : null;
    if (json === true) printJson({ file, ...result, tlc: byTlc });
    else {
      print(explainTrace(result, explain === true));
      if (byTlc !== null)
        print(byTlc ? 'TLC: a behaviour of the specification' : 'TLC: not a behaviour of the specification');
    }
    const agree = byTlc === null || byTlc === (result.mismatch === null);
    if (!agree) process.stderr.write('the two checkers disagree: one of them is wrong\n');
    process.exitCode = result.mismatch === null && agree ? EXIT.ok : EXIT.failed;
  });
}

/** A trace that cannot be read is a wrong call: one line, exit 2. */
function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if ((error as Error).name === 'TraceError') throw new UsageError((error as Error).message);
    throw error;
  }
}

/** Shard by shard: the specification knows one. */
async function askTlc(text: string): Promise<boolean> {
  const { linesOf, parseHeader, parseStep, acceptedByTlc, checkJava, tlcJar, TlcTraceError } = await tracing();
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
  const [check, explain, parse, tlc, jar] = await Promise.all([
    import('../trace/check.ts'),
    import('../trace/explain.ts'),
    import('../trace/parse.ts'),
    import('../trace/tlc.ts'),
    import('../model/jar.ts'),
  ]);
  return { ...check, ...explain, ...parse, ...tlc, ...jar };
}
