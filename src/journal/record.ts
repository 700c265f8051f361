import type { Sent } from '../core/facts.ts';
import type { Batch } from '../ports/journal.ts';
import { BytesError, type Reader, type Writer } from './bytes.ts';
import { SHARDS_MAX } from './fields.ts';
import { FILE_HEADER_BYTES } from './layout.ts';
import { readFact, writeFact } from './record-facts.ts';
import { type Entry, type Item, KINDS } from './record-items.ts';
import { readMessage, writeMessage } from './record-message.ts';
import { readProcessFact, writeProcessFact } from './record-process.ts';
import { readSnapshotPart, writeSnapshotPart } from './record-snapshot.ts';

const NAME_OF = new Map(Object.entries(KINDS).map(([name, kind]) => [kind as number, name as keyof typeof KINDS]));
const PROCESS = 0xffff;
const PREFIX_BYTES = 7;
/** Kinds of the process, and those that begin and end a snapshot, belong to no shard; all others do. */
const OF_PROCESS: ReadonlySet<string> = new Set([
  ...[
    'started',
    'limited',
    'revoked',
    'charged',
    'clocks',
    'charged_link',
    'barred',
    'told',
    'redrive_begun',
    'redrive_went',
  ],
  ...['head', 'head_within', 'end'],
]);

export function writeBatch(w: Writer, batch: Batch, isApart: (fact: Sent) => boolean): void {
  if (batch.shard === null) for (const fact of batch.facts) writeRecord(w, null, fact, false);
  else {
    for (const fact of batch.facts) writeRecord(w, batch.shard, fact, fact.name === 'sent' && isApart(fact));
  }
}

export function writeRecord(w: Writer, shard: number | null, item: Item, apart = false): void {
  const start = w.length;
  w.u8(KINDS[kindOf(item, apart)]);
  w.u16(shard ?? PROCESS);
  w.u32(0);
  write(w, item, apart);
  w.u32At(start + 3, w.length - start - PREFIX_BYTES);
}

function kindOf(item: Item, apart: boolean): keyof typeof KINDS {
  if (item.name === 'head' && item.at !== FILE_HEADER_BYTES) return 'head_within';
  if (apart) return `${item.name as 'sent' | 'message'}_apart`;
  return item.name === 'charged' && item.chain !== undefined ? 'charged_link' : item.name;
}

/** @throws BytesError for what is no record of this version, naming the first field that no decision can have made */
export function readRecord(r: Reader): Entry {
  const kind = r.u8();
  const shard = r.u16();
  const bytes = r.u32();
  const name = NAME_OF.get(kind);
  if (name === undefined) throw new BytesError(`record of kind ${kind}, which this version does not know`);
  if (OF_PROCESS.has(name) ? shard !== PROCESS : shard >= SHARDS_MAX)
    throw new BytesError(`${name}: of shard ${shard}`);
  const end = r.at + bytes;
  if (end > r.end) throw new BytesError(`${name}: ends early`);
  let item: Item;
  try {
    item = read(r, name);
  } catch (error) {
    throw error instanceof BytesError ? new BytesError(`${name}: ${error.message}`) : error;
  }
  if (r.at !== end) throw new BytesError(`${name}: not as long as it says`);
  return { shard: shard === PROCESS ? null : shard, item };
}

function write(w: Writer, item: Item, apart: boolean): void {
  switch (item.name) {
    case 'sent':
    case 'received':
    case 'acked':
    case 'nacked':
    case 'extended':
    case 'released':
    case 'expired':
    case 'reprocessed':
    case 'purged':
    case 'recovered':
      return writeFact(w, item, apart);
    case 'message':
      return writeMessage(w, item, apart);
    case 'shard':
    case 'free_slots':
    case 'settled':
    case 'head':
    case 'end':
      return writeSnapshotPart(w, item);
    default:
      return writeProcessFact(w, item);
  }
}

function read(r: Reader, name: keyof typeof KINDS): Item {
  switch (name) {
    case 'sent':
    case 'sent_apart':
    case 'received':
    case 'acked':
    case 'nacked':
    case 'extended':
    case 'released':
    case 'expired':
    case 'reprocessed':
    case 'purged':
    case 'recovered':
      return readFact(r, name);
    case 'message':
      return readMessage(r, false);
    case 'message_apart':
      return readMessage(r, true);
    case 'shard':
    case 'free_slots':
    case 'settled':
    case 'head':
    case 'head_within':
    case 'end':
      return readSnapshotPart(r, name);
    default:
      return readProcessFact(r, name);
  }
}
