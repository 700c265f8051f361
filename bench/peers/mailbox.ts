import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type BatchFormat, FORMATS, type Leased, SINGLE, type Speaks } from '../frames-formats.ts';
import { HttpLane } from '../http-lane.ts';
import type { Lane, Opened, Peer } from './peer.ts';
import { freePort, launch } from './process.ts';

const PROGRAM = new URL('../../dist/mailbox.js', import.meta.url).pathname;

const speaksOf = (format: BatchFormat, messages: number): Speaks =>
  format === 'json' && messages === 1 ? SINGLE : FORMATS[format];

/** A send, then a recv on which the acks of the round before ride. */
class MailboxLane implements Lane {
  private readonly http: HttpLane;
  private readonly format: BatchFormat;
  private readonly to: Opened;
  private readonly sends = new Map<number, (number: number) => Buffer>();
  private riding: readonly Leased[] = [];
  private rounds = 0;

  constructor(http: HttpLane, format: BatchFormat, to: Opened) {
    this.http = http;
    this.format = format;
    this.to = to;
  }

  async cycle(messages: number): Promise<void> {
    const { queue, payload } = this.to;
    const speaks = speaksOf(this.format, messages);
    let sends = this.sends.get(messages);
    if (sends === undefined) {
      sends = speaks.sends(queue, messages, payload);
      this.sends.set(messages, sends);
    }
    await this.http.post(speaks.paths.send, sends(++this.rounds));
    const answer = await this.http.post(speaks.paths.recv, speaks.recv(queue, messages, this.riding));
    this.riding = speaks.leased(answer);
    if (this.riding.length !== messages) throw new Error(`mailbox: ${this.riding.length} messages of ${messages}`);
  }

  async close(): Promise<void> {
    const speaks = FORMATS[this.format];
    if (this.riding.length > 0) await this.http.post(speaks.paths.ack, speaks.acks(this.riding));
    this.http.close();
  }
}

const mailbox = (format: BatchFormat, isDurable: boolean): Peer => ({
  name: `svc-mailbox, ${format === 'json' ? 'JSON' : 'frames'}`,
  durable: isDurable ? 'journal, every write synced' : null,
  note: 'authority, idempotency and hashes checked; acks ride on the next recv; settings at their defaults, but nothing kept for other tenants',
  missing: () => null,
  start: async (folder) => {
    const port = await freePort();
    const keyring = join(folder, 'keyring.json');
    const cli = (...args: readonly string[]): string =>
      execFileSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' });
    cli('keyring', 'init', keyring);
    const scope = [
      '--topic-prefix',
      'bench.',
      '--op',
      'send,recv,ack',
      '--expires',
      '1h',
      '--quota-ops',
      '100000000/1',
    ];
    const secret = cli('cap', 'mint', '--keyring', keyring, ...scope).trim();
    const kept = isDurable ? ['--data', join(folder, 'data')] : ['--profile', 'micronode'];
    const where = ['--bind', `127.0.0.1:${port}`, '--metrics-bind', '127.0.0.1:0', '--console-bind', 'none'];
    // 64 clients hold 32 messages each: all the leases that there are by default.
    const alone = ['--tenant-reserve', '0'];
    const args = [PROGRAM, 'serve', '--keyring', keyring, ...where, ...alone, ...kept];
    return { port, secret, ...(await launch(process.execPath, ['--max-semi-space-size=64', ...args], port)) };
  },
  open: async (to) => new MailboxLane(new HttpLane(to.port, to.secret, FORMATS[format].type), format, to),
});

export const MAILBOX = mailbox('json', true);
export const MAILBOX_FRAMES = mailbox('frames-2', true);
export const MAILBOX_MEMORY = mailbox('json', false);
export const MAILBOX_MEMORY_FRAMES = mailbox('frames-2', false);
