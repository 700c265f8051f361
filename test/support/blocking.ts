import type { Socket } from 'node:net';

const PIECE_BYTES = 64 * 1024;
const DEADLINE_MS = 20_000;

/** A client as blocking libraries and proxies are: it reads nothing before it has written all that it wants to. */
export class BlockingClient {
  readonly socket: Socket;
  private error: Error | null = null;
  private answered = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', (error) => {
      this.error = error;
    });
  }

  /** Each piece waits until the system has taken the one before. @throws what the connection failed with */
  async write(bytes: string | Buffer): Promise<void> {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    for (let at = 0; at < all.length; at += PIECE_BYTES) {
      await new Promise<void>((resolve, reject) => {
        const piece = all.subarray(at, at + PIECE_BYTES);
        this.socket.write(piece, (error) => (error == null ? resolve() : reject(error)));
      });
      // What the server makes of it is seen before the next one.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Everything that is answered until the server closes its side. @throws when the connection was reset */
  answer(): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`still open after ${this.answered}`)), DEADLINE_MS);
      const end = (): void => {
        clearTimeout(late);
        if (this.error === null) resolve(this.answered);
        else reject(this.error);
      };
      this.socket.on('data', (chunk: Buffer) => {
        this.answered += chunk.toString('latin1');
      });
      this.socket.once('end', end);
      this.socket.once('close', end);
      if (this.socket.destroyed) end();
    });
  }
}
