import { type Command, Option } from 'commander';
import type { Described } from '../../journal/describe.ts';
import type { RecoverOptions } from '../../journal/recover.ts';
import type { Refusal } from '../../journal/scan.ts';
import { visible } from '../../platform/visible.ts';
import { WALL_SET_MS } from '../../ports/clock.ts';
import type { Clocks } from '../../ports/process-facts.ts';
import type { StorageReader } from '../../ports/storage.ts';
import { examples, say, UsageError, wholeNumber } from '../shared.ts';
import { Output } from '../standard.ts';
import { asUsage, type Options, onData, openData } from './shared.ts';

interface CatOptions extends Options {
  readonly trace?: true;
  readonly payload?: true;
  readonly msgId?: string;
  readonly from?: number;
  readonly to?: number;
}

const NOTES = `Receipts are never shown. Times are of the wall clock; fields that end in _ms are of the service clock, which nobody sets:
a fact \`clocks\` says how the two stand where the wall clock was set. Exit: 0 all was told, 1 the journal is damaged, 2 there is none, or it cannot be read.`;

export function addCat(journal: Command): void {
  const cat = onData(journal.command('cat').description('every fact that the log still holds, a line each'));
  cat
    .addOption(new Option('--from <frame>', 'begin with this frame').argParser(frame('--from')))
    .addOption(new Option('--to <frame>', 'end with this frame').argParser(frame('--to')))
    .option('--msg-id <id>', 'this message only')
    .option('--payload', 'payloads too, in base64')
    .option('--trace', 'as a trace, for `mailbox trace check`');
  cat.addHelpText('after', `\n${NOTES}`);
  examples(
    cat,
    'mailbox journal cat --msg-id 01M862BHTV00348BQQQR000000',
    'mailbox journal cat --trace | mailbox trace check -',
  );
  cat.action(async (options: CatOptions) => {
    const others = [options.from, options.to, options.msgId, options.payload, options.json];
    if (options.trace === true && others.some((other) => other !== undefined)) {
      throw new UsageError('trace: all of the journal, in its own format: no other option goes with it');
    }
    const { source, recovering } = await openData(options);
    const { UnreadableError } = await import('../../journal/read-live.ts');
    const output = new Output();
    const cat = options.trace === true ? catTrace : catFacts;
    const refusal = await asUsage(() => cat(source, recovering, output, options));
    output.flush();
    if (refusal !== null) throw new UnreadableError(refusal);
  });
}

type Cat = (
  source: StorageReader,
  recovering: RecoverOptions,
  output: Output,
  options: CatOptions,
) => Promise<Refusal | null>;

const catTrace: Cat = async (source, recovering, output) => {
  const { traceOf } = await import('./trace.ts');
  const { after, refusal } = traceOf(source, recovering, (line) => output.write(line));
  if (after > 1) say(`the trace begins after frame ${after}: other limits were in force before`);
  return refusal;
};

const catFacts: Cat = async (source, recovering, output, options) => {
  const { describe } = await import('../../journal/describe.ts');
  const { readPayload } = await import('../../journal/payload-files.ts');
  const { endOf, readFacts } = await import('../../journal/read-facts.ts');
  const { from = 1, to = Number.POSITIVE_INFINITY, msgId, payload, json } = options;
  const readApart = (hash: string): Uint8Array | null => {
    const found = readPayload(source, hash);
    if (found.found === 'unknown') throw found.error;
    return found.found === 'whole' ? found.bytes : null;
  };
  const clock = new ToldClock();
  return readFacts(source, recovering, endOf(source, recovering), {
    begun: ({ clocks }) => clock.begin(clocks),
    fact: (entry, { sequence }) => {
      if (entry.item.name === 'clocks' && !clock.isSet(entry.item)) return;
      if (sequence < from || sequence > to) return;
      if (msgId !== undefined && (entry.item as { msgId?: string }).msgId !== msgId) return;
      const told = clock.dated({ frame: sequence, ...describe(entry, payload === true, readApart) });
      output.write(`${json === true ? JSON.stringify(told) : factLine(told)}\n`);
    },
  });
};

const frame = (name: string) => wholeNumber(name, 1, Number.MAX_SAFE_INTEGER);

/** The wall clock, as the journal tells of it from frame to frame: facts stand at the service clock. */
class ToldClock {
  private aheadMs: number | null = null;

  begin(clocks: Clocks | null): void {
    if (clocks !== null) this.aheadMs = clocks.wallMs - clocks.serviceMs;
  }

  /** False where it stands as it did. */
  isSet({ serviceMs, wallMs }: Clocks): boolean {
    const before = this.aheadMs;
    this.aheadMs = wallMs - serviceMs;
    return before !== null && Math.abs(this.aheadMs - before) > WALL_SET_MS;
  }

  dated(told: Described): Described {
    const { at_ms, wall_ms } = told;
    const wallMs = typeof at_ms === 'number' ? at_ms + (this.aheadMs ?? 0) : wall_ms;
    const isDate = typeof wallMs === 'number' && Math.abs(wallMs) <= DATE_MS_MAX;
    return { ...told, at: isDate ? new Date(wallMs).toISOString() : null };
  }
}
/** ECMA-262, time values: no date is further from 1970. */
const DATE_MS_MAX = 8.64e15;

function factLine({ frame, shard, fact, at, at_ms: _, msg_id, ...rest }: Described): string {
  const fields = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' && PLAIN.test(value) ? value : JSON.stringify(value)}`,
  );
  const where = `${String(frame).padStart(8)} ${String(shard ?? '-').padStart(4)}`;
  const id = msg_id === undefined ? [] : [msg_id];
  return visible([where, String(at ?? '-').padEnd(24), String(fact).padEnd(11), ...id, ...fields].join(' '));
}

const PLAIN = /^[\x21-\x7e]+$/;
