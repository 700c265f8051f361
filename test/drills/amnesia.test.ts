import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MailboxProcess, serveUnder } from '../support/process.ts';
import { callsIn, FILE_CALLS, leavingTraces, needStrace, watching } from '../support/strace.ts';
import { Caller } from '../support/traffic.ts';

const folder = mkdtempSync(join(tmpdir(), 'amnesia-'));
const started: MailboxProcess[] = [];
/** Where the program runs, a dump in a file would be. */
const cores = () => readdirSync(resolve(import.meta.dirname, '../..')).filter((name) => /^core(\.\d+)?$/.test(name));
beforeAll(needStrace);
afterAll(async () => {
  for (const process of started) await process.crash();
  rmSync(folder, { recursive: true });
});

describe('amnesia', () => {
  it('the watch sees what would leave a trace, and lets pass what would not (I1)', () => {
    const file = join(folder, 'watched');
    const program = `
      const fs = require('node:fs');
      fs.writeFileSync('${folder}/a', 'a');
      fs.renameSync('${folder}/a', '${folder}/b');
      fs.write(fs.openSync('/dev/null', 'w'), 'b', () => process.stdout.write('c'));`;
    const [command, ...args] = watching(file, FILE_CALLS);
    expect(spawnSync(command as string, [...args, process.execPath, '-e', program]).status).toBe(0);
    const found = leavingTraces(callsIn(file)).map((call) => call.split('(')[0]);
    expect(found).toEqual(['openat', 'write', 'rename']);
    expect(leavingTraces(['write(4<socket:[12]>, ""..., 3) = 3', 'openat(AT_FDCWD, "/etc/x", O_RDONLY) = 3'])).toEqual(
      [],
    );
  });

  it('profile micronode writes nothing anywhere: every call of the process watched, under load (I1, B12, K4)', async () => {
    const file = join(folder, 'micronode');
    const server = serveUnder(watching(file, FILE_CALLS), '--enable-admin', '--max-attempts', '2');
    started.push(server);
    const { http } = await server.logged('server.ready');
    await server.until(() => server.err.endsWith('\n\n'));
    const [cap, admin, root] = [...server.err.matchAll(/MAILBOX_CAP=(\S+)/g)].map(([, token]) => token as string);
    const caller = new Caller(`http://${http}`);
    const post = (path: string, body: object, by = cap as string) => caller.post(path, by, body);
    const produce = async (from: number): Promise<void> => {
      for (let i = from; i < 200; i += 4) {
        const sent = await post('/v1/send', { topic: 'demo', idem_key: `${i}`, payload_b64: 'A'.repeat(40_000) });
        expect(sent.status).toBe(200);
      }
    };
    await Promise.all([0, 1, 2, 3].map(produce));
    const recv = async () => (await post('/v1/recv', { topic: 'demo', visibility_ms: 60_000 })).body.messages;
    for (let messages = await recv(); messages.length > 0; messages = await recv()) {
      for (const [i, { msg_id, receipt }] of messages.entries()) {
        const verb = i % 5 === 0 ? 'nack' : 'ack';
        await post(`/v1/${verb}/${msg_id}`, i % 5 === 0 ? { receipt, dead_letter: true } : { receipt });
      }
    }
    expect((await post('/v1/dlq/purge', { topic: 'demo', older_than_ms: 0 }, admin)).body.purged).toBeGreaterThan(20);
    expect((await post('/v1/admin/revoke', { nonce: 'A'.repeat(26), reason: 'drill' }, root)).status).toBe(200);
    expect((await post('/v1/send', { topic: 'demo' })).status).toBe(400);
    server.child.kill('SIGHUP');
    await server.logged('config.reloaded');
    caller.close();
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
    const calls = callsIn(file);
    expect(leavingTraces(calls)).toEqual([]);
    expect(calls.filter((call) => /^writev?\(\d+<socket:/.test(call)).length).toBeGreaterThan(200);
    expect(calls.filter((call) => call.startsWith('execve(')).length).toBe(1);
  }, 120_000);

  it('no core dump, no debugger: the limits of the running process, and what SIGUSR1 does (I1, I2)', async () => {
    const before = cores();
    const server = serveUnder(['sh', '-c', 'ulimit -c unlimited; exec "$@"', 'sh']);
    started.push(server);
    const { metrics } = await server.logged('server.ready');
    const limits = readFileSync(`/proc/${server.child.pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size +1 +1 +bytes/m);
    server.child.kill('SIGUSR1');
    await fetch(`http://${metrics}/metrics`);
    expect(server.err).not.toContain('Debugger');
    expect(server.out).not.toContain('process.dumps');
    server.child.kill('SIGSEGV');
    const { code } = await server.finished;
    expect([code, server.child.signalCode, cores()]).toEqual([null, 'SIGSEGV', before]);
  });
});
