import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncate,
  ftruncateSync,
  readdirSync,
  readSync,
  rename,
  renameSync,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Storage, StorageOp } from '../ports/storage.ts';
import { HeldDescriptors } from './held-descriptors.ts';
import { NotBegun } from './lack.ts';
import { NotRegular, openRegular, sizeOf } from './regular-file.ts';

const MODE = 0o600;
const WRITE = constants.O_RDWR | constants.O_CREAT;
const DURABLE = constants.O_RDWR | constants.O_DSYNC;
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

type Done = (error: Error | null, result: number) => void;

/**
 * A data directory on a real disk. A durable write is one call on a file opened with O_DSYNC, one trip to the thread
 * pool and back; a write and an fdatasync would be two.
 */
export class FileStorage implements Storage {
  private readonly folder: string;
  private readonly onDurableWrite: (seconds: number, bytes: number) => void;
  private readonly held: HeldDescriptors;
  /** The file that durable writes go to, kept open. */
  private durable: { readonly file: string; readonly fd: number } | null = null;

  constructor(
    folder: string,
    options: {
      readonly onDurableWrite?: (seconds: number, bytes: number) => void;
      /** So many descriptors are kept back for what is opened here. */
      readonly heldDescriptors?: number;
    } = {},
  ) {
    this.folder = folder;
    this.onDurableWrite = options.onDurableWrite ?? (() => {});
    this.held = new HeldDescriptors(options.heldDescriptors ?? 0);
  }

  private path(file: string): string {
    return join(this.folder, file);
  }

  files(folder: string): readonly string[] {
    try {
      const entries = this.held.open(() => readdirSync(this.path(folder), { withFileTypes: true }));
      this.held.refill();
      return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new NotBegun(error);
    }
  }

  size(file: string): number {
    return sizeOf(this.folder, file);
  }

  read(file: string, at: number, bytes: number): Uint8Array {
    return this.withFile(file, constants.O_RDONLY, (fd) => {
      const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(bytes, fstatSync(fd).size - at)));
      let read = 0;
      while (read < buffer.length) {
        const more = readSync(fd, buffer, read, buffer.length - read, at + read);
        if (more === 0) break;
        read += more;
      }
      return buffer.subarray(0, read);
    });
  }

  /** @throws NotBegun where there is none to be had; NotRegular */
  private open(file: string, flags: number): number {
    try {
      return this.held.open(() => openRegular(this.folder, file, flags, MODE));
    } catch (error) {
      throw error instanceof NotRegular ? error : new NotBegun(error);
    }
  }

  private shut(fd: number): void {
    closeSync(fd);
    this.held.refill();
  }

  private withFile<T>(file: string, flags: number, use: (fd: number) => T): T {
    const fd = this.open(file, flags);
    try {
      return use(fd);
    } finally {
      this.shut(fd);
    }
  }

  now(op: StorageOp): number {
    switch (op.op) {
      case 'write':
        return this.withFile(op.file, op.durable ? DURABLE : WRITE, (fd) => writeSync(fd, op.bytes, 0, null, op.at));
      case 'sync':
        this.withFile(op.file, constants.O_RDWR, fsyncSync);
        return 0;
      case 'truncate':
        this.withFile(op.file, constants.O_RDWR, (fd) => ftruncateSync(fd, op.size));
        return 0;
      case 'rename':
        renameSync(this.path(op.file), this.path(op.to));
        return 0;
      case 'remove':
        unlinkSync(this.path(op.file));
        return 0;
      case 'sync_folder':
        this.withFile(op.folder, FOLDER, fsyncSync);
        return 0;
    }
  }

  later(op: StorageOp, done: Done): void {
    const finish = (error: Error | null): void => done(error, 0);
    switch (op.op) {
      case 'write':
        return op.durable ? this.writeDurably(op.file, op.bytes, op.at, done) : this.writeLater(op, done);
      case 'sync':
        return this.syncLater(op.file, constants.O_RDWR, done);
      case 'sync_folder':
        return this.syncLater(op.folder, FOLDER, done);
      case 'truncate':
        return this.onFile(op.file, constants.O_RDWR, done, (fd, end) =>
          ftruncate(fd, op.size, (error) => end(error, 0)),
        );
      case 'rename':
        return rename(this.path(op.file), this.path(op.to), finish);
      case 'remove':
        return unlink(this.path(op.file), finish);
    }
  }

  /** Opens the file first; when that fails, says so later like everything else. */
  private opened(file: string, flags: number, done: Done, use: (fd: number) => void): void {
    let fd: number;
    try {
      fd = this.open(file, flags);
    } catch (error) {
      setImmediate(done, error as Error, 0);
      return;
    }
    use(fd);
  }

  /** Opens it, does one thing with it, shuts it. */
  private onFile(file: string, flags: number, done: Done, use: (fd: number, end: Done) => void): void {
    this.opened(file, flags, done, (fd) =>
      use(fd, (error, result) => {
        this.shut(fd);
        done(error, result);
      }),
    );
  }

  private writeLater({ file, bytes, at }: { file: string; bytes: Uint8Array; at: number }, done: Done): void {
    this.onFile(file, WRITE, done, (fd, end) => write(fd, bytes, 0, bytes.byteLength, at, end));
  }

  private syncLater(file: string, flags: number, done: Done): void {
    this.onFile(file, flags, done, (fd, end) => fsync(fd, (error) => end(error, 0)));
  }

  /** What is written durably has its room already: it is there, and whole. */
  private writeDurably(file: string, bytes: Uint8Array, at: number, done: Done): void {
    const onLog = (fd: number): void => {
      const wrong = goneOf(fd, at + bytes.byteLength);
      if (wrong !== null) return void setImmediate(done, new Error(`${file}: ${wrong}`), 0);
      const startedMs = performance.now();
      write(fd, bytes, 0, bytes.byteLength, at, (error, written) => {
        this.onDurableWrite((performance.now() - startedMs) / 1000, written);
        done(error, written);
      });
    };
    if (this.durable?.file === file) return onLog(this.durable.fd);
    this.opened(file, DURABLE, done, (fd) => {
      const before = this.durable;
      this.durable = { file, fd };
      if (before !== null) this.shut(before.fd);
      onLog(fd);
    });
  }

  /** Lets so many descriptors go that are kept back, for another thread. What is returned takes them back. */
  lendDescriptors(count: number): () => void {
    return this.held.lend(count);
  }

  /** Lets the log's file go, and what is kept back; nothing may be under way. */
  close(): void {
    if (this.durable !== null) closeSync(this.durable.fd);
    this.durable = null;
    this.held.close();
  }
}

/** What has become of an open file, when what is written to it would not be found by the next process; null otherwise. */
function goneOf(fd: number, bytes: number): string | null {
  const { nlink, size } = fstatSync(fd);
  if (nlink === 0) return 'removed while it was in use';
  return size < bytes ? `${size} bytes long, cut off while it was in use` : null;
}
