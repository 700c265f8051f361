import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keyring } from '../../src/auth/keyring.ts';
import { writeKeyringFile } from '../../src/auth/keyring-file.ts';
import { mint } from '../../src/auth/mint.ts';
import { MailboxProcess } from './process.ts';

/** One response as it came over the socket. */
export interface Response {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
  /** The `code` of the body, where it is an error's JSON or the first frame's. */
  readonly code: string | null;
}

/** An exchange that has not ended by then hangs. */
const DEADLINE_MS = 20_000;
const SENT_CHARS = 16_384;

/** The real program in a process of its own, as an attacker meets it: through sockets. What it writes is kept. */
export class Target {
  readonly process: MailboxProcess;
  readonly keyring: Keyring;
  /** The beginning of everything that was sent by `exchange`. */
  readonly sent: string[] = [];
  private readonly folder: string;
  host = '127.0.0.1';
  port = 0;
  private metricsUrl = '';

  private constructor(settings: Readonly<Record<string, string>>) {
    this.folder = mkdtempSync(join(tmpdir(), 'target-'));
    const day = 86_400_000;
    const key = (id: string, createdMs: number) => ({ id, createdMs, key: createSecretKey(randomBytes(32)) });
    this.keyring = new Keyring([key('k2', Date.now()), key('k1', Date.now() - day)]);
    const keyring = join(this.folder, 'keyring.json');
    writeKeyringFile(keyring, this.keyring, true);
    const all = {
      bind: '127.0.0.1:0',
      metrics_bind: '127.0.0.1:0',
      console_bind: 'none',
      keyring,
      log_level: 'info',
      ...settings,
    };
    const flags = Object.entries(all).map(([name, value]) => `--${name.replaceAll('_', '-')}${value && `=${value}`}`);
    this.process = new MailboxProcess(['serve', ...flags]);
  }

  /** `settings` by name; an empty value is a flag without one. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Target> {
    const target = new Target(settings);
    const { http, metrics } = await target.process.logged('server.ready');
    target.port = Number(http?.split(':')[1]);
    target.metricsUrl = `http://${metrics}/metrics`;
    return target;
  }

  async stop(): Promise<void> {
    this.process.child.kill('SIGTERM');
    await this.process.finished;
    rmSync(this.folder, { recursive: true });
  }

  /** A capability good for an hour with a wide quota, unless the caveats say otherwise. */
  cap(...caveats: string[]): string {
    const quota = caveats.some((line) => line.startsWith('quota_ops')) ? [] : ['quota_ops = 1000000/1'];
    const expires = caveats.some((line) => line.startsWith('expires')) ? [] : [`expires = ${inSeconds(3600)}`];
    return mint(this.keyring, [...caveats, ...quota, ...expires]).token;
  }

  connect(): Socket {
    return connect({ host: this.host, port: this.port });
  }

  /** Everything that is answered on one connection, until the server closes it. */
  exchange(bytes: string | Buffer): Promise<Buffer> {
    this.sent.push((typeof bytes === 'string' ? bytes : bytes.toString('latin1', 0, SENT_CHARS)).slice(0, SENT_CHARS));
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const late = setTimeout(() => {
        socket.destroy();
        reject(new Error(`hangs after ${JSON.stringify(Buffer.concat(chunks).toString('latin1').slice(0, 200))}`));
      }, DEADLINE_MS);
      const socket = this.connect();
      socket.on('connect', () => socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes));
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      // A peer that cuts while we write has answered all it will.
      socket.on('error', () => {});
      socket.on('close', () => {
        clearTimeout(late);
        resolve(Buffer.concat(chunks));
      });
    });
  }

  /** A request as any client makes it, on a connection of its own. */
  async ask(method: string, path: string, cap: string | null, body?: unknown): Promise<Response> {
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const head = [`${method} ${path} HTTP/1.1`, 'Host: t', 'Connection: close'];
    if (cap !== null) head.push(`Authorization: Bearer ${cap}`);
    if (body !== undefined) head.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`);
    const bytes = await this.exchange(Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`));
    const [response] = responsesIn(bytes);
    if (response === undefined) throw new Error(`${method} ${path}: no answer`);
    return response;
  }

  async metrics(): Promise<string> {
    return (await fetch(this.metricsUrl)).text();
  }

  /** What this process has at most occupied since it was last asked; counts anew from here on. */
  peakBytes(): number {
    const { pid } = this.process.child;
    const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    // 5: the peak is what is occupied now.
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return Number(kib) * 1024;
  }
}

export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** The responses in what was answered on one connection; interim ones (100) are none. @throws when bytes are left that are no response */
export function responsesIn(bytes: Buffer): Response[] {
  const found: Response[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at);
    const head = bytes.toString('latin1', at, end < 0 ? bytes.length : end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    if (end < 0 || Number.isNaN(status)) throw new Error(`no response: ${JSON.stringify(head.slice(0, 200))}`);
    const length = Number(/^content-length: (\d+)\r?$/im.exec(head)?.[1] ?? 0);
    const chunked = /^transfer-encoding: chunked\r?$/im.test(head);
    const stop = chunked ? bytes.length : end + 4 + length;
    if (stop > bytes.length) throw new Error(`response cut short: ${head}`);
    const body = bytes.subarray(end + 4, stop);
    if (status !== 100) found.push({ status, head, body, code: codeIn(body) });
    at = stop;
  }
  return found;
}

const codeIn = (body: Buffer): string | null => /"code":"(E_[A-Z_]+)"/.exec(body.toString('latin1'))?.[1] ?? null;
