import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPostgresHere } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const PATIENCE_MS = 120_000;

describe.skipIf(!isPostgresHere)('the example of a cluster (unavailable without PostgreSQL)', () => {
  let child: ChildProcess;
  let out = '';
  let code: number | null | undefined;
  beforeAll(() => {
    child = spawn(process.execPath, ['examples/cluster/cluster.mjs'], { stdio: 'pipe' });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        out += chunk;
      });
    child.once('exit', (status) => {
      code = status;
    });
  });
  afterAll(() => {
    if (code === undefined) child.kill('SIGTERM');
  });

  const said = (what: RegExp): Promise<unknown> =>
    until(() => what.test(out) || code !== undefined, PATIENCE_MS).then(() => expect(out).toMatch(what));
  const handled = (): number => Number([...out.matchAll(/(\d+) handled/g)].at(-1)?.[1] ?? 0);
  const moreHandled = async (): Promise<void> => {
    const before = handled();
    await until(() => handled() > before || code !== undefined, PATIENCE_MS);
    expect(code, out).toBeUndefined();
  };
  const order = (line: string): boolean | undefined => child.stdin?.write(`${line}\n`);

  it('as docs/cluster.md says: the primary and a node are killed under load, and nothing that was accepted is lost (B13, R3)', async () => {
    await said(/ready: /);
    await moreHandled();
    order('status');
    await said(/12 shards, 3 nodes/);
    order('primary');
    await said(/there is a standby again/);
    await moreHandled();
    order('node');
    await said(/node a is there again/);
    await moreHandled();
    order('quit');
    await until(() => code !== undefined, PATIENCE_MS);
    expect([code, out]).toEqual([0, expect.stringMatching(/(\d+) accepted, \1 handled, 0 lost\n$/)]);
  });
});
