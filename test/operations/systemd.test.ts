import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { textOf } from '../support/operations.ts';
import { run, serve, serveUnder } from '../support/process.ts';
import { isHere, told } from '../support/programs.ts';
import { callsIn, needStrace, watching } from '../support/strace.ts';

const UNIT = textOf('examples/operations/systemd/mailbox.service');
/** All values of a directive, in their order. */
const valuesOf = (name: string): string[] =>
  [...UNIT.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value as string);
/** Ended with the test, also when it fails. */
const running: DurableServer[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.end();
});
const folder = mkdtempSync(join(tmpdir(), 'systemd-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What systemd does with a main process that ended so (systemd.service(5), Restart= and RestartPreventExitStatus=). */
function isStartedAgain(code: number | null): boolean {
  expect(valuesOf('Restart')).toEqual(['on-failure']);
  if (code === null) return true;
  return code !== 0 && !valuesOf('RestartPreventExitStatus').join(' ').split(' ').includes(String(code));
}

describe.skipIf(!isHere('systemd-analyze', '--version'))('systemd-analyze (unavailable where it is missing)', () => {
  /** The unit as it would be installed, with programs that are on this machine. */
  const installed = (): string => {
    const file = join(folder, 'mailbox.service');
    writeFileSync(file, UNIT.replaceAll('/usr/bin/mailbox', process.execPath));
    return file;
  };

  it('verify: nothing in the unit is unknown or misspelt (U4)', () => {
    expect(told('systemd-analyze', ['verify', '--man=no', installed()])).toEqual({ status: 0, text: '' });
    const wrong = join(folder, 'wrong.service');
    writeFileSync(wrong, UNIT.replace('ProtectClock=', 'ProtectCluck='));
    expect(told('systemd-analyze', ['verify', '--man=no', wrong]).text).toContain('ProtectCluck');
  });

  it('security: the exposure is at most 2.0 (U4)', () => {
    const { status, text } = told('systemd-analyze', ['security', '--offline=yes', '--threshold=20', installed()]);
    expect([status, text]).toEqual([0, expect.stringMatching(/exposure level for mailbox\.service: [01]\.\d/)]);
  });

  it('calls of the system: the filter lets through all that the server makes, with traffic, the lock and the end (U4)', async () => {
    needStrace();
    const file = join(folder, 'calls');
    mkdirSync(join(folder, 'run'), { mode: 0o700 });
    const server = new DurableServer();
    running.push(server);
    server.under = watching(file, ['all']);
    await server.start('--uds', join(folder, 'run', 'socket'));
    const cap = server.cap('topic prefix t', 'op = send,recv,ack').token;
    for (let i = 0; i < 20; i++) {
      await server.caller.post('/v1/send', cap, { topic: 't', idem_key: `${i}`, payload_b64: 'A'.repeat(100_000) });
    }
    const { messages } = (await server.caller.post('/v1/recv', cap, { topic: 't' })).body;
    await server.caller.post(`/v1/ack/${messages[0].msg_id}`, cap, { receipt: messages[0].receipt });
    server.process.child.kill('SIGTERM');
    expect((await server.process.finished).code).toBe(0);
    const calls = callsIn(file);
    const made = new Set(calls.map((call) => call.slice(0, call.indexOf('('))));
    const allowed = allowedCalls();
    // What Node tries first and does without where it is refused.
    const tried = ['io_uring_setup', 'io_uring_enter', 'io_uring_register', 'pkey_alloc', 'pkey_mprotect'];
    expect([...made].filter((call) => !allowed.has(call) && !tried.includes(call))).toEqual([]);
    expect(made.size).toBeGreaterThan(40);
    expect(['ptrace', 'mount', 'reboot', 'setuid'].filter((call) => allowed.has(call))).toEqual([]);
    // ProtectSystem=strict, and a container whose root is read-only: nothing is written but what is its own.
    const opened = calls.flatMap(
      (call) => /^open(?:at)?\(.*"([^"]+)", [A-Z_|]*O_(?:WRONLY|RDWR|CREAT)/.exec(call)?.[1] ?? [],
    );
    // The journal names its files by the descriptor of their folder.
    const own = [server.folder, folder, '/dev/null', '/proc/self/fd/'];
    expect(opened.filter((path) => !own.some((place) => path.startsWith(place)))).toEqual([]);
    expect(opened.length).toBeGreaterThan(3);
    const families = calls.flatMap((call) => /^socket\((AF_\w+)/.exec(call)?.[1] ?? []);
    const known = valuesOf('RestrictAddressFamilies').join(' ').split(' ');
    expect([...new Set(families)].filter((family) => !known.includes(family))).toEqual([]);
  }, 120_000);
});

/** Names that the filter of the unit lets through; the groups are those of systemd itself. */
function allowedCalls(): Set<string> {
  const groups = new Map<string, string[]>();
  let group: string[] = [];
  for (const line of told('systemd-analyze', ['syscall-filter']).text.split('\n')) {
    const [word = ''] = line.trim().split(' ');
    if (line.startsWith('@')) {
      group = [];
      groups.set(word, group);
    } else if (/^[@a-z0-9_-]+$/.test(word)) group.push(word);
  }
  const callsOf = (name: string): string[] =>
    name.startsWith('@') ? (groups.get(name) ?? []).flatMap(callsOf) : [name];
  // What every filter lets through, by itself.
  const allowed = new Set(callsOf('@default'));
  for (const value of valuesOf('SystemCallFilter')) {
    const isDenied = value.startsWith('~');
    for (const call of value.replace('~', '').split(' ').flatMap(callsOf)) {
      if (isDenied) allowed.delete(call);
      else allowed.add(call);
    }
  }
  return allowed;
}

describe('unit', () => {
  it('Restart=on-failure: each way in which the server ends, as its exit codes say (U4)', async () => {
    const ends: [string, boolean][] = [];
    const note = (how: string, code: number | null) => ends.push([how, isStartedAgain(code)]);
    note('a wrong setting', (await run(['serve', '--max-attempts', '0'])).code);
    note('a keyring that is not there', (await run(['serve', '--keyring', join(folder, 'none.json')])).code);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    note('an address that is taken', (await run(['serve', '--bind', `127.0.0.1:${port}`])).code);
    taken.close();
    const told = serve();
    await told.logged('server.ready');
    told.child.kill('SIGTERM');
    note('told to end', (await told.finished).code);
    const killed = serve();
    await killed.logged('server.ready');
    await killed.crash();
    note('killed', (await killed.finished).code);
    expect(ends).toEqual([
      ['a wrong setting', false],
      ['a keyring that is not there', false],
      ['an address that is taken', true],
      ['told to end', false],
      ['killed', true],
    ]);
    // Never given up for having been started too often.
    expect(valuesOf('StartLimitIntervalSec')).toEqual(['0']);
  }, 120_000);

  it('its configuration file is one that the server takes, with paths of the directories that the unit makes (U4)', async () => {
    const file = join(folder, 'mailbox.toml');
    writeFileSync(file, textOf('examples/operations/systemd/mailbox.toml'));
    expect(await run(['config', 'check', '--config', file])).toMatchObject({ code: 0 });
    const text = readFileSync(file, 'utf8');
    for (const [kind, at] of [
      ['StateDirectory', '/var/lib'],
      ['RuntimeDirectory', '/run'],
      ['ConfigurationDirectory', '/etc'],
    ] as const) {
      expect(text).toContain(`"${at}/${valuesOf(kind)[0]}/`);
    }
    const stopMs = Number(/^(\d+)s$/.exec(valuesOf('TimeoutStopSec')[0] as string)?.[1]) * 1000;
    const drainMs = Number(/drain_deadline = "(\d+)s"/.exec(text)?.[1]) * 1000;
    // The last log lines have a second.
    expect(stopMs).toBeGreaterThan(drainMs + 1000);
  });

  const inProc = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c'];
  const hidden = 'mount -t proc -o subset=pid,hidepid=invisible proc /proc && exec "$@"';
  const canHide = isHere('unshare', ...inProc.slice(1), 'mount -t proc -o subset=pid,hidepid=invisible proc /proc');
  it.skipIf(!canHide)(
    'ProcSubset=pid: it serves with a /proc of processes only (U4; unavailable where that may not be mounted)',
    async () => {
      const server = serveUnder([...inProc, hidden, 'sh']);
      const { http } = await server.logged('server.ready');
      expect((await fetch(`http://${http}/readyz`)).status).toBe(200);
      await server.crash();
    },
  );
});
