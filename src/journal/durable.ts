import { randomBytes } from 'node:crypto';
import type { ShardState } from '../core/state.ts';
import { blake3 } from '../integrity/blake3.ts';
import { payloadHashOf } from '../integrity/hash-chain.ts';
import type { JournalEvents } from './compaction.ts';
import { EmbeddedJournal } from './embedded.ts';
import { FileStorage } from './file-storage.ts';
import { holdFolder } from './folder.ts';
import { SALT_BYTES } from './layout.ts';
import { inTurns } from './pieces.ts';
import { type RecoverOptions, recovering } from './recover.ts';
import { workerCompactor } from './worker-compactor.ts';

/** How real journals are read: with the hashes of the wire. */
export const RECOVERING: RecoverOptions = { hash: blake3, payloadHashOf };

export interface DurableOptions {
  readonly folder: string;
  readonly segmentBytes: number;
  readonly acceptTornTail: boolean;
  readonly events: JournalEvents;
  /** After each write and sync of the log. */
  readonly onSync: (seconds: number, bytes: number) => void;
  /** Recovery ends with its reason when it is aborted. */
  readonly ended: AbortSignal;
}

export interface DurableJournal {
  /** Where it is. */
  readonly path: string;
  readonly journal: EmbeddedJournal;
  /** The shards it says there are; null in a new directory. */
  readonly shards: ShardState[] | null;
  /** Lets the directory go; nothing may be under way. */
  close(): void;
}

/**
 * Takes a data directory and opens the journal in it; reading it is done a while at a time, for it may take long. @throws FolderError,
 * JournalRefused, or the reason of `ended`
 */
export async function openDurable(options: DurableOptions): Promise<DurableJournal> {
  const { folder, segmentBytes, acceptTornTail, events, onSync, ended } = options;
  const held = holdFolder(folder);
  const storage = new FileStorage(held.path, onSync);
  const how = { ...RECOVERING, acceptTornTail };
  try {
    const journal = new EmbeddedJournal({
      storage,
      recovering: how,
      found: await inTurns(recovering(storage, how), ended),
      segmentBytes,
      freshSalt: () => randomBytes(SALT_BYTES),
      compactor: workerCompactor(held.path),
      events,
    });
    const shards = journal.recovered?.replica.shards ?? [];
    return {
      path: held.path,
      journal,
      shards: shards.length > 0 ? shards : null,
      close: () => {
        journal.close();
        storage.close();
        held.release();
      },
    };
  } catch (error) {
    held.release();
    throw error;
  }
}
