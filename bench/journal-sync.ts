/**
 * Which way to a durable write is the best one here: write and fdatasync, one write to a file opened with O_DSYNC, or the same from
 * a thread of its own. 1 KiB and 64 KiB at a time, on a file that was filled with zeros, and how long the caller's loop waits.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

const FILE_BYTES = 32 << 20;
const NS_PER_MS = 1e6;

/** One durable write; calls back when it is on the disk. */
type Way = (fd: number, bytes: Uint8Array, at: number, done: () => void) => void;

const must = (error: Error | null): void => {
  if (error !== null) throw error;
};

const WAYS: Readonly<Record<string, { readonly flags: number; readonly way: Way; readonly zeros: boolean }>> = {
  'fdatasync, appended': {
    flags: 0,
    zeros: false,
    way: (fd, bytes, at, done) => writeThenSync(fd, bytes, at, done),
  },
  'fdatasync, zero-filled': {
    flags: 0,
    zeros: true,
    way: (fd, bytes, at, done) => writeThenSync(fd, bytes, at, done),
  },
  'O_DSYNC, zero-filled': {
    flags: constants.O_DSYNC,
    zeros: true,
    way: (fd, bytes, at, done) =>
      write(fd, bytes, 0, bytes.length, at, (error) => {
        must(error);
        done();
      }),
  },
};

function writeThenSync(fd: number, bytes: Uint8Array, at: number, done: () => void): void {
  write(fd, bytes, 0, bytes.length, at, (error) => {
    must(error);
    fdatasync(fd, (failed) => {
      must(failed);
      done();
    });
  });
}

export interface SyncFigures {
  readonly name: string;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How late the caller's event loop was, p99. */
  readonly lateP99Ms: number;
}

export async function benchSync({ writes = 1500 } = {}): Promise<SyncFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sync-'));
  const file = join(folder, 'log');
  const figures: SyncFigures[] = [];
  try {
    for (const bytes of [1024, 65_536]) {
      const count = Math.min(writes, Math.floor(FILE_BYTES / bytes));
      for (const [name, { flags, way, zeros }] of Object.entries(WAYS)) {
        fill(file, zeros);
        const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | flags);
        const one = (at: number): Promise<void> =>
          new Promise((done) => way(fd, Buffer.alloc(bytes, 7), at * bytes, done));
        figures.push({ name, bytes, ...(await timed(count, one)) });
        closeSync(fd);
        unlinkSync(file);
      }
      fill(file, true);
      const thread = new Thread(file, bytes);
      figures.push({ name: 'O_DSYNC in a thread', bytes, ...(await timed(count, (at) => thread.write(at))) });
      await thread.end();
      unlinkSync(file);
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function fill(file: string, zeros: boolean): void {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT);
  const piece = Buffer.alloc(1 << 20);
  if (zeros) for (let at = 0; at < FILE_BYTES; at += piece.length) writeSync(fd, piece, 0, piece.length, at);
  fsyncSync(fd);
  closeSync(fd);
}

async function timed(count: number, one: (at: number) => Promise<void>) {
  const tookMs: number[] = [];
  const late = monitorEventLoopDelay({ resolution: 1 });
  late.enable();
  for (let at = 0; at < count; at++) {
    const startedMs = performance.now();
    await one(at);
    tookMs.push(performance.now() - startedMs);
  }
  late.disable();
  tookMs.sort((a, b) => a - b);
  const share = (of: number): number => tookMs[Math.floor(tookMs.length * of)] as number;
  return { p50Ms: share(0.5), p99Ms: share(0.99), lateP99Ms: late.percentile(99) / NS_PER_MS };
}

/** A thread that writes what it is sent, synchronously. */
class Thread {
  private readonly worker: Worker;
  private readonly bytes: number;

  constructor(file: string, bytes: number) {
    this.bytes = bytes;
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { openSync, writeSync, constants } = require('node:fs');
      const fd = openSync(workerData, constants.O_RDWR | constants.O_DSYNC);
      parentPort.on('message', ({ bytes, at }) => parentPort.postMessage(writeSync(fd, bytes, 0, bytes.length, at)));`;
    this.worker = new Worker(program, { eval: true, workerData: file });
  }

  write(at: number): Promise<void> {
    return new Promise((resolve) => {
      this.worker.once('message', () => resolve());
      this.worker.postMessage({ bytes: Buffer.alloc(this.bytes, 7), at: at * this.bytes });
    });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}
