import { connect } from 'node:net';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { mint } from '../../src/auth/mint.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { DispatchMode } from '../../src/http/dispatch.ts';
import { createLog } from '../../src/observe/log.ts';
import { type Running, type ServerOptions, startServer } from '../../src/server/main.ts';
import { LineReader } from './lines.ts';
import { unlistedOn } from './log-lines.ts';

export { until } from './until.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
}

const BASE = {
  bind: '127.0.0.1:0',
  metrics_bind: '127.0.0.1:0',
  console_bind: 'none',
  enable_admin: 'true',
  drain_deadline: '500ms',
  profile: 'micronode',
};

/** A server on ports of its own, with everything it logged. */
export class TestServer {
  readonly url: string;
  readonly metricsUrl: string;
  /** Of the console, where the test asks for one; else empty. */
  readonly consoleUrl: string;
  readonly lines: Record<string, unknown>[];
  readonly keyring: Keyring;
  readonly capability: string;
  private readonly running: Running;

  private constructor(running: Running, keyring: Keyring, lines: Record<string, unknown>[], isTls: boolean) {
    this.running = running;
    this.keyring = keyring;
    this.lines = lines;
    this.url = `${isTls ? 'https' : 'http'}://${running.http}`;
    this.metricsUrl = `http://${running.metrics}`;
    this.consoleUrl = running.console === null ? '' : `${isTls ? 'https' : 'http'}://${running.console}`;
    this.capability = this.cap('topic prefix t', 'op = send,recv,ack,nack,extend,stats');
  }

  static async start(
    settings: Record<string, string> = {},
    dispatch: DispatchMode = 'hot-direct',
    more: Partial<Pick<ServerOptions, 'time' | 'keyring'>> = {},
  ): Promise<TestServer> {
    const lines: Record<string, unknown>[] = [];
    const config = loadConfig({ ...BASE, ...settings }, {});
    const keyring = more.keyring ?? new Keyring([freshKey('k1', Date.now())]);
    const log = createLog('debug', 'json', (line) => lines.push(JSON.parse(line)));
    // A verifier holds the keys itself.
    const held = config.settings.verifier_url === null ? keyring : null;
    const running = await startServer({ settings: config.settings, log, dispatch, ...more, keyring: held });
    return new TestServer(running, keyring, lines, config.settings.tls_cert !== null);
  }

  /** @throws Error when an answer was none that the contract lists for its route, or a line none of the table of log events */
  async stop(): Promise<void> {
    await this.running.stop();
    const unlisted = this.lines.filter(({ event }) => event === 'answer.unlisted');
    if (unlisted.length > 0) throw new Error(`not in the contract: ${JSON.stringify(unlisted)}`);
    const unknown = new Set(this.lines.flatMap(unlistedOn));
    if (unknown.size > 0) throw new Error(`not in src/observe/events.ts: ${[...unknown]}`);
  }

  /** A capability good for an hour with a wide quota, unless the caveats say otherwise. */
  cap(...caveats: string[]): string {
    const quota = caveats.some((line) => line.startsWith('quota_ops')) ? [] : ['quota_ops = 1000000/1'];
    const expires = caveats.some((line) => line.startsWith('expires'))
      ? []
      : [`expires = ${Math.floor(Date.now() / 1000) + 3600}`];
    return mint(this.keyring, [...caveats, ...quota, ...expires]).token;
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    { cap = this.capability, headers = {} }: { cap?: string | null; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const all: Record<string, string> = { ...headers };
    if (cap !== null) all['authorization'] = `Bearer ${cap}`;
    if (body !== undefined && all['content-type'] === undefined) all['content-type'] = 'application/json';
    const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const response = await fetch(this.url + path, { method, headers: all, ...sent });
    const text = await response.text();
    // Of lines the last one says how it ended.
    const last =
      response.headers.get('content-type') === 'application/x-ndjson' ? text.trim().split('\n').at(-1) : text;
    return { status: response.status, headers: response.headers, body: last ? JSON.parse(last) : null };
  }

  /** Posts bytes as they are and gives the bytes of the answer. */
  async postBytes(
    path: string,
    body: Buffer,
    headers: Record<string, string>,
    cap: string | null = this.capability,
  ): Promise<{ status: number; headers: Headers; bytes: Buffer }> {
    const all = cap === null ? headers : { authorization: `Bearer ${cap}`, ...headers };
    const response = await fetch(this.url + path, { method: 'POST', headers: all, body: new Uint8Array(body) });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
  }

  post(path: string, body: unknown, options: { cap?: string | null; headers?: Record<string, string> } = {}) {
    return this.ask('POST', path, body, options);
  }

  send(topic: string, idemKey: string, more: object = {}): Promise<Answer> {
    return this.post('/v1/send', { topic, idem_key: idemKey, payload_b64: 'aGVsbG8=', ...more });
  }

  /** Opens a stream on a connection of its own. */
  stream(body: object, cap = this.capability, where: LineReader['where'] = this.where): LineReader {
    const text = JSON.stringify(body);
    const head = `POST /v1/recv/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${cap}\r\nContent-Type: application/json`;
    return new LineReader(where, `${head}\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  }

  get where(): { host: string; port: number } {
    const [host, port] = this.running.http.split(':') as [string, string];
    return { host, port: Number(port) };
  }

  reload(settings: Record<string, string>, keyring = this.keyring): Promise<void> {
    return this.running.reload({ settings: loadConfig({ ...BASE, ...settings }, {}).settings, keyring });
  }

  /** What the server writes on a raw connection until it closes it, or until `enough` says so. */
  raw(text: string, enough: (answer: string) => boolean = () => false): Promise<string> {
    const [host, port] = this.running.http.split(':') as [string, string];
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(Number(port), host, () => socket.write(text, 'latin1'));
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
        if (enough(answer)) socket.destroy();
      });
      socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
      socket.on('close', () => resolve(answer));
    });
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.metricsUrl}/metrics`)).text();
  }

  /** The value of one series, 0 when it is not there. */
  async metric(name: string): Promise<number> {
    const line = (await this.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length + 1));
  }
}
