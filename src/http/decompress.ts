import { type BrotliDecompress, createBrotliDecompress, createGunzip, createInflate, type Gunzip } from 'node:zlib';

/** Output is looked at in steps of this size, so that a bomb is seen after its first step (D3). */
const STEP_BYTES = 64 * 1024;

const ENGINES = {
  gzip: () => createGunzip({ chunkSize: STEP_BYTES }),
  deflate: () => createInflate({ chunkSize: STEP_BYTES }),
  br: () => createBrotliDecompress({ chunkSize: STEP_BYTES }),
} as const;
type Coding = keyof typeof ENGINES;

/** One layer, and only of these: no list, no zstd, no x-gzip. */
export const isCoding = (name: string): name is Coding => Object.hasOwn(ENGINES, name);

/** Why a body was not expanded to its end. */
export type ExpandFault = 'ratio' | 'malformed';

/** Expands one body as it arrives, within the ratio cap, off the event loop. */
export class Decompressor {
  private readonly engine: Gunzip | BrotliDecompress;
  private readonly ratio: number;
  private readonly isGzip: boolean;
  private readonly finish: (fault: ExpandFault | null) => void;
  private bytesIn = 0;
  private bytesOut = 0;
  private ended = false;
  /** The last four bytes sent: of gzip the size of its (last) member. */
  private tail: Buffer = Buffer.alloc(0);

  /** `coding` is one that `isCoding` knows. `take` gets what comes out, `finish` is called once. */
  constructor(
    coding: string,
    rules: { readonly ratio: number },
    take: (chunk: Buffer) => void,
    finish: (fault: ExpandFault | null) => void,
  ) {
    this.engine = ENGINES[coding as Coding]();
    this.ratio = rules.ratio;
    this.isGzip = coding === 'gzip';
    this.finish = finish;
    this.engine.on('data', (chunk: Buffer) => {
      this.bytesOut += chunk.length;
      if (this.bytesOut > this.ratio * this.bytesIn) finish('ratio');
      else take(chunk);
    });
    this.engine.on('end', () => finish(this.isWhole() ? null : 'malformed'));
    this.engine.on('error', () => finish('malformed'));
  }

  write(chunk: Buffer): void {
    this.bytesIn += chunk.length;
    if (this.isGzip)
      this.tail = chunk.length >= 4 ? chunk.subarray(-4) : Buffer.concat([this.tail, chunk]).subarray(-4);
    this.engine.write(chunk);
  }

  end(): void {
    this.ended = true;
    if (this.bytesIn === 0) return this.finish('malformed');
    this.engine.end();
  }

  close(): void {
    this.engine.destroy();
  }

  /** Nothing came after the compressed data, and gzip had one member: several would be read as one (RFC 1952, 2.2). */
  private isWhole(): boolean {
    if (!this.ended || this.engine.bytesWritten !== this.bytesIn) return false;
    return !this.isGzip || (this.tail.length === 4 && this.tail.readUInt32LE() === this.bytesOut);
  }
}
