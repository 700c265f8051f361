import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Blind, blind, health } from '../support/blind.ts';
import { needTinyDisk, onTinyDisk, tellDisk } from '../support/tiny-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'log-disk-'));
let running: Blind | null = null;
beforeAll(needTinyDisk);
afterAll(async () => {
  running?.caller.close();
  await running?.server.crash();
  rmSync(folder, { recursive: true });
});

describe('a log on a partition of its own', () => {
  it('full, and free again: the server goes on, and every line of it is whole and there (D10, R1)', async () => {
    const disk = join(folder, 'disk');
    // What is in the log comes out once the server has ended; the shell is deaf to what ends that.
    const logging = ['sh', '-c', 'trap "" TERM; "$@" >"$0/log"; cat "$0/log"', disk];
    running = await blind([...onTinyDisk(1 << 20, disk), ...logging], '--auth-failure-burst', '1000000');
    const { server, caller, metrics } = running;
    const denied = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) expect((await caller.post('/v1/send', 'forged', {})).status).toBe(401);
    };
    await denied(10);
    await tellDisk(server, 'fill');
    await denied(200);
    expect(await health(caller)).toBe(200);
    expect(await metrics()).toContain('log_lines_dropped_total{kind="decision"} 0\n');
    await tellDisk(server, 'free');
    await denied(10);
    process.kill(-(server.child.pid as number), 'SIGTERM');
    const { out } = await server.finished;
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ event }) => event === 'auth.denied')).toHaveLength(220);
    expect(lines.at(-1)).toMatchObject({ event: 'server.stopped' });
  });
});
