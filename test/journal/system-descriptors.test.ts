import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { until } from '../support/server.ts';
import { needStrace, watching } from '../support/strace.ts';

const SMALL = Buffer.alloc(60_000, 7).toString('base64');
/** In a file of its own. */
const LARGE = Buffer.alloc(100_000, 8).toString('base64');

let server: DurableServer;
let cap = '';
/** What ends the flood. */
let calm = (): void => {};
beforeEach(() => {
  server = new DurableServer();
  cap = server.cap('topic = t', 'op = send,recv,ack,stats').token;
});
afterEach(async () => {
  calm();
  calm = () => {};
  await server.end();
});

const send = (key: string, payload_b64 = 'aGk=') =>
  server.caller.post('/v1/send', cap, { topic: 't', idem_key: key, payload_b64 });
const open = (): number => readdirSync(`/proc/${server.process.child.pid}/fd`).length;
const limited = (limit: number): string[] => ['prlimit', `--nofile=${limit}:${limit}`];

/** So many connections that say nothing, each made again when it is cut. */
function silence(count: number): void {
  const port = Number(/"http":"[^"]+:(\d+)"/.exec(server.process.out)?.[1]);
  const flood = new Set<Socket>();
  let isOver = false;
  const one = (): void => {
    if (isOver) return;
    const socket = connect(port, '127.0.0.1');
    flood.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      flood.delete(socket);
      setTimeout(one, 20);
    });
  };
  for (let i = 0; i < count; i++) one();
  calm = () => {
    isOver = true;
    for (const socket of flood) socket.destroy();
  };
}

/** Small and large ones over two segments, each taken and acked. */
async function exchange(rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    expect((await send(`small-${i}`, SMALL)).status, `small ${i}`).toBe(200);
    if (i % 20 === 0) expect((await send(`large-${i}`, LARGE)).status, `large ${i}`).toBe(200);
    const taken = (await server.caller.post('/v1/recv', cap, { topic: 't', max_messages: 2 })).body.messages;
    for (const { msg_id, receipt } of taken) {
      expect((await server.caller.post(`/v1/ack/${msg_id}`, cap, { receipt })).status).toBe(200);
    }
  }
}

describe('descriptors of the process (journal rule 4)', () => {
  it('1,100 silent connections under a limit of 1,024: honest clients lose nothing, and the log says what was lowered', async () => {
    server.under = limited(1024);
    await server.start();
    expect((await send('before')).status).toBe(200);
    silence(1100);
    await until(() => open() > 900, 60_000);
    await exchange(300);
    // Somebody new gets in as well.
    expect((await fetch(`http://${(await server.process.logged('server.ready'))['http']}/healthz`)).status).toBe(200);
    expect(server.process.child.exitCode).toBeNull();
    expect(server.process.out).not.toContain('"journal.failed"');
    expect(await server.process.logged('process.descriptors')).toMatchObject({
      limit: 1024,
      reason: expect.stringMatching(/^max_connections is 1024, but the limit .* is 1024 .* \d+ connections are let in/),
    });
  }, 240_000);

  it('a limit lowered under it, and peers that hold every descriptor: the journal goes on, segment after segment, snapshots too', async () => {
    await server.start();
    expect((await send('before')).status).toBe(200);
    const limit = open() + 20;
    execFileSync('prlimit', ['--pid', String(server.process.child.pid), `--nofile=${limit}:${limit}`]);
    silence(60);
    await until(() => open() >= limit - 1, 60_000);
    await exchange(330);
    await server.process.logged('journal.snapshot');
    expect(server.process.out).not.toMatch(/"journal\.(failed|room)"/);
  }, 240_000);

  it('a limit lowered below what is in use: nobody new gets in, nothing ends; raised again, all is as before', async () => {
    await server.start();
    expect((await send('before')).status).toBe(200);
    const { pid } = server.process.child;
    execFileSync('prlimit', ['--pid', String(pid), '--nofile=10:']);
    silence(5);
    await until(() => server.process.out.includes('0 connections are let in at once'), 30_000);
    // Those that are in are served on. Nobody listens: the system has nobody to report again and again.
    expect((await server.caller.ask('GET', '/v1/stats?topic=t', cap)).status).toBe(200);
    expect(await fetchOk('/healthz')).toBe(0);
    execFileSync('prlimit', ['--pid', String(pid), '--nofile=1024:']);
    await until(async () => (await fetchOk('/healthz')) === 200, 30_000);
    await until(async () => (await send('after')).status === 200, 30_000);
    expect(server.process.out).not.toMatch(/"(journal|process)\.failed"/);
  }, 240_000);

  it('a limit lowered and raised, and the address taken meanwhile: one line says so, and it listens there as soon as it can', async () => {
    await server.start();
    const { pid } = server.process.child;
    const limit = (most: number): void => void execFileSync('prlimit', ['--pid', String(pid), `--nofile=${most}:`]);
    const [host, port] = ((await server.process.logged('server.ready'))['http'] as string).split(':') as [
      string,
      string,
    ];
    limit(10);
    await until(async () => (await fetchOk('/healthz')) === 0, 30_000);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(Number(port), host, resolve));
    limit(1024);
    expect(await server.process.logged('server.not_listening')).toMatchObject({
      address: `${host}:${port}`,
      reason: 'EADDRINUSE',
    });
    await new Promise((resolve) => other.close(resolve));
    await until(async () => (await fetchOk('/healthz')) === 200, 30_000);
    expect(server.process.out.split('"server.not_listening"')).toHaveLength(2);
  }, 240_000);

  it.each(['metrics', 'uds'])(
    'a limit lowered below what is in use, and somebody knocks at %s: nobody asks again and again; raised again, they get in',
    async (door) => {
      const folder = join(server.folder, 'door');
      mkdirSync(folder, 0o700);
      await server.start('--uds', join(folder, 'socket'));
      const { pid } = server.process.child;
      const { metrics, uds } = await server.process.logged('server.ready');
      const [host, port] = (metrics as string).split(':') as [string, string];
      const where = door === 'uds' ? { path: uds as string } : { host, port: Number(port) };
      const limit = (most: number): void => void execFileSync('prlimit', ['--pid', String(pid), `--nofile=${most}:`]);
      const times = (text: string): number => server.process.out.split(text).length - 1;
      const knocking: Socket[] = [];
      const knock = (): void => void knocking.push(connect(where).on('error', () => {}));
      const answer = () =>
        new Promise((resolve) => {
          const ask =
            door === 'uds' ? { socketPath: uds as string, path: '/healthz' } : { host, port, path: '/metrics' };
          const asked = get({ ...ask, agent: false }, (res) => resolve(res.resume().statusCode));
          asked.on('error', () => resolve(0));
        });
      let [waitedMs, busyMs] = [0, 0];
      for (let round = 1; round <= 4; round++) {
        limit(10);
        // While the limit is not looked at yet, and after.
        for (let i = 0; i < 5; i++) knock();
        await until(() => times('0 connections are let in at once') === round, 30_000);
        for (let i = 0; i < 5; i++) knock();
        const [fromMs, before] = [performance.now(), wantedMs(pid as number)];
        // It is looked at once a second: so long those who knock are there, and nobody lets them in.
        limit(300);
        await until(() => times('(RLIMIT_NOFILE) is 300') === round, 30_000);
        waitedMs += performance.now() - fromMs;
        busyMs += wantedMs(pid as number) - before;
        for (const socket of knocking.splice(0)) socket.destroy();
      }
      expect(busyMs).toBeLessThan(waitedMs / 4);
      limit(1024);
      await until(async () => (await answer()) === 200, 30_000);
      expect(server.process.out).not.toMatch(/"(journal|process)\.failed"/);
    },
    240_000,
  );

  it('too few for the server: the start is refused with the limit and what is needed; with 256 it serves', async () => {
    server.under = limited(200);
    const { code, err } = await server.begin().finished;
    expect([code, err]).toEqual([
      2,
      expect.stringContaining(
        'the limit of open files (RLIMIT_NOFILE) is 200, the server needs 256 at least: raise it',
      ),
    ]);
    server.under = limited(256);
    await server.start();
    await exchange(3);
  }, 120_000);

  it('a quota that is used up while a spare segment is made is lack of room: sends are refused until there is some (rule 5)', async () => {
    needStrace();
    const spare = [
      '-P',
      join(server.data, 'log-000000000000003.tmp'),
      '-P',
      join(server.data, 'log-000000000000002.tmp'),
    ];
    server.under = watching('/dev/null', ['pwrite64'], ...spare, '-e', 'inject=pwrite64:error=EDQUOT:when=1..3');
    await server.start();
    server.under = [];
    await until(
      async () => (await send(`${Math.random()}`)).status === 200 && server.process.out.includes('again'),
      60_000,
    );
    expect(server.process.out).toMatch(/"journal.room".*quota/);
    expect(server.process.out).not.toContain('"journal.failed"');
  }, 120_000);

  it('a limit of file sizes that the reserve runs into is lack of room too; one that no segment fits in refuses the start (rule 5)', async () => {
    const limited = (bytes: number): void => {
      server.under = ['prlimit', `--fsize=${bytes}`];
    };
    limited(9_000_000);
    await server.start();
    // The reserve has room for two segments as soon as the first is in use.
    await until(async () => (await send(`${Math.random()}`)).status !== 200 || server.process.out.includes('room'));
    await server.process.logged('journal.room');
    expect(server.process.out).toMatch(/"journal.room".*RLIMIT_FSIZE/);
    await until(async () => (await send(`${Math.random()}`)).status === 200, 60_000);
    expect(server.process.out).not.toContain('"journal.failed"');

    limited(4_000_000);
    server.data = join(server.folder, 'another');
    const refused = server.begin();
    expect(await refused.finished).toMatchObject({ code: 1 });
    expect(refused.out).toMatch(/"server.refused".*EFBIG/);
  }, 120_000);
});

/** How long the first thread of the process has run or wanted to: a busy machine changes nothing of that. */
function wantedMs(pid: number): number {
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return (Number(ran) + Number(waited)) / 1e6;
}

async function fetchOk(path: string): Promise<number> {
  const { http } = await server.process.logged('server.ready');
  return fetch(`http://${http}${path}`).then(
    ({ status }) => status,
    () => 0,
  );
}
