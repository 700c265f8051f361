import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { payloadsElsewhere } from './fetch-payloads.ts';
import { FileStorage } from './file-storage.ts';
import { runNow, writeAll } from './file-work.ts';
import { checkFolder, FOLDER_MODE, FolderError, holdFolder, LOCK } from './folder.ts';
import { filesOf, INCOMPLETE, PAYLOADS, payloadFile, segmentFile, snapshotFile } from './layout.ts';
import { placeIn } from './payload-place.ts';
import { mustRecover } from './read-live.ts';
import type { Recovered, RecoverOptions } from './recover.ts';
import { sizeOf } from './regular-file.ts';
import { createFrom } from './repair.ts';
import type { Replica } from './replica.ts';
import { copySteps } from './segment-file.ts';

/** What a backup or a restored directory holds. */
export interface Copied {
  readonly files: number;
  /** The last frame in it. */
  readonly sequence: number;
  /** Messages in it, in whatever state. */
  readonly messages: number;
}

/** The copy cannot be made: the message says why. */
export class CopyError extends Error {}

/** A serving process takes files away while they are copied: then it is begun anew, at most so often. */
const TRIES = 10;

/**
 * A copy of the journal as it stands, made while it may be serving (journal rule 6): hard links of the newest snapshot, of the
 * full segments since and of payloads, which never change, and the written part of the segment in use. It is read back
 * before it is called one. @throws FolderError, UnreadableError, CopyError
 */
export function backUp(data: string, target: string, recovering: RecoverOptions): Copied {
  checkFolder(data);
  if (`${resolve(target)}/`.startsWith(`${resolve(data)}/`)) throw new CopyError(`backup: ${target} is inside ${data}`);
  makeEmpty('backup', target);
  return whole(target, () => {
    for (let tries = 1; ; tries++) {
      const copied = tryToCopy(data, target, recovering);
      if (typeof copied !== 'string') return copied;
      if (tries === TRIES) throw new CopyError(`backup: ${copied}`);
      for (const name of readdirSync(target)) {
        if (name !== INCOMPLETE) rmSync(join(target, name), { recursive: true });
      }
    }
  });
}

/** @returns what was copied, or what went away meanwhile */
function tryToCopy(data: string, target: string, recovering: RecoverOptions): Copied | string {
  const source = new FileStorage(data);
  if (placeIn(source) !== null) {
    const { length } = payloadsElsewhere(source, recovering);
    if (length > 0) throw new CopyError(`backup: ${length} payloads are in a bucket: first \`mailbox journal fetch\``);
  }
  try {
    link(data, target, mustRecover(source, { ...recovering, withoutPayloads: true }));
    const copy = mustRecover(new FileStorage(target), recovering);
    const [damaged] = copy.damagedPayloads;
    if (damaged === undefined) return copiedIn(target, copy);
    // Damaged in the journal itself too: the copy is as good as what it is of (IN1).
    const { damagedPayloads } = mustRecover(source, recovering);
    const known = new Set(damagedPayloads.map(({ msgId }) => msgId));
    if (copy.damagedPayloads.every(({ msgId }) => known.has(msgId))) return copiedIn(target, copy);
    return `the payload of ${damaged.msgId} ${damaged.why}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return (error as Error).message;
  }
}

function link(data: string, target: string, { snapshot, tail, apart, salt }: Recovered): void {
  mkdirSync(join(target, PAYLOADS), { mode: FOLDER_MODE });
  const source = new FileStorage(data);
  const there = new Set(source.files(PAYLOADS).map((name) => `${PAYLOADS}/${name}`));
  for (const file of new Set([...apart.values()].map(payloadFile))) if (there.has(file)) linkOrCopy(data, target, file);
  if (snapshot !== null) linkOrCopy(data, target, snapshotFile(snapshot.sequence));
  for (let segment = snapshot?.segment ?? 1; segment < tail.segment; segment++) {
    linkOrCopy(data, target, segmentFile(segment));
  }
  const copy = new FileStorage(target);
  const written = source.read(segmentFile(tail.segment), 0, tail.at);
  runNow(copy, copySteps(tail.segment, salt, written));
  copy.now({ op: 'sync_folder', folder: PAYLOADS });
}

/** Another file system, or one without links, or another's file: it is copied. */
const NO_LINK = ['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'];

function linkOrCopy(from: string, to: string, file: string): void {
  sizeOf(from, file);
  try {
    linkSync(join(from, file), join(to, file));
  } catch (error) {
    if (!NO_LINK.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    copyWhole(from, to, file);
  }
}

/**
 * Makes a data directory of a backup, in an empty directory or one that is not there yet. No server starts on it before it
 * is whole. @throws FolderError, UnreadableError, CopyError
 */
export function restore(backup: string, data: string, recovering: RecoverOptions): Copied {
  checkFolder(backup);
  const source = new FileStorage(backup);
  const found = mustRecover(source, recovering);
  makeEmpty('restore', data);
  const held = holdFolder(data);
  try {
    return whole(data, () => {
      const { segments, snapshots } = filesOf(source);
      const names = [...segments.map(segmentFile), ...snapshots.map(snapshotFile)];
      for (const file of [...names, ...source.files(PAYLOADS).map((name) => `${PAYLOADS}/${name}`)]) {
        copyWhole(backup, data, file);
      }
      sync(join(data, PAYLOADS));
      return copiedIn(data, found);
    });
  } finally {
    held.release();
  }
}

/** What is written out as a data directory: made elsewhere, with the salt that its frames get. */
export interface WrittenOut {
  readonly replica: Replica;
  readonly salt: Uint8Array;
  readonly segmentBytes: number;
}

/** Makes a data directory of what shards and process are, in an empty directory or one that is not there yet. @throws as `restore` */
export function writeOut(
  data: string,
  { replica, salt, segmentBytes }: WrittenOut,
  recovering: RecoverOptions,
): Copied {
  makeEmpty('export', data);
  const held = holdFolder(data);
  try {
    return whole(data, () => {
      const storage = new FileStorage(data);
      runNow(storage, createFrom(replica, { salt, hash: recovering.hash }, segmentBytes));
      return copiedIn(data, mustRecover(storage, recovering));
    });
  } finally {
    held.release();
  }
}

/** Fills an empty directory: until all of it is there, a mark in it says that it is not. What fails leaves it empty again. */
function whole(target: string, fill: () => Copied): Copied {
  const storage = new FileStorage(target);
  const sayIncomplete = writeAll(
    INCOMPLETE,
    0,
    Buffer.from('a copy into this directory is under way, or was cut off\n'),
  );
  runNow(storage, sayIncomplete);
  sync(dirname(resolve(target)));
  sync(target);
  try {
    const copied = fill();
    sync(target);
    storage.now({ op: 'remove', file: INCOMPLETE });
    sync(target);
    return copied;
  } catch (error) {
    for (const name of readdirSync(target)) rmSync(join(target, name), { recursive: true });
    throw error;
  }
}

/** @throws NotRegular: nothing else is opened, for that may never end */
function copyWhole(from: string, to: string, file: string): void {
  sizeOf(from, file);
  copyFileSync(join(from, file), join(to, file), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  sync(join(to, file));
}

function sync(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function copiedIn(folder: string, { tail, replica }: Recovered): Copied {
  const storage = new FileStorage(folder);
  const { segments, snapshots } = filesOf(storage);
  const files = segments.length + snapshots.length + storage.files(PAYLOADS).length;
  const messages = replica.shards.reduce((sum, { slotCount, freeSlots }) => sum + slotCount - freeSlots.length, 0);
  return { files, sequence: tail.sequence, messages };
}

/** @throws FolderError when there is something in it */
function makeEmpty(what: string, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  checkFolder(folder);
  const [first] = readdirSync(folder).filter((name) => name !== LOCK);
  if (first !== undefined) throw new FolderError(`${what}: ${folder} is not empty: ${first} is in it`);
}
