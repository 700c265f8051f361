import { randomBytes } from 'node:crypto';
import type { PayloadFound, PayloadStore } from '../ports/payload-store.ts';
import type { Storage, StorageReader } from '../ports/storage.ts';
import { type FileWork, runNow, writeAll } from './file-work.ts';
import { FolderError } from './folder.ts';
import { temporary } from './layout.ts';

/** Says where the payloads of this directory are, and under which name. */
const PLACE = 'payload-store';
const PLACE_BYTES_MAX = 4096;
const VERSION = 1;

/** A bucket, and the name that the payloads of a data directory have in it. */
export interface PayloadPlace {
  readonly url: string;
  readonly folder: string;
}

/** Payloads of a data directory are not where the settings say. */
class PlaceError extends FolderError {
  override readonly setting = 'payload_store';
}

/** Where the payloads of a data directory are besides its own files; null for nowhere. @throws FolderError */
export function placeIn(source: StorageReader): PayloadPlace | null {
  if (!source.files('').includes(PLACE)) return null;
  try {
    const { version, url, folder } = JSON.parse(Buffer.from(source.read(PLACE, 0, PLACE_BYTES_MAX)).toString());
    if (version === VERSION && typeof url === 'string' && /^[0-9a-f]{32}$/.test(folder)) return { url, folder };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new FolderError(`data: ${PLACE} does not say where payloads are, in version ${VERSION} of it`);
}

/**
 * The same for a server that is told `url`, null for nowhere; a directory that is told so for the first time remembers it. Nothing else is
 * taken: payloads that are somewhere else would be given up for lost. @throws FolderError
 */
export function settlePlace(storage: Storage, url: string | null): PayloadPlace | null {
  const known = placeIn(storage);
  if (url === known?.url) return known;
  if (known !== null)
    throw new PlaceError(
      `payload_store: payloads of this data directory are in ${known.url}: ` +
        `${url === null ? 'say so' : `not in ${url}`}, or take them back with \`mailbox journal fetch --leave\``,
    );
  if (url === null) return null;
  const place = { url, folder: randomBytes(16).toString('hex') };
  runNow(storage, writing(place));
  return place;
}

function* writing(place: PayloadPlace): FileWork {
  const bytes = Buffer.from(`${JSON.stringify({ version: VERSION, ...place })}\n`);
  const file = temporary(PLACE);
  yield* writeAll(file, 0, bytes);
  yield { op: 'sync', file };
  yield { op: 'rename', file, to: PLACE };
  yield { op: 'sync_folder', folder: '' };
}

/** Payloads of this directory are its own files from now on: all of them must be there. */
export function leavePlace(storage: Storage): void {
  storage.now({ op: 'remove', file: PLACE });
  storage.now({ op: 'sync_folder', folder: '' });
}

/** New payloads go into one store; those that were kept before in another one are found there, and go from both. */
export class PayloadsOfBoth implements PayloadStore {
  private readonly store: PayloadStore;
  private readonly before: PayloadStore;

  constructor(store: PayloadStore, before: PayloadStore) {
    this.store = store;
    this.before = before;
  }

  put(...args: Parameters<PayloadStore['put']>): void {
    this.store.put(...args);
  }

  get(hash: string, done: (found: PayloadFound) => void): void {
    this.before.get(hash, (found) => {
      if (found.found === 'whole') done(found);
      else this.store.get(hash, done);
    });
  }

  remove(hash: string): void {
    this.before.remove(hash);
    this.store.remove(hash);
  }

  keepOnly(hashes: ReadonlySet<string>, done: (error: Error | null) => void): void {
    this.before.keepOnly(hashes, (error) => {
      if (error !== null) done(error);
      else this.store.keepOnly(hashes, done);
    });
  }
}
