import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type MailboxProcess, serve } from '../support/process.ts';
import { until } from '../support/server.ts';

let folder = '';
const started: MailboxProcess[] = [];
const begin = (...args: string[]): MailboxProcess => {
  const process = serve(...args);
  started.push(process);
  return process;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'start-'));
});
afterEach(async () => {
  for (const process of started.splice(0)) await process.crash();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Every line of the log, parsed: none of them may be anything else. */
const lines = ({ out }: { readonly out: string }): Record<string, unknown>[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const SIGHUP = 1;
/** Resolves as soon as the process hears signals: Node itself catches SIGTERM and SIGINT before us, and never SIGHUP. */
function hears({ child }: MailboxProcess): Promise<void> {
  const caught = (): bigint => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1]}`);
  };
  return until(() => (caught() & (1n << BigInt(SIGHUP - 1))) !== 0n, 60_000);
}

describe('signals from the first moment (people.md, Operations)', () => {
  it('SIGHUP before there is a server: it lives, and reads its configuration again once it serves (K1)', async () => {
    const config = join(folder, 'mailbox.toml');
    writeFileSync(config, 'max_attempts = 3\n');
    const server = begin('--config', config);
    await hears(server);
    expect(server.out).toBe('');
    server.child.kill('SIGHUP');
    await server.logged('config.reloaded');
    expect(lines(server).map(({ event }) => event)).toEqual(
      expect.arrayContaining(['server.ready', 'config.reloaded']),
    );
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });

  it('SIGTERM before there is a server: exit 0, a line that says so, nothing on the disk', async () => {
    const data = join(folder, 'data');
    const server = begin('--data', data);
    await hears(server);
    server.child.kill('SIGTERM');
    const { code, out, err } = await server.finished;
    expect([code, err]).toEqual([0, '']);
    expect(lines({ out }).at(-1)).toMatchObject({ event: 'server.stopped', signal: 'SIGTERM' });
    expect(out).not.toContain('server.ready');
    expect(existsSync(data)).toBe(false);
  });

  it('told twice to end: it ends at once, with 1, whatever it waits for', async () => {
    const server = begin('--drain-deadline', '1h', '--read-timeout', '1h');
    const { http } = await server.logged('server.ready');
    const [host, port] = (http as string).split(':');
    // A request whose body never comes: the drain waits for it.
    const socket = connect(Number(port), host as string);
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('POST /v1/send HTTP/1.1\r\nHost: x\r\n');
    // Whoever is answered came after it: it has been read.
    await fetch(`http://${http}/healthz`);
    server.child.kill('SIGINT');
    await server.logged('server.draining');
    server.child.kill('SIGTERM');
    const { code, out } = await server.finished;
    expect([code, lines({ out }).at(-1)]).toMatchObject([1, { event: 'server.stopped', level: 'warn' }]);
    socket.destroy();
  });
});

describe('a start that is refused says so as a line of the log, too (R1)', () => {
  let taken: Server;
  let address = '';
  beforeAll(async () => {
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    address = `127.0.0.1:${(taken.address() as { port: number }).port}`;
    mkdirSync(join(folder, 'open'), { mode: 0o755 });
    chmodSync(join(folder, 'open'), 0o755);
    writeFileSync(join(folder, 'keyring.json'), '{}', { mode: 0o644 });
  });
  afterAll(() => new Promise((resolve) => taken.close(resolve)));

  const cases: [string, () => string[], number, string | undefined, RegExp][] = [
    ['an unknown flag', () => ['--shard-capacty', '5'], 2, undefined, /unknown option.*--shard-capacity/s],
    ['a keyring', () => ['--keyring', join(folder, 'keyring.json')], 2, 'keyring', /mode is 0644, must be 0600/],
    ['a data directory', () => ['--data', join(folder, 'open')], 1, 'data', /mode 0755 lets others in; chmod 0700/],
    ['an address', () => ['--bind', address], 1, 'bind', /^bind 127\.0\.0\.1:\d+: EADDRINUSE: another process/],
  ];
  it.each(cases)('%s', async (_, args, exit, setting, says) => {
    const { code, out, err } = await begin(...args()).finished;
    expect(lines({ out }).at(-1)).toMatchObject({
      level: 'error',
      event: 'server.refused',
      reason: expect.stringMatching(says),
      exit_code: exit,
      ...(setting === undefined ? {} : { setting }),
    });
    expect([code, err]).toEqual([exit, expect.stringMatching(new RegExp(says.source.replace('^', ''), says.flags))]);
  });
});
