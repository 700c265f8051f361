import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
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

/** A port that nobody has: of a server whose log cannot be read. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

interface Blind {
  readonly server: MailboxProcess;
  readonly caller: Caller;
  readonly metrics: string;
}

/** A server behind a shell that sends its streams somewhere; serving, when this resolves. */
async function blind(redirect: string): Promise<Blind> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const addresses = ['--bind', `127.0.0.1:${port}`, '--metrics-bind', `127.0.0.1:${metricsPort}`];
  const server = serveUnder(['sh', '-c', `exec "$@" ${redirect}`, 'sh'], ...addresses);
  started.push(server);
  const caller = new Caller(`http://127.0.0.1:${port}`);
  callers.push(caller);
  const pause = () => new Promise<number>((resolve) => setTimeout(resolve, 20, 0));
  await until(async () => (await health(caller).catch(pause)) === 200, 30_000);
  return { server, caller, metrics: `http://127.0.0.1:${metricsPort}/metrics` };
}

const health = async (caller: Caller): Promise<number> => (await caller.ask('GET', '/readyz', null)).status;
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

  it.each(['>/dev/full 2>/dev/full', '>&- 2>&- <&-', '2>&1 | true'])(
    'streams that take nothing (%s): served all the same, and the end is clean (D10, O1)',
    async (redirect) => {
      const running = await blind(redirect);
      await denied(running.caller, 5);
      expect(await health(running.caller)).toBe(200);
      // Nothing is lost yet: it waits.
      expect(await (await fetch(running.metrics)).text()).toContain('log_lines_dropped_total{kind="decision"} 0\n');
      if (!redirect.includes('|')) await endsCleanly(running);
    },
  );

  it('a reader that comes back finds what it missed, whole lines of it (D10, R1)', async () => {
    const fifo = join(folder, 'log');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    // Without a writer an open for reading would wait.
    let reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const running = await blind(`>${fifo} 2>/dev/null`);
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
