import { connect, type Socket } from 'node:net';
import { until } from './server.ts';

/** A stream as its client reads it: the head, then whole lines. Reading can be stopped, so that the reader stalls. */
export class LineReader {
  readonly socket: Socket;
  readonly where: { host: string; port: number } | { path: string };
  head = '';
  readonly lines: string[] = [];
  isClosed = false;
  private raw = '';
  private rest = '';

  constructor(where: LineReader['where'], request: string) {
    this.where = where;
    this.socket = connect(where, () => this.socket.write(request, 'latin1'));
    this.socket.on('data', (chunk) => this.take(chunk.toString('latin1')));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  private take(text: string): void {
    this.raw += text;
    if (this.head === '') {
      const end = this.raw.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.raw.slice(0, end);
      this.raw = this.raw.slice(end + 4);
    }
    if (/transfer-encoding: chunked/i.test(this.head)) this.unchunk();
    else {
      this.rest += this.raw;
      this.raw = '';
    }
    const lines = this.rest.split('\n');
    this.rest = lines.pop() as string;
    this.lines.push(...lines);
  }

  private unchunk(): void {
    for (;;) {
      const end = this.raw.indexOf('\r\n');
      if (end < 0) return;
      const size = Number.parseInt(this.raw.slice(0, end), 16);
      if (this.raw.length < end + 4 + size) return;
      this.rest += this.raw.slice(end + 2, end + 2 + size);
      this.raw = this.raw.slice(end + 4 + size);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  get values(): any[] {
    return this.lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** The values, once there are so many. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  async atLeast(count: number): Promise<any[]> {
    await until(() => this.values.length >= count);
    return this.values;
  }

  closed(): Promise<void> {
    return until(() => this.isClosed);
  }
}
