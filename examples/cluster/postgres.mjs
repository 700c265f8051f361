// PostgreSQL for an afternoon: servers in a folder of their own, on loopback, as nobody where this runs as root.
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';

const DEBIAN = '/usr/lib/postgresql';
const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
const folders = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...(process.env.PATH ?? '').split(':')];
const bin = folders.find((folder) =>
  ['initdb', 'postgres', 'pg_basebackup', 'psql'].every((name) => existsSync(join(folder, name))),
);
const NOBODY = 65_534;
const owner = process.getuid() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

export const isHere = bin !== undefined;

export const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Tries until it succeeds, for a minute. */
export async function until(work) {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries > 240) throw error;
      await later(250);
    }
  }
}

export class Postgres {
  constructor(folder, port, password) {
    Object.assign(this, { folder, port, password });
    mkdirSync(folder, { mode: 0o700 });
    if ('uid' in owner) chownSync(folder, owner.uid, owner.gid);
  }

  run(name, args) {
    const env = { ...process.env, PGPASSWORD: this.password };
    return execFileSync(join(bin, name), args, { ...owner, env, cwd: this.folder, encoding: 'utf8', stdio: 'pipe' });
  }

  /** A database of its own. */
  async begin() {
    const file = join(this.folder, 'password');
    writeFileSync(file, this.password, { mode: 0o600 });
    if ('uid' in owner) chownSync(file, owner.uid, owner.gid);
    const who = ['-U', 'mailbox', '-A', 'scram-sha-256', `--pwfile=${file}`];
    this.run('initdb', ['-D', join(this.folder, 'data'), ...who, '-E', 'UTF8', '--locale=C', '--no-sync']);
    await this.start();
  }

  /** A copy of the other, which follows it from now on; what that answers waits for this one. */
  async follow(primary) {
    const from = `host=127.0.0.1 port=${primary.port} user=mailbox dbname=postgres`;
    this.run('pg_basebackup', ['-D', join(this.folder, 'data'), '-R', '-X', 'stream', '-c', 'fast', '-N', '-d', from]);
    await this.start();
    primary.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    primary.query('SELECT pg_reload_conf()');
    await until(() => {
      if (primary.query(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'`) === '0')
        throw new Error('the standby does not follow');
    });
  }

  async start() {
    const settings = [`port=${this.port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${this.folder}`];
    const args = ['-D', join(this.folder, 'data'), ...settings.flatMap((setting) => ['-c', setting])];
    this.child = spawn(join(bin, 'postgres'), args, { ...owner, cwd: this.folder, stdio: 'ignore' });
    await until(() => this.query('SELECT 1'));
  }

  /** As its own statement, which waits for no standby. */
  query(text) {
    const where = ['-h', '127.0.0.1', '-p', String(this.port), '-U', 'mailbox', '-d', 'postgres'];
    const local = 'SET synchronous_commit = local';
    return this.run('psql', [...where, '-X', '-q', '-A', '-t', '-c', local, '-c', text]).trim();
  }

  /** It takes the place of the primary. There is no standby then, and it waits for none. */
  promote() {
    this.query('SELECT pg_promote(true, 30)');
    this.query('ALTER SYSTEM RESET synchronous_standby_names');
    this.query('SELECT pg_reload_conf()');
  }

  /** `SIGKILL`: as if its machine had burnt; its children notice by themselves. */
  async end(signal = 'SIGQUIT') {
    if (this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await ended;
  }
}
