import { closeSync, writeSync } from 'node:fs';
import { openForWriting } from '../files.ts';

const BUFFERED = 1 << 20;

/** Text that is too long to be kept, written as it comes. */
export class TextFile {
  private readonly fd: number;
  private waiting: string[] = [];
  private size = 0;

  constructor(name: string, path: string) {
    this.fd = openForWriting(name, path);
  }

  write(text: string): void {
    this.waiting.push(text);
    this.size += text.length;
    if (this.size >= BUFFERED) this.flush();
  }

  private flush(): void {
    const bytes = Buffer.from(this.waiting.join(''));
    for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
    this.waiting = [];
    this.size = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.fd);
  }
}
