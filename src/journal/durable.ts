import { randomBytes } from 'node:crypto';
import type { ShardState } from '../core/state.ts';
import { blake3 } from '../integrity/blake3.ts';
import { payloadHashOf } from '../integrity/hash-chain.ts';
import type { Lack } from '../ports/journal.ts';
import type { PastReader } from '../ports/past.ts';
import type { ObjectPlace, ObjectsOf, PayloadStore } from '../ports/payload-store.ts';
import type { JournalEvents } from './compaction.ts';
import { EmbeddedJournal } from './embedded.ts';
import { FileStorage } from './file-storage.ts';
import { FolderError, holdFolder } from './folder.ts';
import { SALT_BYTES } from './layout.ts';
import { OneLog } from './one-log.ts';
import { PayloadFiles } from './payload-files.ts';
import { PayloadsOfBoth, settlePlace } from './payload-place.ts';
import { inTurns } from './pieces.ts';
import { type RecoverOptions, recovering } from './recover.ts';
import { contentsOf } from './replica.ts';
import { type LendDescriptors, THREAD_DESCRIPTORS, workerCompactor } from './worker-compactor.ts';
import { PastThread } from './worker-past.ts';
import { replayProgram, replayShard } from './worker-replay.ts';

/** How real journals are read: with the hashes of the wire. */
export const RECOVERING: RecoverOptions = { hash: blake3, payloadHashOf };

/** What the journal opens at once at most: a few files, and those of two threads. They are kept back before anybody connects (rule 4). */
export const JOURNAL_DESCRIPTORS = 8 + 2 * THREAD_DESCRIPTORS;

export interface DurableOptions {
  readonly folder: string;
  readonly segmentBytes: number;
  readonly acceptTornTail: boolean;
  readonly events: JournalEvents;
  /** After each write and sync of the log. */
  readonly onSync: (seconds: number, bytes: number) => void;
  /** So many of the last facts of messages are remembered (B10). */
  readonly remember: number;
  /** Where large payloads are kept, if not in files of the directory (B11), and how that is opened by the name of a directory in it. */
  readonly objects?: { readonly place: ObjectPlace; readonly open: (folder: string) => PayloadStore } | undefined;
  /** Bytes of what no start needs any more that are kept for the feed (B10). */
  readonly historyBytes: number;
  /** Recovery ends with its reason when it is aborted. */
  readonly ended: AbortSignal;
}

export interface DurableJournal {
  /** Where it is. */
  readonly path: string;
  readonly journal: EmbeddedJournal;
  /** The shards it says there are; null in a new directory. */
  readonly shards: ShardState[] | null;
  readonly lend: LendDescriptors;
  /** Where its large payloads are besides its own files. */
  readonly objects: ObjectsOf | null;
  /** Reads what is not remembered. */
  readonly past: PastReader;
  /** Lets the directory go; nothing may be under way. */
  close(): void;
}

/**
 * Takes a data directory and opens the journal in it; reading it is done a while at a time, for it may take long. @throws FolderError,
 * JournalRefused, or the reason of `ended`
 */
export async function openDurable(options: DurableOptions): Promise<DurableJournal> {
  const { folder, segmentBytes, acceptTornTail, events, onSync, remember, historyBytes, objects, ended } = options;
  const held = unlessSystem(folder, () => holdFolder(folder));
  const storage = new FileStorage(held.path, { onDurableWrite: onSync, heldDescriptors: JOURNAL_DESCRIPTORS });
  const lend: LendDescriptors = (count) => storage.lendDescriptors(count);
  try {
    const place = settlePlace(storage, objects?.place.url ?? null);
    const apart =
      place === null || objects === undefined
        ? {}
        : { payloads: new PayloadsOfBoth(objects.open(place.folder), new PayloadFiles(storage)) };
    const how = { ...RECOVERING, acceptTornTail, remember, ...apart };
    const journal = new EmbeddedJournal({
      storage,
      recovering: how,
      found: await inTurns(recovering(storage, how), ended),
      segmentBytes,
      freshSalt: () => randomBytes(SALT_BYTES),
      compactor: workerCompactor(held.path, lend),
      historyBytes,
      events,
      ...apart,
    });
    const shards = journal.recovered?.replica.shards ?? [];
    const past = new PastThread(held.path, () => journal.end, lend);
    return {
      path: held.path,
      journal,
      shards: shards.length > 0 ? shards : null,
      lend,
      objects: place === null || objects === undefined ? null : { place: objects.place, folder: place.folder },
      past,
      close: () => {
        past.close();
        journal.close();
        storage.close();
        held.release();
      },
    };
  } catch (error) {
    storage.close();
    held.release();
    throw ofFolder(folder, error);
  }
}

/** The journal as the port has it: with these shards, which it says there are, or which a new one begins with. */
export function durableBackend(
  { path, journal, lend, past, objects }: DurableJournal,
  shards: readonly ShardState[],
  condition: () => Lack | null,
): OneLog {
  const replaying = replayProgram();
  return new OneLog({
    term: journal.term,
    shards,
    contents: { ...contentsOf(journal.recovered?.replica), topicKey: journal.topicKey },
    past,
    log: journal,
    replay: ({ shard }, limits, done) => {
      const { segment, at, sequence } = journal.end;
      replayShard(replaying, { folder: path, shard, end: { segment, at, sequence }, objects }, limits, lend, done);
    },
    snapshot: (done) => journal.snapshot(done),
    condition,
    tick: (nowMs) => journal.retry(nowMs),
  });
}

/** What the system says of the directory is about the setting that names it: a file system that is read only, or full, or ill. */
function ofFolder(folder: string, error: unknown): unknown {
  const { code, errno, message } = error as NodeJS.ErrnoException;
  if (error instanceof FolderError || code === undefined || errno === undefined) return error;
  return new FolderError(`data: ${folder}: ${message}`);
}

function unlessSystem<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw ofFolder(folder, error);
  }
}
