import { constants } from 'node:os';
import { NotBegun } from '../src/journal/lack.ts';
import type { Storage, StorageOp } from '../src/ports/storage.ts';
import { Inode, type Loss } from './inode.ts';

/** What a disk may do to an op, besides doing it. */
export type DiskFault =
  /**
   * It fails. Nothing of it happened, or with `cached` a write is in the system's cache, which takes it for written; a sync
   * that fails is forgotten by the system in any case.
   */
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly cached?: boolean }
  /** It could not even be begun. */
  | { readonly kind: 'unbegun'; readonly code: ErrorCode }
  /** Fewer bytes are written than were asked for. */
  | { readonly kind: 'short'; readonly bytes: number }
  /** It says that it is on the disk, and it is in a cache. */
  | { readonly kind: 'lost_sync' }
  /** It is written, but somewhere else. */
  | { readonly kind: 'misdirected'; readonly file: string; readonly at: number };

type ErrorCode = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE' | 'ENFILE' | 'ENOMEM';

/** What says that there is no more space: the disk, or the quota of its user. */
export const FULL_OF = ['space', 'quota'] as const;
export type FullOf = (typeof FULL_OF)[number];

export interface DiskOptions {
  /** Runs what an op that was begun leads to, later. */
  readonly schedule: (op: StorageOp, run: () => void) => void;
  /** Asked before every op. */
  readonly fault?: (op: StorageOp) => DiskFault | null;
  /** Bytes of all files; more is no space. */
  readonly capacityBytes?: number;
}

/** Thrown where the process dies: nothing after it happens. */
export class Crash extends Error {}

/** A change of names, atomic: the file leaves one and takes the other; null for none. */
interface NameOp {
  readonly from: string | null;
  readonly to: string | null;
  readonly inode: Inode;
}

/**
 * A simulated disk, as POSIX lets one be: what was not synced may be lost in part after a crash, sector by sector; names
 * that were not synced may be lost too, from the last one back. It counts its ops, so that a crash can be put at each.
 */
export class Disk implements Storage {
  private readonly options: DiskOptions;
  private names = new Map<string, Inode>();
  private storedNames = new Map<string, Inode>();
  private nameOps: NameOp[] = [];
  private generation = 0;
  /** Ops begun so far. */
  ops = 0;
  /** The op before which the process dies, counted from 1; 0 for none. */
  crashAt = 0;
  /** A write at which the process dies is in the cache by then. */
  crashesWithin = false;
  capacityBytes: number;
  fullOf: FullOf = 'space';
  /** What durable writes go to stays open. */
  private openFile: string | null = null;
  readonly injected: Record<string, number> = {};

  constructor(options: DiskOptions) {
    this.options = options;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  // ---- reading

  files(folder: string): readonly string[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...this.names.keys()]
      .filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
      .map((name) => name.slice(prefix.length))
      .sort();
  }

  size(file: string): number {
    return this.need(file).length;
  }

  read(file: string, at: number, bytes: number): Uint8Array {
    // A copy: what was read stays what it was, whatever is written there later.
    return this.need(file).bytes.slice(at, at + bytes);
  }

  private need(file: string): Inode {
    const inode = this.names.get(file);
    if (inode === undefined) throw failure('ENOENT', file);
    return inode;
  }

  // ---- ops

  now(op: StorageOp): number {
    return this.begin(op)();
  }

  later(op: StorageOp, done: (error: Error | null, result: number) => void): void {
    const { generation } = this;
    let finish: (() => number) | Error;
    try {
      finish = this.begin(op);
    } catch (error) {
      if (error instanceof Crash) throw error;
      finish = error as Error;
    }
    this.options.schedule(op, () => {
      if (generation !== this.generation) return;
      if (finish instanceof Error) done(finish, 0);
      else done(null, finish());
    });
  }

  /** Begins an op: what it leaves in the system's cache. What is returned ends it: what is then on the disk. */
  private begin(op: StorageOp): () => number {
    if (++this.ops === this.crashAt) {
      if (this.crashesWithin && op.op === 'write') this.write(op, null);
      throw new Crash(`at op ${this.ops}: ${op.op}`);
    }
    const fault = this.options.fault?.(op) ?? null;
    if (fault !== null) this.injected[fault.kind] = (this.injected[fault.kind] ?? 0) + 1;
    if (fault?.kind === 'unbegun') throw new NotBegun(failure(fault.code, op.op));
    if (fault?.kind === 'error') {
      if (op.op === 'sync') this.names.get(op.file)?.forget();
      if (op.op === 'write' && fault.cached === true) this.write(op, { kind: 'lost_sync' })();
      throw failure(fault.code, op.op);
    }
    switch (op.op) {
      case 'write':
        return this.write(op, fault);
      case 'sync':
        return this.sync(this.need(op.file), fault);
      case 'truncate':
        this.shorten(op.file, op.size);
        return () => 0;
      case 'rename':
        this.name({ from: op.file, to: op.to, inode: this.need(op.file) });
        return () => 0;
      case 'remove':
        this.name({ from: op.file, to: null, inode: this.need(op.file) });
        return () => 0;
      case 'sync_folder': {
        const ops = [...this.nameOps];
        return () => {
          for (const nameOp of ops) this.storeName(nameOp);
          return 0;
        };
      }
    }
  }

  private sync(inode: Inode, fault: DiskFault | null): () => number {
    return () => {
      if (fault?.kind === 'lost_sync') inode.forget();
      else inode.sync();
      return 0;
    };
  }

  private write(op: StorageOp & { op: 'write' }, fault: DiskFault | null): () => number {
    const target = fault?.kind === 'misdirected' ? fault : op;
    let inode = this.names.get(target.file);
    if (inode === undefined) {
      inode = new Inode();
      this.name({ from: null, to: target.file, inode });
    }
    const used = this.capacityBytes === Number.POSITIVE_INFINITY ? 0 : this.used();
    // What is written over has its space, however full the disk is.
    const room = Math.max(0, this.capacityBytes - used) + Math.max(0, inode.length - target.at);
    const asked = fault?.kind === 'short' ? Math.min(fault.bytes, op.bytes.byteLength) : op.bytes.byteLength;
    const fits = Math.min(asked, Math.max(0, room));
    if (fits === 0 && asked > 0) throw failure(this.fullOf === 'quota' ? 'EDQUOT' : 'ENOSPC', op.file);
    if (op.durable) this.openFile = op.file;
    const written = inode;
    const dirty = written.write(target.at, op.bytes.subarray(0, fits));
    return () => {
      if (fault?.kind === 'lost_sync') written.forget();
      else if (op.durable) written.store(dirty);
      return fits;
    };
  }

  /** Whether a file or folder has to be opened for it. */
  opens(op: StorageOp): boolean {
    if (op.op === 'rename' || op.op === 'remove') return false;
    return op.op !== 'write' || !op.durable || op.file !== this.openFile;
  }

  /** Its whole size is there again. */
  makeRoom(): void {
    this.capacityBytes = this.options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.fullOf = 'space';
  }

  /** So many bytes more fit, then no more. */
  leave(bytes: number, fullOf: FullOf): void {
    this.capacityBytes = Math.min(this.used() + bytes, this.options.capacityBytes ?? Number.POSITIVE_INFINITY);
    this.fullOf = fullOf;
  }

  /** Bytes of all files. */
  used(): number {
    let used = 0;
    for (const inode of new Set(this.names.values())) used += inode.length;
    return used;
  }

  private name(op: NameOp): void {
    rename(this.names, op);
    this.nameOps.push(op);
  }

  private storeName(op: NameOp): void {
    const at = this.nameOps.indexOf(op);
    if (at < 0) return;
    this.nameOps.splice(at, 1);
    rename(this.storedNames, op);
  }

  // ---- what happens to it

  /** The process dies, the system goes on: the cache is as it was, nothing under way answers. */
  kill(): void {
    this.generation++;
    this.openFile = null;
    this.crashAt = 0;
  }

  /** The machine stops. `names` of the names that were not synced are there, and what `loss` keeps of the bytes. */
  crash(loss: Loss, names = this.nameOps.length): void {
    this.kill();
    for (const op of this.nameOps.slice(0, names)) this.storeName(op);
    this.nameOps = [];
    this.names = new Map(this.storedNames);
    for (const inode of new Set(this.names.values())) inode.crash(loss);
  }

  /** Every file there is, in folders too. */
  allFiles(): readonly string[] {
    return [...this.names.keys()].sort();
  }

  /** How many names were not synced. */
  get unsyncedNames(): number {
    return this.nameOps.length;
  }

  flip(file: string, at: number, bit: number): void {
    this.need(file).damage(at, (byte) => byte ^ (1 << bit));
  }

  put(file: string, at: number, value: number): void {
    this.need(file).damage(at, () => value);
  }

  /** Cuts a file off, for good. */
  shorten(file: string, size: number): void {
    this.need(file).truncate(size);
  }

  /** An independent copy of what is there now, all of it synced. */
  copy(): Disk {
    const other = new Disk(this.options);
    for (const [name, inode] of this.names) {
      const copied = new Inode();
      copied.write(0, inode.bytes);
      copied.sync();
      other.names.set(name, copied);
      other.storedNames.set(name, copied);
    }
    return other;
  }
}

function rename(names: Map<string, Inode>, { from, to, inode }: NameOp): void {
  if (from !== null && names.get(from) === inode) names.delete(from);
  if (to !== null) names.set(to, inode);
}

/** As Node has it: there is no name for EDQUOT. */
function failure(code: string, what: string): Error {
  const errno = -constants.errno[code as 'EIO'];
  const known = code === 'EDQUOT' ? `Unknown system error ${errno}` : code;
  return Object.assign(new Error(`${known}: ${what}`), { code: known, errno });
}
