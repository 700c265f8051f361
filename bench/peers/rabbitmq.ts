import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModule, missingModule } from './modules.ts';
import type { Lane, Opened, Peer } from './peer.ts';
import { freePort, launch, programOf } from './process.ts';

const CLIENT = 'amqplib';
const FOLDERS = ['/usr/lib/rabbitmq/bin'];
const PROGRAM = 'rabbitmq-server';
/** Where Erlang's nodes find each other; it would start one that outlives it. */
const NAMES = 'epmd';

interface Got {
  readonly fields: { readonly deliveryTag: number };
}
interface Channel {
  prefetch(count: number): Promise<unknown>;
  assertQueue(name: string, options: object): Promise<unknown>;
  sendToQueue(name: string, content: Buffer, options: object): boolean;
  waitForConfirms(): Promise<void>;
  consume(name: string, got: (message: Got | null) => void): Promise<unknown>;
  ack(message: Got, upTo: boolean): void;
}
interface Connection {
  createConfirmChannel(): Promise<Channel>;
  close(): Promise<void>;
}
interface Amqp {
  connect(url: string): Promise<Connection>;
}

/** Publishes are confirmed; what is delivered to it is acked up to the last of a round, without an answer: AMQP gives none. */
class RabbitLane implements Lane {
  private readonly connection: Connection;
  private readonly channel: Channel;
  private readonly to: Opened;
  private readonly got: Got[] = [];
  private enough: (() => void) | null = null;
  private wanted = 0;

  constructor(connection: Connection, channel: Channel, to: Opened) {
    this.connection = connection;
    this.channel = channel;
    this.to = to;
  }

  readonly take = (message: Got | null): void => {
    if (message !== null) this.got.push(message);
    if (this.got.length >= this.wanted) this.enough?.();
  };

  async cycle(messages: number): Promise<void> {
    const { queue, payload } = this.to;
    this.wanted = messages;
    const received = new Promise<void>((resolve) => {
      this.enough = resolve;
    });
    for (let i = 0; i < messages; i++) this.channel.sendToQueue(queue, payload, { persistent: true });
    await this.channel.waitForConfirms();
    if (this.got.length < messages) await received;
    this.enough = null;
    const taken = this.got.splice(0, messages);
    this.channel.ack(taken.at(-1) as Got, true);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

export const RABBITMQ: Peer = {
  name: 'RabbitMQ, quorum queue',
  durable: 'Raft log of one member, synced; publishes confirmed',
  note: 'messages are pushed, and acks have no answer: nobody learns whether one was taken; no idempotency, no hashes',
  missing: () =>
    programOf(PROGRAM, FOLDERS) === null || programOf(NAMES) === null
      ? `${PROGRAM} is not installed`
      : missingModule(CLIENT),
  start: async (folder) => {
    const port = await freePort();
    const namesPort = await freePort();
    for (const name of ['base', 'log']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'plugins'), '[].\n');
    writeFileSync(join(folder, 'rabbit.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\n`);
    const env = {
      ...{ PATH: process.env['PATH'], HOME: folder, RABBITMQ_NODENAME: `bench${port}@localhost` },
      ...{ RABBITMQ_MNESIA_BASE: join(folder, 'base'), RABBITMQ_LOG_BASE: join(folder, 'log') },
      ...{ RABBITMQ_CONFIG_FILE: join(folder, 'rabbit'), RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins') },
      ...{ RABBITMQ_NODE_PORT: `${port}`, RABBITMQ_DIST_PORT: `${await freePort()}` },
      ...{
        ERL_EPMD_PORT: `${namesPort}`,
        ERL_EPMD_ADDRESS: '127.0.0.1',
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1',
      },
    };
    const names = await launch(
      programOf(NAMES) as string,
      ['-port', env.ERL_EPMD_PORT, '-address', '127.0.0.1'],
      namesPort,
    );
    try {
      const { pid, stop } = await launch(programOf(PROGRAM, FOLDERS) as string, [], port, { env, cwd: folder });
      return { port, secret: '', pid, stop: () => stop().then(() => names.stop()) };
    } catch (error) {
      await names.stop();
      throw error;
    }
  },
  open: async (to) => {
    const amqp = await loadModule<Amqp>(CLIENT);
    const connection = await amqp.connect(`amqp://guest:guest@127.0.0.1:${to.port}`);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(to.queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.prefetch(64);
    const lane = new RabbitLane(connection, channel, to);
    await channel.consume(to.queue, lane.take);
    return lane;
  },
};
