import { closeSync, openSync, writeSync } from 'node:fs';
import type { Limits } from '../core/limits.ts';
import type { ShardState } from '../core/state.ts';
import type { Batch } from '../ports/journal.ts';
import { constantsOf, type Producer } from './format.ts';
import { TraceRecorder } from './recorder.ts';

/** Lines are written in pieces of about this size. */
const PIECE_BYTES = 64 << 10;

/**
 * A trace in a file of its own, mode 0600 and never over another: it holds topics, idempotency keys and ids, no payload and no
 * receipt. What does not fit on the disk ends the trace, and nothing but the trace.
 */
export class TraceFile {
  private readonly recorder: TraceRecorder;
  private readonly onEnd: (reason: string) => void;
  private readonly file: number;
  private readonly constants: string;
  private pieces: string[] = [];
  private bytes = 0;
  private ended = false;

  /** @throws Error with code EEXIST, ENOENT, .. */
  constructor(
    path: string,
    options: {
      readonly producer: Producer;
      readonly commit: string | null;
      readonly limits: Limits;
      /** What is there before the first fact. */
      readonly shards: readonly ShardState[];
      /** It ended before `close`, and why. */
      readonly onEnd: (reason: string) => void;
    },
  ) {
    this.onEnd = options.onEnd;
    this.constants = JSON.stringify(constantsOf(options.limits));
    this.file = openSync(path, 'wx', 0o600);
    this.recorder = new TraceRecorder({ ...options, write: (line) => this.write(line) });
    for (const shard of options.shards) if (shard.nowMs > 0) this.recorder.begin(shard);
  }

  /** Facts that have become durable, in their order; those of the process are no steps. */
  take(batches: readonly Batch[]): void {
    if (this.ended) return;
    for (const { shard, facts } of batches)
      if (shard !== null) for (const fact of facts) this.recorder.take(shard, fact);
  }

  /** A trace goes by the constants in its first line: no step after other ones can be one of it. */
  useLimits(limits: Limits): void {
    if (JSON.stringify(constantsOf(limits)) !== this.constants) this.end('the limits have changed');
  }

  /** Writes what is held back. */
  flush(): void {
    if (this.ended || this.bytes === 0) return;
    const piece = this.pieces.join('');
    this.pieces = [];
    this.bytes = 0;
    try {
      for (let rest: Uint8Array = Buffer.from(piece); rest.length > 0; )
        rest = rest.subarray(writeSync(this.file, rest));
    } catch (error) {
      this.end((error as Error).message);
    }
  }

  close(): void {
    if (this.ended) return;
    this.flush();
    this.ended = true;
    closeSync(this.file);
  }

  private write(line: string): void {
    this.pieces.push(line);
    this.bytes += line.length;
    if (this.bytes >= PIECE_BYTES) this.flush();
  }

  private end(reason: string): void {
    if (this.ended) return;
    this.flush();
    if (this.ended) return;
    this.ended = true;
    closeSync(this.file);
    this.onEnd(reason);
  }
}
