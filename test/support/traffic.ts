import { Agent, request } from 'node:http';

export interface Answered {
  readonly status: number;
  readonly retryAfter: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
}

/** A client that keeps its connections, and may come from another loopback address. */
export class Caller {
  private readonly agent: Agent;
  private readonly base: string;
  /** Connections made so far. */
  connected = 0;

  constructor(base: string, { sockets = 8, localAddress = '127.0.0.1' } = {}) {
    this.base = base;
    this.agent = new Agent({ keepAlive: true, maxSockets: sockets, localAddress });
  }

  ask(method: string, path: string, cap: string | null, body?: unknown): Promise<Answered> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers: Record<string, string | number> = { 'content-length': Buffer.byteLength(text) };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (cap !== null) headers['authorization'] = `Bearer ${cap}`;
    return new Promise((resolve, reject) => {
      const req = request(`${this.base}${path}`, { method, agent: this.agent, headers }, (res) => {
        let answer = '';
        res.setEncoding('utf8');
        res.on('data', (chunk) => {
          answer += chunk;
        });
        res.on('end', () => {
          const retryAfter = Number(res.headers['retry-after'] ?? 0);
          resolve({ status: res.statusCode ?? 0, retryAfter, body: answer === '' ? null : JSON.parse(answer) });
        });
      });
      req.on('socket', (socket) => {
        if (socket.connecting) this.connected++;
      });
      req.on('error', reject);
      req.end(text);
    });
  }

  post(path: string, cap: string | null, body: unknown): Promise<Answered> {
    return this.ask('POST', path, cap, body);
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Something done again and again until told to stop; what it came to, by status. */
export class Loop {
  readonly statuses = new Map<number, number>();
  count = 0;
  private stopped = false;
  private readonly waiting: { readonly met: () => boolean; readonly wake: () => void }[] = [];
  private readonly ended: Promise<void>;

  constructor(step: (n: number) => Promise<Answered | null>) {
    this.ended = this.run(step);
  }

  private async run(step: (n: number) => Promise<Answered | null>): Promise<void> {
    while (!this.stopped) {
      const answer = await step(this.count);
      this.count++;
      if (answer !== null) this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
      for (const { met, wake } of this.waiting) if (met()) wake();
    }
  }

  /** Resolves when `met` holds after a step. */
  until(met: () => boolean, deadlineMs = 20_000): Promise<void> {
    if (met()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not reached after ${this.count} steps`)), deadlineMs);
      const wake = (): void => {
        clearTimeout(late);
        resolve();
      };
      this.waiting.push({ met, wake });
    });
  }

  /** Resolves after so many steps more. */
  steps(more: number): Promise<void> {
    const count = this.count + more;
    return this.until(() => this.count >= count);
  }

  stop(): Promise<void> {
    this.stopped = true;
    return this.ended;
  }
}

/** Resolves when each of them has done so many steps more. */
export const stepsOf = (loops: readonly Loop[], more: number): Promise<unknown> =>
  Promise.all(loops.map((loop) => loop.steps(more)));
