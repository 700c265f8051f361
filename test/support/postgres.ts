import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { until } from './until.ts';

/** PostgreSQL refuses to run as root; `nobody` has nothing else to lose. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
export const PASSWORD = 'swordfish';
const READY_MS = 60_000;
const DEBIAN = '/usr/lib/postgresql';

/** Where the programs of PostgreSQL are, the newest; null where they are not. */
function programs(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ];
  return (
    folders.find((folder) => ['initdb', 'postgres', 'pg_basebackup'].every((name) => existsSync(join(folder, name)))) ??
    null
  );
}
const BIN = programs();
export const isPostgresHere = BIN !== null;

const inBin = (program: string): string => join(BIN as string, program);

/** A program and its arguments, as they are run for somebody without rights; killed when a test run is broken off. */
export const asNobody = (program: string, args: readonly string[]): [string, string[]] => {
  const nobody = isRoot ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  return ['setpriv', [...nobody, '--pdeathsig=KILL', program, ...args]];
};

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const running = new Set<PostgresServer>();
process.on('exit', () => {
  for (const server of running) server.killNow();
});

/** A folder that the servers of one test file are in. */
export class PostgresFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'postgres-'));
  private readonly fresh = join(this.path, 'fresh');
  private count = 0;

  constructor() {
    if (isRoot) chownSync(this.path, NOBODY, NOBODY);
  }

  /** A new server, with these settings. */
  async primary(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
    if (!existsSync(this.fresh)) this.initialize();
    const folder = this.next();
    cpSync(this.fresh, folder, { recursive: true, preserveTimestamps: true });
    own(folder);
    return PostgresServer.start(folder, { max_wal_senders: '4', ...settings });
  }

  /** One that follows it, and that its answers wait for. */
  async standbyOf(primary: PostgresServer): Promise<PostgresServer> {
    const folder = this.next();
    const from = `host=127.0.0.1 port=${primary.port} user=postgres password=${PASSWORD} dbname=postgres`;
    const [program, args] = asNobody(inBin('pg_basebackup'), [
      '-D',
      folder,
      '-R',
      '-X',
      'stream',
      '-c',
      'fast',
      '-N',
      '-d',
      from,
    ]);
    execFileSync(program, args, { stdio: 'pipe', cwd: this.path });
    const standby = await PostgresServer.start(folder, {});
    await primary.set('synchronous_standby_names', '*');
    await primary.until(`SELECT count(*) > 0 AS yes FROM pg_stat_replication WHERE sync_state = 'sync'`);
    return standby;
  }

  private initialize(): void {
    mkdirSync(join(this.path, 'run'), { mode: 0o700 });
    own(join(this.path, 'run'));
    const password = join(this.path, 'password');
    execFileSync('sh', ['-c', `umask 077 && printf ${PASSWORD} > "$0"`, password]);
    own(password);
    const options = ['-D', this.fresh, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${password}`, '--no-sync'];
    const [program, args] = asNobody(inBin('initdb'), [...options, '-E', 'UTF8', '--locale=C']);
    execFileSync(program, args, { stdio: 'pipe', cwd: this.path });
  }

  private next(): string {
    return join(this.path, `server${++this.count}`);
  }

  end(): void {
    for (const server of running) if (server.folder.startsWith(this.path)) server.killNow();
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Given to whoever the servers run as. */
export function own(path: string): void {
  if (isRoot) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, path]);
}

/** A server of its own on loopback, with a superuser for the test. */
export class PostgresServer {
  readonly folder: string;
  readonly port: number;
  private readonly options: readonly string[];
  private child!: ChildProcess;
  private said = '';
  private client: Client | null = null;

  static async start(folder: string, settings: Readonly<Record<string, string>>): Promise<PostgresServer> {
    const server = new PostgresServer(folder, await freePort(), settings);
    await server.ready();
    return server;
  }

  private constructor(folder: string, port: number, settings: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.port = port;
    const all = {
      ...{ listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: join(folder, '../run') },
      ...{ shared_buffers: '16MB', max_connections: '60', wal_level: 'replica', hot_standby: 'on', ...settings },
    };
    this.options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.run();
  }

  private run(): void {
    const [program, args] = asNobody(inBin('postgres'), ['-D', this.folder, ...this.options]);
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.folder });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk) => {
        this.said = `${this.said}${chunk}`.slice(-20_000);
      });
    running.add(this);
  }

  urlOf(database = 'postgres', user = 'postgres', password = PASSWORD): string {
    return `postgres://${user}:${password}@127.0.0.1:${this.port}/${database}`;
  }

  private async ready(): Promise<void> {
    const isAnswered = (): Promise<boolean> =>
      this.query('SELECT 1').then(
        () => true,
        () => false,
      );
    await until(async () => this.child.exitCode !== null || (await isAnswered()), READY_MS).catch(() => {});
    if (this.child.exitCode !== null || !(await isAnswered()))
      throw new Error(`PostgreSQL does not answer: ${this.said}`);
  }

  /** As superuser, on a connection of the test's own. */
  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    if (this.client === null) {
      const client = new Client({ connectionString: this.urlOf(), application_name: 'test' });
      client.on('error', () => {
        this.client = null;
      });
      await client.connect();
      // What the test itself writes waits for nobody.
      await client.query('SET synchronous_commit = local');
      this.client = client;
    }
    return (await this.client.query(text, values)).rows;
  }

  /** Until a query says `yes`. */
  async until(text: string): Promise<void> {
    await until(async () => (await this.query(text))[0]?.['yes'] === true, READY_MS).catch((error) => {
      throw new Error(`never: ${text}`, { cause: error });
    });
  }

  async set(name: string, value: string): Promise<void> {
    await this.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await this.query('SELECT pg_reload_conf()');
    await this.until(`SELECT current_setting('${name}') = '${value}' AS yes`);
  }

  /** The machine is gone: no process of it ends in order. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.killNow();
    if (this.child.exitCode === null && this.child.signalCode === null) await ended;
  }

  killNow(): void {
    running.delete(this);
    const pid = this.child.pid as number;
    const children = `/proc/${pid}/task/${pid}/children`;
    // A sure end for those that would live on for a moment without their parent.
    const others = existsSync(children) ? readFileSync(children, 'utf8').trim().split(' ').filter(Boolean) : [];
    for (const one of [pid, ...others.map(Number)]) signal(one, 'SIGKILL');
    this.client?.end().catch(() => {});
    this.client = null;
  }

  /** It was killed: it comes up again, where it was. */
  async restart(): Promise<void> {
    this.run();
    await this.ready();
  }

  /** Nothing of it runs until it is told to go on: its connections stay. */
  pause(isPaused: boolean): void {
    const pid = this.child.pid as number;
    const others = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    for (const one of [pid, ...others.map(Number)]) signal(one, isPaused ? 'SIGSTOP' : 'SIGCONT');
  }

  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 30)');
  }
}

function signal(pid: number, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
