import { connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** A way to a server over which connections can be lost when it matters. */
export class LossyProxy {
  readonly port: number;
  private readonly listener: Server;
  private readonly pairs = new Set<Pair>();
  private lose: ((asked: Buffer) => boolean) | null = null;
  private lost: () => void = () => {};

  static to(port: number): Promise<LossyProxy> {
    const listener = createServer();
    return new Promise((resolve) => {
      listener.listen(0, '127.0.0.1', () => resolve(new LossyProxy(listener, port)));
    });
  }

  private constructor(listener: Server, to: number) {
    this.listener = listener;
    this.port = (listener.address() as { port: number }).port;
    listener.on('connection', (client) => this.join(client, to));
  }

  private join(client: Socket, to: number): void {
    const server = connect(to, '127.0.0.1');
    const pair = { client, server };
    let isLost = false;
    this.pairs.add(pair);
    const end = (): void => {
      this.pairs.delete(pair);
      client.destroy();
      // What was handed on is still executed.
      server.end();
    };
    for (const socket of [client, server]) {
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (asked) => {
      server.write(asked);
      if (this.lose?.(asked) !== true) return;
      this.lose = null;
      isLost = true;
    });
    server.on('data', (answer) => {
      if (!isLost) return client.write(answer);
      client.destroy();
      this.lost();
    });
  }

  /** The next connection on which something like this is asked is lost when its answer comes. Resolves then. */
  loseAnswerTo(isMeant: (asked: Buffer) => boolean): Promise<void> {
    this.lose = isMeant;
    return new Promise((resolve) => {
      this.lost = resolve;
    });
  }

  cut(): void {
    for (const { client } of [...this.pairs]) client.destroy();
  }

  close(): void {
    this.cut();
    this.listener.close();
  }
}
