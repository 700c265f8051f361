import type { Lane, Opened, Peer } from './peer.ts';
import { freePort, launch, programOf } from './process.ts';
import { Wire } from './wire.ts';

const PROGRAM = 'beanstalkd';
const LINE_END = '\r\n';

/** A line, and behind RESERVED the job. */
function answerEnd(bytes: Buffer): number {
  const line = bytes.indexOf(LINE_END);
  if (line < 0) return 0;
  const words = bytes.toString('latin1', 0, line).split(' ');
  const end = line + 2 + (words[0] === 'RESERVED' ? Number(words[2]) + 2 : 0);
  return bytes.length >= end ? end : 0;
}

class BeanstalkdLane implements Lane {
  private readonly wire: Wire;
  private readonly put: Buffer;
  private deletes = '';
  private deleting = 0;

  constructor(wire: Wire, { payload }: Opened) {
    this.wire = wire;
    const head = `put 0 0 600 ${payload.length}${LINE_END}`;
    this.put = Buffer.concat([Buffer.from(head), payload, Buffer.from(LINE_END)]);
  }

  async cycle(messages: number): Promise<void> {
    const puts = Buffer.concat(new Array(messages).fill(this.put));
    await this.wire.ask(puts, messages);
    const reserves = `reserve${LINE_END}`.repeat(messages);
    const answers = await this.wire.ask(this.deletes + reserves, this.deleting + messages);
    this.deletes = '';
    this.deleting = messages;
    for (const answer of answers.slice(-messages)) {
      const [word, id] = answer.toString('latin1', 0, 40).split(' ');
      if (word !== 'RESERVED') throw new Error(`beanstalkd: ${word}`);
      this.deletes += `delete ${id}${LINE_END}`;
    }
  }

  async close(): Promise<void> {
    if (this.deleting > 0) await this.wire.ask(this.deletes, this.deleting);
    this.wire.close();
  }
}

const beanstalkd = (durable: string | null, args: (folder: string) => readonly string[]): Peer => ({
  name: 'beanstalkd',
  durable,
  note: 'pipelined, deletes ride on the next reserve; no idempotency, no authority, no hashes',
  missing: () => (programOf(PROGRAM) === null ? `${PROGRAM} is not installed` : null),
  start: async (folder) => {
    const port = await freePort();
    const program = programOf(PROGRAM) as string;
    const where = ['-l', '127.0.0.1', '-p', `${port}`, ...args(folder)];
    return { port, secret: '', ...(await launch(program, where, port)) };
  },
  open: async (to) => {
    const wire = await Wire.open(to.port, answerEnd);
    await wire.ask(`use ${to.queue}${LINE_END}watch ${to.queue}${LINE_END}ignore default${LINE_END}`, 3);
    return new BeanstalkdLane(wire, to);
  },
});

export const BEANSTALKD = beanstalkd('binlog, fsync every write', (folder) => ['-b', folder, '-f', '0']);
export const BEANSTALKD_MEMORY = beanstalkd(null, () => []);
