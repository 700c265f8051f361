import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type Blind, blind, health, redirected } from '../support/blind.ts';
import { type MailboxProcess, serveUnder } from '../support/process.ts';
import { until } from '../support/server.ts';
import { Caller } from '../support/traffic.ts';

const folder = mkdtempSync(join(tmpdir(), 'streams-'));
const started: MailboxProcess[] = [];
const callers: Caller[] = [];
afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  for (const process of started.splice(0)) await process.crash();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A server behind a shell that sends its streams somewhere. */
async function sent(how: string): Promise<Blind> {
  const running = await blind(redirected(how));
  started.push(running.server);
  callers.push(running.caller);
  return running;
}
/** Each makes a line of the log: nobody may send without a capability. */
async function denied(caller: Caller, times: number): Promise<void> {
  for (let i = 0; i < times; i++) expect((await caller.post('/v1/send', 'forged', {})).status).toBe(401);
}
async function endsCleanly({ server }: Blind): Promise<void> {
  server.child.kill('SIGTERM');
  expect((await server.finished).code).toBe(0);
}

describe('standard streams', () => {
  it('the reader of the log goes away, that of errors too: the server goes on, and ends when it is told to (D10)', async () => {
    const server = serveUnder([]);
    started.push(server);
    const { http } = await server.logged('server.ready');
    const caller = new Caller(`http://${http}`);
    callers.push(caller);
    server.child.stdout?.destroy();
    server.child.stderr?.destroy();
    await denied(caller, 5);
    expect(await health(caller)).toBe(200);
    await denied(caller, 5);
    expect([await health(caller), server.child.exitCode]).toEqual([200, null]);
    const ended = new Promise((resolve) => server.child.once('exit', resolve));
    server.child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('a log that takes nothing, no other stream at all: served all the same, and the end is clean (D10, O1)', async () => {
    const running = await sent('>/dev/full 2>&- <&-');
    await denied(running.caller, 5);
    expect(await health(running.caller)).toBe(200);
    // Nothing is lost yet: it waits.
    expect(await running.metrics()).toContain('log_lines_dropped_total{kind="decision"} 0\n');
    await endsCleanly(running);
  });

  it('a reader that comes back finds what it missed, whole lines of it (D10, R1)', async () => {
    const fifo = join(folder, 'log');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    // Without a writer an open for reading would wait.
    let reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const running = await sent(`>${fifo} 2>/dev/null`);
    closeSync(reader);
    await denied(running.caller, 7);
    reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    let text = '';
    const buffer = Buffer.alloc(65_536);
    const more = (): boolean => {
      try {
        text += buffer.toString('utf8', 0, readSync(reader, buffer));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      return text.split('"auth.denied"').length - 1 === 7 && text.endsWith('\n');
    };
    await until(more, 30_000);
    for (const line of text.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
    await endsCleanly(running);
    closeSync(reader);
  });
});
