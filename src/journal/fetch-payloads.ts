import type { PayloadFound, PayloadStore } from '../ports/payload-store.ts';
import type { Storage } from '../ports/storage.ts';
import { payloadFile } from './layout.ts';
import { PayloadFiles, readPayload } from './payload-files.ts';
import { mustRecover } from './read-live.ts';
import type { RecoverOptions } from './recover.ts';

/** What came of it. Those that are not whole anywhere are named. */
export interface Fetched {
  readonly fetched: number;
  /** Files that were there already. */
  readonly there: number;
  readonly lost: readonly { readonly hash: string; readonly why: 'missing' | 'does not match its hash' }[];
}

/** Messages need them, and the directory has no files of them. @throws UnreadableError */
export function payloadsElsewhere(storage: Storage, recovering: RecoverOptions): string[] {
  const { apart } = mustRecover(storage, { ...recovering, withoutPayloads: true });
  return [...new Set(apart.values())].filter((hash) => readPayload(storage, hash).found !== 'whole');
}

/**
 * Brings what messages need of their store into files of the data directory, which are as good: a server may be serving from it.
 * @throws Error where the store cannot say, or a file cannot be written
 */
export async function fetchPayloads(
  storage: Storage,
  recovering: RecoverOptions,
  store: Pick<PayloadStore, 'get'>,
): Promise<Fetched> {
  const files = new PayloadFiles(storage);
  const { apart } = mustRecover(storage, { ...recovering, withoutPayloads: true });
  const needed = new Set(apart.values());
  const wanting = payloadsElsewhere(storage, recovering);
  const lost: Fetched['lost'][number][] = [];
  for (const hash of wanting) {
    const found = await new Promise<PayloadFound>((resolve) => store.get(hash, resolve));
    if (found.found === 'unknown') throw found.error;
    if (found.found === 'missing') lost.push({ hash, why: 'missing' });
    else if (found.found === 'damaged' || recovering.payloadHashOf(found.bytes) !== hash)
      lost.push({ hash, why: 'does not match its hash' });
    else await kept(files, hash, found.bytes);
  }
  return { fetched: wanting.length - lost.length, there: needed.size - wanting.length, lost };
}

const kept = (files: PayloadFiles, hash: string, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) =>
    files.put([{ hash, bytes }], (error, [left]) => {
      if (error !== null) reject(error);
      else if (left !== undefined) reject(new Error(`${payloadFile(hash)}: ${left.lack}`));
      else resolve();
    }),
  );
