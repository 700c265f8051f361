import type { StorageReader } from '../ports/storage.ts';
import type { FileWork } from './file-work.ts';
import type { Secret } from './frame.ts';
import { filesOf, HISTORY, segmentFile, snapshotFile } from './layout.ts';
import { type Snapshot, snapshotsIn } from './snapshot.ts';

/**
 * What no start needs any more, kept in a folder of its own for whoever reads the feed (B10): older snapshots, and the log between them.
 * The newest of it that fits goes on to be kept. A start, a backup and an audit do not look at it; a full disk takes it first.
 */

const kept = (file: string): string => `${HISTORY}/${file}`;

/** The log as far back as it is kept: files of the directory, and those that were moved out of it. */
export function withHistory(source: StorageReader): StorageReader {
  // What is moved meanwhile is found where it went.
  const either = <T>(file: string, look: (file: string) => T): T => {
    try {
      return look(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return look(kept(file));
    }
  };
  return {
    files: (folder) =>
      folder === '' ? [...new Set([...source.files(HISTORY), ...source.files('')])] : source.files(folder),
    size: (file) => either(file, (one) => source.size(one)),
    read: (file, at, bytes) => either(file, (one) => source.read(one, at, bytes)),
  };
}

/** The names of what is kept, and their bytes. */
function keptFiles(source: StorageReader): Map<string, number> {
  return new Map(source.files(HISTORY).map((file) => [file, source.size(kept(file))]));
}

export const historyBytes = (source: StorageReader): number => sumOf(keptFiles(source).values());

/**
 * Removes files of the directory, snapshots before segments; or keeps them as history, of which so many bytes go on to be kept. In this
 * order, so that a crash leaves too much and never too little.
 */
export function* retire(
  source: StorageReader,
  files: readonly string[],
  { bytes, hash }: { readonly bytes: number; readonly hash: Secret['hash'] },
): FileWork {
  for (const file of files) {
    if (bytes === 0) yield { op: 'remove', file };
    else yield { op: 'rename', file, to: kept(file) };
  }
  const moved = bytes > 0 && files.length > 0;
  if (moved) yield { op: 'sync_folder', folder: HISTORY };
  if (files.length > 0) yield { op: 'sync_folder', folder: '' };
  yield* trim(source, bytes, hash);
}

/** Removes the oldest of what is kept, as much as must go. */
export function* trim(source: StorageReader, bytes: number, hash: Secret['hash']): FileWork {
  const files = keptFiles(source);
  if (files.size === 0) return;
  const begin = beginnings(source, hash).find((from) => sumOf(files, (file) => isFrom(file, from)) <= bytes);
  const gone = [...files.keys()].filter((file) => begin === undefined || !isFrom(file, begin));
  // Snapshots before what they begin, and the oldest first: what is left goes on without a gap.
  const isSnapshot = (file: string): boolean => file.startsWith('snapshot-');
  for (const file of [...gone.filter(isSnapshot).sort(), ...gone.filter((one) => !isSnapshot(one)).sort()])
    yield { op: 'remove', file: kept(file) };
  if (gone.length > 0) yield { op: 'sync_folder', folder: HISTORY };
}

type Beginning = Pick<Snapshot, 'sequence' | 'segment'>;

/** Where a reader can begin, oldest first. */
function beginnings(source: StorageReader, hash: Secret['hash']): Beginning[] {
  const all = withHistory(source);
  const { segments } = filesOf(all);
  const whole = segments[0] === 1 ? [{ sequence: 0, segment: 1 }] : [];
  return [...whole, ...snapshotsIn(all, hash).filter(({ segment }) => segments.includes(segment))];
}

const isFrom = (file: string, { sequence, segment }: Beginning): boolean =>
  file.startsWith('snapshot-') ? file >= snapshotFile(sequence) : file >= segmentFile(segment);

function sumOf(files: Map<string, number> | Iterable<number>, which: (file: string) => boolean = () => true): number {
  let sum = 0;
  if (files instanceof Map) for (const [file, bytes] of files) sum += which(file) ? bytes : 0;
  else for (const bytes of files) sum += bytes;
  return sum;
}
