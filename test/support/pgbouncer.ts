import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { asNobody, freePort, own, PASSWORD, type PostgresFolder, type PostgresServer } from './postgres.ts';
import { until } from './until.ts';

const PROGRAM = '/usr/sbin/pgbouncer';
export const isPgBouncerHere = existsSync(PROGRAM);
const READY_MS = 20_000;

/** A pooler before a server, which gives connections away after each transaction or after each session. */
export class PgBouncer {
  readonly url: string;
  private readonly child: ChildProcess;

  static async start(folder: PostgresFolder, server: PostgresServer, mode: string): Promise<PgBouncer> {
    const port = await freePort();
    const settings = join(folder.path, `pgbouncer-${port}.ini`);
    const users = join(folder.path, `pgbouncer-${port}.txt`);
    writeFileSync(users, `"postgres" "${PASSWORD}"\n`);
    const to = `host=127.0.0.1 port=${server.port} user=postgres password=${PASSWORD}`;
    writeFileSync(
      settings,
      `[databases]\npostgres = ${to}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =
auth_type = plain\nauth_file = ${users}\npool_mode = ${mode}\ndefault_pool_size = 8\n`,
    );
    for (const file of [settings, users]) own(file);
    const [program, args] = asNobody(PROGRAM, [settings]);
    const one = new PgBouncer(port, spawn(program, args, { stdio: 'ignore', cwd: folder.path }));
    await one.ready();
    return one;
  }

  private constructor(port: number, child: ChildProcess) {
    this.url = `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`;
    this.child = child;
    process.on('exit', () => this.kill());
  }

  private async ready(): Promise<void> {
    let why: unknown = null;
    const isAnswered = async (): Promise<boolean> => {
      const client = new Client({ connectionString: this.url });
      client.on('error', () => {});
      try {
        await client.connect();
        await client.end();
        return true;
      } catch (error) {
        why = error;
        if (this.child.exitCode !== null) throw error;
        return false;
      }
    };
    await until(isAnswered, READY_MS).catch((error) => {
      throw why ?? error;
    });
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
