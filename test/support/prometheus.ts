import { type ChildProcess, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { until } from './server.ts';

/** Nobody listens there at the moment. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A real Prometheus with a configuration, its data in a folder. */
export class RealPrometheus {
  private readonly child: ChildProcess;
  private readonly url: string;
  private readonly ended: Promise<unknown>;
  private said = '';

  private constructor(config: string, folder: string, port: number) {
    const listen = `127.0.0.1:${port}`;
    this.url = `http://${listen}`;
    const flags = [
      '--config.file',
      config,
      '--storage.tsdb.path',
      join(folder, 'tsdb'),
      '--web.listen-address',
      listen,
    ];
    this.child = spawn('prometheus', flags, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr?.on('data', (chunk) => {
      this.said += chunk;
    });
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  static async start(config: string, folder: string): Promise<RealPrometheus> {
    const prometheus = new RealPrometheus(config, folder, await freePort());
    await until(async () => {
      if (prometheus.child.exitCode !== null) throw new Error(`prometheus ended: ${prometheus.said}`);
      return fetch(`${prometheus.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    });
    return prometheus;
  }

  private async get(path: string) {
    // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is its caller's to know
    const answer = (await (await fetch(this.url + path)).json()) as { status: string; data: any };
    if (answer.status !== 'success') throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer.data;
  }

  async query(expr: string): Promise<Sample[]> {
    return (await this.get(`/api/v1/query?query=${encodeURIComponent(expr)}`)).result;
  }

  /** Each rule by name, with its health and what was wrong with it. */
  async rules(): Promise<{ readonly name: string; readonly health: string; readonly lastError?: string }[]> {
    const { groups } = await this.get('/api/v1/rules');
    return groups.flatMap((group: { rules: object[] }) => group.rules);
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
