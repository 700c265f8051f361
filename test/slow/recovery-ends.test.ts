import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeJournal } from '../../bench/journal.ts';
import { type MailboxProcess, serve } from '../support/process.ts';

/** It takes some seconds to read. */
const FACTS = 500_000;
const folder = mkdtempSync(join(tmpdir(), 'long-journal-'));
const data = join(folder, 'data');
const started: MailboxProcess[] = [];
const begin = (): MailboxProcess => {
  const process = serve('--data', data, '--ready-shards', '1', '--shard-capacity', '1000000', '--drain-deadline', '1s');
  started.push(process);
  return process;
};
beforeAll(async () => {
  const mask = process.umask(0o077);
  await writeJournal(data, FACTS, 10_000, 256);
  process.umask(mask);
});
afterEach(async () => {
  for (const process of started.splice(0)) await process.crash();
});
afterAll(() => rmSync(folder, { recursive: true }));

const hashes = (): string[] =>
  readdirSync(data)
    .filter((name) => name.startsWith('log-') && !name.endsWith('.tmp'))
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(data, name)))
          .digest('hex')}`,
    );

describe('while a long journal is read', () => {
  it('asked, it answers that it is starting; told to end, it ends with 0 and has written nothing (BD3, people.md, Operations)', async () => {
    const before = hashes();
    const server = begin();
    const { http } = await server.logged('server.starting');
    const answer = await fetch(`http://${http}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { ready: false, missing: ['starting'], retry_after: 1 },
    ]);
    expect((await fetch(`http://${http}/healthz`)).status).toBe(200);
    server.child.kill('SIGHUP');
    server.child.kill('SIGTERM');
    const { code, out } = await server.finished;
    expect(code).toBe(0);
    expect(out).toMatch(/"event":"server.stopped","signal":"SIGTERM","reason":"ended by SIGTERM before it was ready"/);
    expect(out).not.toContain('journal.opened');
    expect(hashes()).toEqual(before);
  });

  it('SIGHUP waits for the end of it (K1)', async () => {
    const server = begin();
    await server.logged('server.starting');
    server.child.kill('SIGHUP');
    await server.logged('config.reloaded');
    expect(server.out.indexOf('server.ready')).toBeGreaterThan(0);
    expect(server.out.indexOf('server.ready')).toBeLessThan(server.out.indexOf('config.reloaded'));
  });
});
