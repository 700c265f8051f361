import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EngineFrame } from '../../src/ports/engine.ts';
import { createCluster, type PostgresEngine, type PostgresOptions } from '../../src/postgres/engine.ts';
import { isPgBouncerHere, PgBouncer } from '../support/pgbouncer.ts';
import { isPostgresHere, own, type PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { appendTo, Engines, frameOf, type Said } from '../support/postgres-engines.ts';

describe.skipIf(!isPostgresHere)('connections to PostgreSQL (unavailable where it is missing)', () => {
  let engines: Engines;
  let folder: PostgresFolder;
  let primary: PostgresServer;
  let standby: PostgresServer;
  let options: PostgresOptions;
  beforeAll(async () => {
    engines = new Engines();
    await engines.start();
    ({ folder, primary, standby } = engines);
  });
  afterAll(() => engines?.end());
  beforeEach(async () => {
    await engines.anew();
    ({ options } = engines);
  });
  afterEach(() => engines.close());
  const open = (more: Partial<PostgresOptions> = {}): Promise<PostgresEngine> => engines.open(more);
  const refusal = (more: Partial<PostgresOptions>): Promise<string> => engines.refusal(more);
  const append = (frames: readonly EngineFrame[], to: PostgresEngine): Promise<Said> => appendTo(to, frames);

  describe.skipIf(!isPgBouncerHere)('behind PgBouncer (unavailable where it is missing)', () => {
    it.each([
      [
        'transaction',
        /a pooler stands in front that gives connections away between transactions: connect directly, or in session mode$/,
      ],
      ['statement', /a pooler stands in front that gives connections away/],
      ['session', /^opened$/],
    ])('in %s mode: it is said what will not do, and what does works', async (mode, says) => {
      const pooler = await PgBouncer.start(folder, primary, mode);
      expect(await refusal({ url: pooler.url })).toMatch(says);
      if (mode === 'session') {
        const pooled = await open({ url: pooler.url });
        expect((await append([frameOf('a')], pooled)).outcomes).toEqual(['durable']);
        pooled.close();
      }
      pooler.kill();
    });
  });

  it('several servers: whichever is the primary is found, wherever it stands in the list', async () => {
    const other = await open({
      url: `postgres://postgres:swordfish@127.0.0.1:1,127.0.0.1:${standby.port},127.0.0.1:${primary.port}/postgres`,
    });
    expect((await append([frameOf('a')], other)).outcomes).toEqual(['durable']);
  });

  it('encrypted: to a server of that name with a certificate that is trusted, and to no other', async () => {
    const keys = mkdtempSync(join(tmpdir(), 'keys-'));
    const [key, certificate] = [join(keys, 'key.pem'), join(keys, 'certificate.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', [...args, ...subject, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
    own(keys);
    const secure = await folder.primary({ ssl: 'on', ssl_key_file: key, ssl_cert_file: certificate });
    const url = `${secure.urlOf()}?sslmode=verify-full`;
    const trusted = `${url}&sslrootcert=${certificate}`;
    await createCluster({ ...options, url: trusted, shards: 1 });
    const one = await open({ url: trusted });
    expect((await append([frameOf('a')], one)).outcomes).toEqual(['durable']);
    const plain = `SELECT count(*) = 0 AS yes FROM pg_stat_activity a JOIN pg_stat_ssl USING (pid)
      WHERE a.application_name LIKE 'mailbox%' AND NOT ssl`;
    expect(await secure.query(plain)).toEqual([{ yes: true }]);
    expect(await refusal({ url })).toMatch(/self.signed certificate/);
    expect(await refusal({ url: trusted.replace('127.0.0.1', 'localhost') })).toMatch(/altnames/);
    expect(await refusal({ url: `${primary.urlOf()}?sslmode=verify-full` })).toMatch(/does not support SSL/);
    await secure.kill();
    rmSync(keys, { recursive: true });
  });

  it('a server that does not keep what it says it keeps is not taken', async () => {
    const lax = await folder.primary({ fsync: 'off' });
    expect(await refusal({ url: lax.urlOf() })).toMatch(
      /fsync is off: what it says it keeps would not survive a crash$/,
    );
    await lax.kill();
  });

  it('one connection finds the primary of after a failover: the others leave the one of before, which still answers', async () => {
    const old = await folder.primary();
    await old.query('CREATE DATABASE d');
    const young = await folder.standbyOf(old);
    const url = `postgres://postgres:swordfish@127.0.0.1:${old.port},127.0.0.1:${young.port}/d`;
    await createCluster({ ...options, url, shards: 1 });
    const both = await open({ url });
    const timeline = (): Promise<unknown> =>
      new Promise((resolve) => both.promise((now) => resolve(now instanceof Error ? null : now.timeline)));
    expect([(await append([frameOf('a')], both)).outcomes, await timeline()]).toEqual([['durable'], 1]);
    await young.promote();
    await old.query('ALTER DATABASE d WITH ALLOW_CONNECTIONS false');
    await old.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailbox c reads'`,
    );
    const read = (): Promise<boolean> =>
      new Promise((resolve) => both.frames(0, 1, (found) => resolve(!(found instanceof Error))));
    while (!(await read()));
    const told = await timeline();
    expect(told ?? (await timeline())).toBe(2);
    expect((await append([frameOf('b', frameOf('a'))], both)).outcomes).toEqual(['durable']);
    await Promise.all([old.kill(), young.kill()]);
  });
});
