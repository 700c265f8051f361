import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  readdirSync,
  readSync,
  rename,
  renameSync,
  truncate,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Storage, StorageOp } from '../ports.ts';
import { openRegular, sizeOf } from './regular-file.ts';

const MODE = 0o600;
const WRITE = constants.O_RDWR | constants.O_CREAT;
const DURABLE = WRITE | constants.O_DSYNC;
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

type Done = (error: Error | null, result: number) => void;

/**
 * A data directory on a real disk. A durable write is one call on a file opened with O_DSYNC, one trip to the thread
 * pool and back; a write and an fdatasync would be two.
 */
export class FileStorage implements Storage {
  private readonly folder: string;
  private readonly onDurableWrite: (seconds: number, bytes: number) => void;
  /** The file that durable writes go to, kept open. */
  private durable: { readonly file: string; readonly fd: number } | null = null;

  constructor(folder: string, onDurableWrite: (seconds: number, bytes: number) => void = () => {}) {
    this.folder = folder;
    this.onDurableWrite = onDurableWrite;
  }

  private path(file: string): string {
    return join(this.folder, file);
  }

  files(folder: string): readonly string[] {
    try {
      return readdirSync(this.path(folder), { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
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

  private open(file: string, flags: number): number {
    return openRegular(this.folder, file, flags, MODE);
  }

  private withFile<T>(file: string, flags: number, use: (fd: number) => T): T {
    const fd = this.open(file, flags);
    try {
      return use(fd);
    } finally {
      closeSync(fd);
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
        return this.syncLater(op.file, constants.O_RDWR, finish);
      case 'sync_folder':
        return this.syncLater(op.folder, FOLDER, finish);
      case 'truncate':
        return truncate(this.path(op.file), op.size, finish);
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

  private writeLater({ file, bytes, at }: { file: string; bytes: Uint8Array; at: number }, done: Done): void {
    this.opened(file, WRITE, done, (fd) =>
      write(fd, bytes, 0, bytes.byteLength, at, (error, written) => {
        closeSync(fd);
        done(error, written);
      }),
    );
  }

  private syncLater(file: string, flags: number, finish: (error: Error | null) => void): void {
    this.opened(file, flags, finish, (fd) =>
      fsync(fd, (error) => {
        closeSync(fd);
        finish(error);
      }),
    );
  }

  private writeDurably(file: string, bytes: Uint8Array, at: number, done: Done): void {
    const onFile = (fd: number): void => {
      const startedMs = performance.now();
      write(fd, bytes, 0, bytes.byteLength, at, (error, written) => {
        this.onDurableWrite((performance.now() - startedMs) / 1000, written);
        done(error, written);
      });
    };
    if (this.durable?.file === file) return onFile(this.durable.fd);
    this.opened(file, DURABLE, done, (fd) => {
      this.close();
      this.durable = { file, fd };
      onFile(fd);
    });
  }

  /** Lets the log's file go; nothing may be under way. */
  close(): void {
    if (this.durable !== null) closeSync(this.durable.fd);
    this.durable = null;
  }
}
