/** An HTTP connection of a load, one request at a time, with as little work as it can. */
import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = 'content-length: ';
const ANSWER_BYTES_MAX = 1024 * 1024;

export class HttpLane {
  private readonly socket: Socket;
  private readonly head: string;
  private readonly pending = Buffer.allocUnsafe(ANSWER_BYTES_MAX);
  private length = 0;
  /** Of the whole answer; 0 while its head is not there. */
  private bytes = 0;
  private bodyAt = 0;
  private answered: (body: Buffer) => void = () => {};

  constructor(port: number, capability: string, type: string) {
    this.head = ` HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${capability}\r\nContent-Type: ${type}\r\nContent-Length: `;
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.data(chunk));
    this.socket.on('error', (error) => {
      throw error;
    });
  }

  private data(chunk: Buffer): void {
    chunk.copy(this.pending, this.length);
    this.length += chunk.length;
    if (this.bytes === 0) {
      const end = this.pending.subarray(0, this.length).indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.pending.toString('latin1', 0, end).toLowerCase();
      if (!head.startsWith('http/1.1 200'))
        throw new Error(this.pending.toString('latin1', 0, Math.min(600, this.length)));
      this.bodyAt = end + HEAD_END.length;
      this.bytes = this.bodyAt + Number.parseInt(head.slice(head.lastIndexOf(LENGTH) + LENGTH.length), 10);
    }
    if (this.length < this.bytes) return;
    const body = this.pending.subarray(this.bodyAt, this.bytes);
    this.length = 0;
    this.bytes = 0;
    this.answered(body);
  }

  /** The answer is valid until the next request. */
  post(path: string, body: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      this.answered = resolve;
      this.socket.cork();
      this.socket.write(`POST ${path}${this.head}${body.length}\r\n\r\n`, 'latin1');
      this.socket.write(body);
      this.socket.uncork();
    });
  }

  close(): void {
    this.socket.destroy();
  }
}
