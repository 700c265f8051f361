import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Blind, blind, health } from '../support/blind.ts';

/** On a terminal of its own, whose output goes to a pipe. */
const ON_TERMINAL = ['sh', '-c', 'exec script -qefc "exec $*" /dev/null', 'sh'];
let running: Blind;
let pid = 0;

/** The server itself: on its terminal it has a session, and so a process group, of its own. */
const childOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));

beforeAll(async () => {
  if (spawnSync('script', ['--version']).status !== 0)
    throw new Error('this test needs the program script (util-linux)');
  running = await blind(ON_TERMINAL, '--auth-failure-burst', '1000000');
  pid = childOf(running.server.child.pid as number);
});
afterAll(async () => {
  running.caller.close();
  if (pid !== 0) process.kill(pid, 'SIGKILL');
  await running.server.crash();
});

describe('terminal', () => {
  it('somebody stops its output (Ctrl-S): the server goes on, and so does the output when it may (D10)', async () => {
    const { server, caller, metrics } = running;
    server.child.stdout?.pause();
    // Some 600 kB: more than a terminal and a pipe take.
    for (let i = 0; i < 2_000; i++) expect((await caller.post('/v1/send', 'forged', {})).status).toBe(401);
    expect(await health(caller)).toBe(200);
    expect(await metrics()).toContain('log_lines_dropped_total{kind="decision"} 0\n');
    server.child.stdout?.resume();
    await server.until(() => server.out.split('"auth.denied"').length - 1 === 2_000);
    process.kill(pid, 'SIGTERM');
    expect((await server.finished).code).toBe(0);
    pid = 0;
  });
});
