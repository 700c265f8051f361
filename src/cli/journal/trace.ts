import type { Fact } from '../../core/facts.ts';
import type { Limits } from '../../core/limits.ts';
import { endOf, readFacts } from '../../journal/read-facts.ts';
import { UnreadableError } from '../../journal/read-live.ts';
import type { Item } from '../../journal/record-items.ts';
import type { RecoverOptions } from '../../journal/recover.ts';
import type { Replica } from '../../journal/replica.ts';
import type { Refusal } from '../../journal/scan.ts';
import type { StorageReader } from '../../ports/storage.ts';
import { constantsOf } from '../../trace/format.ts';
import { TraceRecorder } from '../../trace/recorder.ts';

export interface Traced {
  /** The frame after which the trace begins; 0: with all that the log still holds. */
  readonly after: number;
  /** Where the journal could not be read on, null when all was told. */
  readonly refusal: Refusal | null;
}

/**
 * The journal as a trace. A trace has one set of constants: it begins where the limits last changed, or as far back as the log
 * reaches, with what was found there. @throws UnreadableError
 */
export function traceOf(source: StorageReader, options: RecoverOptions, write: (line: string) => void): Traced {
  const end = endOf(source, options);
  const after = lastChange(source, options, end);
  let recorder: TraceRecorder | null = null;
  const begin = (replica: Replica): void => {
    const limits = replica.limits as Limits;
    recorder = new TraceRecorder({ producer: 'journal', commit: null, limits, write });
    for (const shard of replica.shards) recorder.begin(shard);
  };
  const refusal = readFacts(source, options, end, {
    begun: (replica) => {
      if (after === 0) begin(replica);
    },
    fact: ({ shard, item }) => {
      if (shard !== null) recorder?.take(shard, item as Fact);
    },
    frame: (replica, sequence) => {
      if (sequence === after) begin(replica);
    },
  });
  // Compaction took the beginning away between two looks.
  if (recorder === null && refusal === null) throw new UnreadableError(null);
  return { after, refusal };
}

/** The frame in which the limits that a trace knows last changed; 0 when the log holds no change. */
function lastChange(source: StorageReader, options: RecoverOptions, end: number): number {
  let constants = '';
  let after = 0;
  const said = (limits: Limits): string => JSON.stringify(constantsOf(limits));
  const limitsIn = (item: Item): Limits | null =>
    item.name === 'started' || item.name === 'limited' ? item.limits : null;
  readFacts(source, options, end, {
    begun: ({ limits }) => {
      if (limits !== null) constants = said(limits);
    },
    fact: ({ item }, { sequence }) => {
      const limits = limitsIn(item);
      if (limits === null || said(limits) === constants) return;
      constants = said(limits);
      after = sequence;
    },
  });
  return after;
}
