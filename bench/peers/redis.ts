import type { Lane, Opened, Peer } from './peer.ts';
import { freePort, launch, programOf } from './process.ts';
import { Wire } from './wire.ts';

const PROGRAM = 'redis-server';
const GROUP = 'g';

const bulk = (...words: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.map((word) => Buffer.concat([Buffer.from(`$${word.length}\r\n`), Buffer.from(word), Buffer.from('\r\n')])),
  ]);

/** Where a RESP value ends, from `at`; 0 while it is not whole. */
function valueEnd(bytes: Buffer, at: number): number {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return 0;
  const count = Number(bytes.toString('latin1', at + 1, line));
  const kind = bytes[at];
  if (kind === 0x2d) throw new Error(bytes.toString('latin1', at, line));
  if (kind === 0x24) return count < 0 ? line + 2 : bytes.length >= line + 4 + count ? line + 4 + count : 0;
  let end = line + 2;
  if (kind !== 0x2a) return end;
  for (let i = 0; i < count; i++) {
    end = end < bytes.length ? valueEnd(bytes, end) : 0;
    if (end === 0) return 0;
  }
  return end;
}

/** Ids as XREADGROUP tells them: ms, a dash, a number. */
const ID = /\$\d+\r\n(\d{10,}-\d+)\r\n/g;

class RedisLane implements Lane {
  private readonly wire: Wire;
  private readonly stream: string;
  private readonly payload: Buffer;
  private readonly adds = new Map<number, Buffer>();
  /** Of the round before: they ride on the next. */
  private acks: Buffer | null = null;

  constructor(wire: Wire, { queue, payload }: Opened) {
    this.wire = wire;
    this.stream = queue;
    this.payload = payload;
  }

  private addsOf(messages: number): Buffer {
    let adds = this.adds.get(messages);
    if (adds === undefined) {
      const one = bulk('XADD', this.stream, '*', 'p', this.payload);
      adds = Buffer.concat(new Array(messages).fill(one));
      this.adds.set(messages, adds);
    }
    return adds;
  }

  async cycle(messages: number): Promise<void> {
    await this.wire.ask(this.addsOf(messages), messages);
    const read = bulk('XREADGROUP', 'GROUP', GROUP, 'c', 'COUNT', String(messages), 'STREAMS', this.stream, '>');
    const riding = this.acks;
    const answers = await this.wire.ask(
      riding === null ? read : Buffer.concat([riding, read]),
      riding === null ? 1 : 3,
    );
    const ids = [...(answers.at(-1) as Buffer).toString('latin1').matchAll(ID)].map(([, id]) => id as string);
    if (ids.length !== messages) throw new Error(`redis: ${ids.length} messages of ${messages}`);
    this.acks = Buffer.concat([bulk('XACK', this.stream, GROUP, ...ids), bulk('XDEL', this.stream, ...ids)]);
  }

  async close(): Promise<void> {
    if (this.acks !== null) await this.wire.ask(this.acks, 2);
    this.wire.close();
  }
}

const redis = (durable: string | null, args: readonly string[]): Peer => ({
  name: 'Redis streams',
  durable,
  note: 'consumer groups, acks ride on the next read, pipelined; no idempotency, no authority, no hashes',
  missing: () => (programOf(PROGRAM) === null ? `${PROGRAM} is not installed` : null),
  start: async (folder) => {
    const port = await freePort();
    const where = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--daemonize', 'no'];
    return { port, secret: '', ...(await launch(programOf(PROGRAM) as string, [...where, ...args], port)) };
  },
  open: async (to) => {
    const wire = await Wire.open(to.port, (bytes) => (bytes.length === 0 ? 0 : valueEnd(bytes, 0)));
    await wire.ask(bulk('XGROUP', 'CREATE', to.queue, GROUP, '0', 'MKSTREAM'), 1);
    return new RedisLane(wire, to);
  },
});

export const REDIS = redis('append-only file, fsync always', ['--appendonly', 'yes', '--appendfsync', 'always']);
export const REDIS_MEMORY = redis(null, ['--appendonly', 'no']);
